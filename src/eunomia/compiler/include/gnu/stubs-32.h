/* glibc's <gnu/stubs.h> wants this file for any target that is not x86-64, BPF among them; distributions bring it with gcc-multilib only.
 * Sources that include <errno.h>, as libbpf-tools' maps.bpf.h does, need nothing of it. */

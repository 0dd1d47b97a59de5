#ifndef API_PROBE_H
#define API_PROBE_H
/* What this kernel can do, found out by loading and creating the smallest things; nothing stays. This header is read by cffi:
 * plain declarations only. Answers: 1 yes, 0 no, -errno where it cannot be told (-EPERM: not allowed to ask). */

/* Program type and attach type that libbpf gives a section; -ESRCH where it does not know it. */
int eu_section_types(const char *section, int *type, int *attach_type);
int eu_probe_prog_type(int type);
int eu_probe_map_type(int type);
/* Whether programs of this type may call the helper; -EOPNOTSUPP where libbpf cannot ask (tracing, lsm, ext, struct_ops). */
int eu_probe_helper(int type, int helper);
/* Load a program that only returns, as this type for this target; with attach it is attached too, for a moment.
 * 0, or -errno of the step that failed; *attaching says which. */
int eu_probe_program(int type, int attach_type, uint32_t btf_id, uint32_t flags, int attach, int *attaching);
/* Make a kprobe for a moment, without a program: 0, or -errno (-ENOENT: no such symbol or no kprobes). */
int eu_probe_kprobe(const char *symbol, int is_return);
/* Attach a kprobe.multi (attach type given: session too) for a moment to one symbol: 0, or -errno; *attaching as above. */
int eu_probe_kprobe_multi(const char *symbol, int attach_type, int *attaching);
/* Whether the kernel reads and writes maps in batches (5.6+). */
int eu_probe_batch(void);
/* Whether attachments can carry a cookie (5.15+). */
int eu_probe_cookie(void);
/* Path of a program or library as uprobes find it, or -ENOENT. */
int eu_probe_binary(const char *name, char *path, size_t room);
/* Number of functions of an ELF file with this name in its symbol tables, or -errno. */
int eu_probe_function(const char *path, const char *name);
/* Open a perf event for a moment: 0, or -errno (-ENOENT: this machine has no such counter). */
int eu_probe_perf(int type, uint64_t config);
/* Text of a file of securityfs ("lsm", "lockdown"), which need not be mounted; its length, or -errno. */
int eu_probe_security(const char *name, char *text, size_t room);
/* Whether a program of this type, for this target, may call a helper (or a kfunc, by its BTF id): 1, 0, or -errno where no such program
 * is taken at all. */
int eu_probe_call(int type, int attach_type, uint32_t btf_id, uint32_t flags, int function, int is_kfunc);
/* Load a program that only returns, as this type, with these flags: 0, or -errno. */
int eu_probe_load(int type, int attach_type, uint32_t btf_id, uint32_t flags);
/* Whether the verifier takes these instructions (8 bytes each) as a socket filter: 1, 0, or -EPERM. */
int eu_probe_code(const void *code, size_t count);
/* Make a map of these sizes for a moment: 0, or -errno. */
int eu_probe_map(int type, uint32_t key, uint32_t value, uint32_t entries, uint32_t flags);
/* 0 where a program of an opened object takes such a target, else -errno with the words of eu_prog_attach() as eu_error(). */
int eu_target_check(struct eu_object *object, int index, const char *text);
/* How to write the targets that a program takes, "" where its section says all there is. */
int eu_prog_target_forms(struct eu_object *object, int index, char *text, size_t room);
/* 0 where a directory of cgroup v2 is there, else -errno with eu_error(). */
int eu_probe_cgroup(struct eu_object *object, int index, const char *name);
/* Open the event of a target perf:EVENT,… for a moment: 0, or -errno; eu_error() where its words are wrong. */
int eu_probe_perf_target(const char *text);
/* The id of the XDP program that an interface has, 0: none; or -errno. */
int eu_probe_xdp_slot(int ifindex);
/* Whether a link has put this program into the interface's XDP slot: its id, 0 none has, -errno cannot be told. */
int eu_probe_xdp_link(int ifindex, int prog_id);
/* A function of the binary with nearly this name, as " [did you mean NAME?]", or "". */
void eu_probe_near_function(const char *path, const char *name, char *out, size_t room);
#endif

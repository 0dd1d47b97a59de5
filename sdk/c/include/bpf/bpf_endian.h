/* Guests and their kernels are little endian. */
#ifndef __BPF_ENDIAN__
#define __BPF_ENDIAN__
#define bpf_htons(value) __builtin_bswap16(value)
#define bpf_ntohs(value) __builtin_bswap16(value)
#define bpf_htonl(value) __builtin_bswap32(value)
#define bpf_ntohl(value) __builtin_bswap32(value)
#define bpf_cpu_to_be64(value) __builtin_bswap64(value)
#define bpf_be64_to_cpu(value) __builtin_bswap64(value)
#endif

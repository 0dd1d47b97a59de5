/* Options of libbpf's functions: a struct whose first member is its size. */
#ifndef __LIBBPF_LIBBPF_COMMON_H
#define __LIBBPF_LIBBPF_COMMON_H
#pragma GCC system_header
#define LIBBPF_API
#define LIBBPF_DEPRECATED(msg)
#define LIBBPF_OPTS(TYPE, NAME, ...) struct TYPE NAME = {.sz = sizeof(struct TYPE), ##__VA_ARGS__}
#define DECLARE_LIBBPF_OPTS LIBBPF_OPTS
#define LIBBPF_OPTS_RESET(NAME, ...)                                                                                                       \
	do {                                                                                                                               \
		__typeof__(NAME) eu_given = {.sz = sizeof(NAME), ##__VA_ARGS__};                                                             \
		(NAME) = eu_given;                                                                                                         \
	} while (0)
#endif

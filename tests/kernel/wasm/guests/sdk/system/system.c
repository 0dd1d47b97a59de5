// SPDX-License-Identifier: GPL-2.0
/* What such programs ask of their system, by Linux's numbers and glibc's manners. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <argp.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "trace_helpers.h"
#include "uprobe_helpers.h"

#if !defined(__GLIBC__) || __GLIBC__ < 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ < 32)
const char *strerrorname_np(int number) {
    return NULL;
}
#endif

static void numbers(void) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr six = {.s6_addr = {[15] = 1}};
    struct in_addr four;
    printf("families %d %d kinds %d %d here %d\n", AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, AT_FDCWD);
    printf("%d %s", inet_pton(AF_INET, "1.2.3.4", &four), inet_ntop(AF_INET, &four, text, sizeof(text)));
    printf(" %s", inet_ntoa(four));
    printf(" %s\n", inet_ntop(AF_INET6, &six, text, sizeof(text)));
    printf("fork %d %s", fork(), strerrorname_np(errno));
    printf(" wait %d %s", waitpid(-1, NULL, 0), strerrorname_np(errno));
    printf(" eventfd %d %s\n", eventfd(0, EFD_CLOEXEC), strerrorname_np(errno));
    printf("page %ld, pid above 1: %d\n", sysconf(_SC_PAGESIZE), getpid() > 1);
    printf("at most %ld %d\n", MAX(LONG_MAX, 1), MIN(3, 2));
}

static void lines(void) {
    char *line = (char *)8, text[64];
    size_t size = 0;
    FILE *file = fopen("/proc/sys/kernel/ostype", "r");
    printf("line %zd %s", getline(&line, &size, file), line);
    printf("loadavg %d %d time %d\n", str_loadavg(text, sizeof(text)) > 9, !strncmp(text, "loadavg: ", 9),
           str_timestamp("%H:%M:%S", text, sizeof(text)));
}

static void types(void) {
    const struct btf *btf = btf__load_vmlinux_btf();
    int id = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF), found = 0;
    const struct btf_type *type = btf__type_by_id(btf, id);
    if (libbpf_get_error(btf) || !type) {
        printf("types: %d known, not to be read\n", id > 0);
        return;
    }
    type = btf__type_by_id(btf, type->type);
    printf("types: pointer %d", btf_is_ptr(type));
    type = btf__type_by_id(btf, type->type);
    printf(" function %d", btf_is_func_proto(type) && btf_vlen(type) >= 4);
    for (__u32 i = 1; i < btf__type_cnt(btf); i++) {
        type = btf__type_by_id(btf, i);
        for (int j = 0; btf_is_enum(type) && j < btf_vlen(type); j++)
            found += !strcmp(btf__name_by_offset(btf, btf_enum(type)[j].name_off), "RTM_BASE");
    }
    id = btf__find_by_name_kind(btf, "list_head", BTF_KIND_STRUCT);
    printf(" enums %d size %lld none %d\n", found, btf__resolve_size(btf, id), btf__find_by_name(btf, "no such type"));
}

static void sections(const char *path) {
    int fd = -1, found = 0, names = 0;
    Elf *elf = open_elf(path, &fd);
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    size_t strings;
    if (!elf || elf_getshdrstrndx(elf, &strings)) {
        printf("elf: not to be read\n");
        return;
    }
    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Sym symbol;
        gelf_getshdr(section, &header);
        names += !strcmp(elf_strptr(elf, strings, header.sh_name), ".dynsym");
        for (int i = 0; header.sh_type == SHT_DYNSYM && gelf_getsym(elf_getdata(section, NULL), i, &symbol); i++)
            found += !strcmp(elf_strptr(elf, header.sh_link, symbol.st_name), "readline");
    }
    close_elf(elf, fd);
    printf("elf: %d %d\n", names, found);
}

static void on_sample(void *context, int cpu, void *data, __u32 size) {
}

static void old_forms(void) {
    struct perf_buffer_opts opts = {.sample_cb = on_sample};
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    printf("old: %d %ld\n", bump_memlock_rlimit(), libbpf_get_error(perf_buffer__new(-1, 64, &opts)));
}

static void interrupted(void) {
    struct timespec second = {.tv_sec = 60}, left;
    printf("sleep %d %s", nanosleep(&second, &left), strerrorname_np(errno));
    printf(" left %d\n", left.tv_sec > 0);
}

static void on_signal(int number) {
}

int main(int argc, char **argv) {
    libbpf_set_print(NULL);
    if (argc > 1) {
        signal(SIGINT, on_signal);
        printf("waiting\n");
        fflush(stdout);
        interrupted();
        return 0;
    }
    numbers();
    lines();
    types();
    sections("/bin/bash");
    sections("/bin/no such file");
    old_forms();
    return 0;
}

/* What a guest asks of the machine: CPUs, signals, symbols, what this kernel can do, and test runs. */
#define _GNU_SOURCE
#include "btf_raw.h"
#include "guest_bpf.h"
#include "symbols.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = 1, MAX_REPEAT = 1 << 20, MAX_PACKET = 1 << 20 };
enum { FENTRY = 1, TP_BTF, MAP_TYPE, PROGRAM_TYPE, KPROBE, TRACEPOINT, STRUCTURE, KERNEL_BTF, HELPER, HOST };

EU_GUEST_CALL(eu_call_version) {
    return eu_answer(slots, VERSION);
}

EU_GUEST_CALL(eu_call_cpus) {
    return eu_answer(slots, eu_possible_cpus());
}

EU_GUEST_CALL(eu_call_signal) {
    return eu_answer(slots, atomic_exchange(&guest->signal, 0));
}

static int takes_context(uint32_t type) {
    return type == BPF_PROG_TYPE_SYSCALL || type == BPF_PROG_TYPE_RAW_TRACEPOINT || type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE ||
           type == BPF_PROG_TYPE_SK_LOOKUP || type == BPF_PROG_TYPE_TRACING;
}

/* Data and context in copies: the kernel may write behind what it was given to read. */
static int test_run(struct eu_guest *guest, struct eu_guest_object *object, int prog, const uint8_t *in, uint32_t in_size, uint8_t *out,
                    uint32_t out_size, uint32_t repeat, uint32_t *result) {
    struct eu_test_run run = {.repeat = repeat ? repeat : 1};
    int context = takes_context(bpf_program__type(object->object->progs[prog]));
    *(context ? &run.context : &run.data) = in_size ? in : NULL;
    *(context ? &run.context_size : &run.data_size) = in_size;
    *(context ? &run.context_out : &run.data_out) = out_size ? out : NULL;
    *(context ? &run.context_out_size : &run.data_out_size) = out_size;
    int err = eu_prog_test_run(object->object, prog, &run);
    if (err)
        return eu_guest_failed_as(guest, err);
    result[0] = run.result;
    result[1] = run.duration_ns;
    uint32_t written = context ? run.context_out_size : run.data_out_size;
    return (int)(written < out_size ? written : out_size);
}

EU_GUEST_CALL(eu_call_test_run) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    int prog = object ? eu_guest_prog_named(guest, object, slots[1].u32) : -EINVAL;
    uint32_t in_size = slots[3].u32, out_size = slots[5].u32, repeat = slots[6].u32, said[2] = {0, 0};
    if (prog < 0)
        return eu_answer(slots, prog);
    if (repeat > MAX_REPEAT || in_size > MAX_PACKET || out_size > MAX_PACKET)
        return eu_answer(slots, eu_guest_failed(guest, EINVAL, "test-run: at most %d runs, and %d bytes", MAX_REPEAT, MAX_PACKET));
    const uint8_t *in = eu_guest_span(guest, slots[2].u32, in_size, "test-run: data");
    uint8_t *out = in ? eu_guest_span(guest, slots[4].u32, out_size, "test-run: room") : NULL;
    uint8_t *result = out && slots[7].u32 ? eu_guest_span(guest, slots[7].u32, sizeof(said), "test-run: result") : NULL;
    if (!out || (slots[7].u32 && !result))
        return eu_answer(slots, -EFAULT);
    int size = test_run(guest, object, prog, in, in_size, out, out_size, repeat, said);
    if (size >= 0 && result)
        memcpy(result, said, sizeof(said));
    return eu_answer(slots, size);
}

/* The tables of names are one for the process, several guests may ask. */
static pthread_mutex_t names = PTHREAD_MUTEX_INITIALIZER;

static int find_symbol(int pid, uint64_t address, char *out, size_t room) {
    uint64_t offset = 0;
    pthread_mutex_lock(&names);
    const char *name = pid > 0 ? eu_user_name(pid, address, &offset) : eu_kernel_name(address, &offset);
    int length = name ? snprintf(out, room, "%s+0x%llx", name, (unsigned long long)offset) : -ENOENT;
    pthread_mutex_unlock(&names);
    return length;
}

EU_GUEST_CALL(eu_call_symbol) {
    int pid = slots[0].i32 > 0 ? slots[0].i32 : 0;
    const struct eu_guest_request request = {.what = "symbol", .prog = -1, .target = "", .pid = pid};
    char text[2048];
    uint32_t size = slots[3].u32;
    uint8_t *out = eu_guest_span(guest, slots[2].u32, size, "symbol");
    if (!out)
        return eu_answer(slots, -EFAULT);
    int err = eu_guest_decide(guest, &request);
    int length = err ? err : find_symbol(pid, slots[1].u64, text, sizeof(text));
    if (length < 0)
        return eu_answer(slots, length);
    if (length >= (int)sizeof(text))
        length = sizeof(text) - 1;
    if (size) {
        uint32_t shown = (uint32_t)length < size ? (uint32_t)length : size - 1;
        memcpy(out, text, shown);
        out[shown] = 0;
    }
    return eu_answer(slots, length);
}

/* The kernel's type of this name and kind: its id, 0: none. */
static uint32_t find_type(uint32_t kind, const char *prefix, const char *name, const struct btf_type **found) {
    struct eu_btf_view view;
    const struct btf_type *type;
    int64_t tail;
    uint32_t id = 1;
    size_t length = strlen(prefix);
    if (eu_btf_file(NULL, &view))
        return 0;
    for (const char *at = view.types; (type = eu_btf_at(&view, at, &tail)); at += sizeof(*type) + tail, id++) {
        const char *own = eu_btf_name(&view, type->name_off);
        if (BTF_INFO_KIND(type->info) == kind && !strncmp(own, prefix, length) && !strcmp(own + length, name)) {
            *found = type;
            return id;
        }
    }
    return 0;
}

static int can_trace(const char *function) {
    const struct btf_type *type;
    int attaching;
    uint32_t id = find_type(BTF_KIND_FUNC, "", function, &type);
    return id && !eu_probe_program(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id, 0, 1, &attaching);
}

/* "struct", "struct.member"; unions too. */
static int has_structure(char *name) {
    static const uint32_t kinds[] = {BTF_KIND_STRUCT, BTF_KIND_UNION};
    const struct btf_type *type;
    struct eu_btf_view view;
    char *dot = strchr(name, '.');
    if (dot)
        *dot++ = 0;
    for (size_t i = 0; i < 2; i++) {
        if (!find_type(kinds[i], "", name, &type) || eu_btf_file(NULL, &view))
            continue;
        if (!dot)
            return 1;
        const struct btf_member *member = (const struct btf_member *)(type + 1);
        for (uint32_t m = 0; m < BTF_INFO_VLEN(type->info); m++)
            if (!strcmp(eu_btf_name(&view, member[m].name_off), dot))
                return 1;
    }
    return 0;
}

/* "category:name", or "category/name". */
static int has_tracepoint(char *name) {
    char path[GUEST_NAME + 32], *colon = name + strcspn(name, ":/");
    int root = eu_tracefs();
    if (root < 0 || !*colon || strstr(name, "..") || strchr(colon + 1, '/'))
        return 0;
    *colon = '/';
    snprintf(path, sizeof(path), "events/%s/id", name);
    return !faccessat(root, path, F_OK, 0);
}

static int has_helper(const char *name) {
    char *end;
    long type = strtol(name, &end, 10), helper = *end == ':' ? strtol(end + 1, &end, 10) : -1;
    return helper < 0 || *end ? -EINVAL : eu_probe_helper((int)type, (int)helper);
}

static int has_number(const char *name, int (*probe)(int)) {
    char *end;
    long number = strtol(name, &end, 10);
    if (end == name || *end || number < 0 || number > INT32_MAX)
        return -EINVAL;
    int answer = probe((int)number);
    return answer == -EOPNOTSUPP ? 0 : answer; /* a number that libbpf has never heard of */
}

/* Numbers of the machine, which WASI does not tell. */
static int host_number(const char *name) {
    if (!strcmp(name, "pid"))
        return (int)getpid();
    return !strcmp(name, "page-size") ? (int)sysconf(_SC_PAGESIZE) : -EINVAL;
}

static int probe(int what, char *name) {
    const struct btf_type *type;
    struct eu_btf_view view;
    switch (what) {
    case FENTRY:
        return can_trace(name);
    case TP_BTF:
        return find_type(BTF_KIND_TYPEDEF, "btf_trace_", name, &type) != 0;
    case MAP_TYPE:
        return has_number(name, eu_probe_map_type);
    case PROGRAM_TYPE:
        return has_number(name, eu_probe_prog_type);
    case KPROBE:
        return !eu_probe_kprobe(name, 0);
    case TRACEPOINT:
        return has_tracepoint(name);
    case STRUCTURE:
        return has_structure(name);
    case KERNEL_BTF:
        return !eu_btf_file(NULL, &view);
    case HELPER:
        return has_helper(name);
    case HOST:
        return host_number(name);
    default:
        return -EINVAL;
    }
}

EU_GUEST_CALL(eu_call_probe) {
    char name[GUEST_NAME] = "";
    int what = slots[0].i32;
    int err = what == KERNEL_BTF ? 0 : eu_guest_name(guest, slots[1].u32, name, sizeof(name), "what is asked for");
    const struct eu_guest_request request = {.what = "probe", .prog = -1, .target = name};
    if (!err)
        err = eu_guest_decide(guest, &request);
    if (err)
        return eu_answer(slots, err);
    int answer = probe(what, name);
    if (answer == -EINVAL)
        eu_guest_failed(guest, EINVAL, "probe %d: %.100s: not asked like this", what, name);
    return eu_answer(slots, answer > 0 && what != HOST ? 1 : answer);
}

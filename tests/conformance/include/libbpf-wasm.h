/* The guest's side of the first interface, in the shape of the headers that guests were built with: HEADER=2023 the oldest,
 * HEADER=2026 the newest. Written from the interface's description for tests; for guests of your own take sdk/c.
 *
 * What hosts must live with, on purpose the same here: 2023 hands a pointer to "" as target to every attach and does not
 * look at the result; both print a newline when an object is opened, poll into 4096 bytes on the stack, turn timeouts of 0
 * and below into 100 ms, edit .rodata in the ELF image before load, and ask for a map's descriptor again and again. */
#ifndef LIBBPF_WASM_H
#define LIBBPF_WASM_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef HEADER
#define HEADER 2023
#endif
#ifndef MODULE
#define MODULE "wasm_bpf" /* "env" until February 2023 */
#endif
#define HOST(name) __attribute__((import_module(MODULE), import_name(#name))) extern

typedef uint64_t bpf_object_skel;
typedef int (*bpf_buffer_sample_fn)(void *ctx, void *data, size_t size);
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_EXIST 2

HOST(wasm_load_bpf_object) bpf_object_skel wasm_load_bpf_object(const void *elf, int size);
HOST(wasm_close_bpf_object) int wasm_close_bpf_object(bpf_object_skel object);
HOST(wasm_attach_bpf_program) int wasm_attach_bpf_program(bpf_object_skel object, const char *name, const char *target);
HOST(wasm_bpf_map_fd_by_name) int wasm_bpf_map_fd_by_name(bpf_object_skel object, const char *name);
HOST(wasm_bpf_map_operate) int wasm_bpf_map_operate(int fd, int cmd, void *key, void *value, void *next_key, uint64_t flags);
#ifndef WRAPPED
HOST(wasm_bpf_buffer_poll)
int wasm_bpf_buffer_poll(bpf_object_skel object, int fd, bpf_buffer_sample_fn sample, void *ctx, char *data, int size, int timeout_ms);
#endif
#if HEADER >= 2026
HOST(wasm_attach_bpf_program_fd) int wasm_attach_bpf_program_fd(bpf_object_skel object, const char *name, int fd);
#endif

struct bpf_map {
    bpf_object_skel obj;
    char name[64];
};
struct bpf_program {
    bpf_object_skel obj;
    char name[64];
    char target[128];
    bool autoattach;
#if HEADER >= 2026
    int target_fd;
    bool by_fd;
#endif
};
struct bpf_map_skeleton {
    const char *name;
    struct bpf_map **map;
    void **mmaped;
};
struct bpf_prog_skeleton {
    const char *name;
    struct bpf_program **prog;
};
struct bpf_object_skeleton {
    size_t sz;
    const char *name;
    void *data;
    size_t data_sz;
    size_t rodata_offset, bss_offset;
    bpf_object_skel obj;
    int map_cnt, map_skel_sz;
    struct bpf_map_skeleton *maps;
    int prog_cnt, prog_skel_sz;
    struct bpf_prog_skeleton *progs;
};

static inline int bpf_object__open_skeleton(struct bpf_object_skeleton *s, const void *options)
{
    (void)options;
    printf("\n");
    for (int i = 0; i < s->map_cnt; i++) {
        struct bpf_map_skeleton *map = (void *)((char *)s->maps + i * s->map_skel_sz);
        size_t length = strlen(map->name);

        *map->map = calloc(1, sizeof(struct bpf_map));
        strncpy((*map->map)->name, map->name, sizeof((*map->map)->name) - 1);
        if (map->mmaped && length >= 6 && strcmp(map->name + length - 6, "rodata") == 0)
            *map->mmaped = (char *)s->data + s->rodata_offset;
    }
    for (int i = 0; i < s->prog_cnt; i++) {
        struct bpf_prog_skeleton *prog = (void *)((char *)s->progs + i * s->prog_skel_sz);

        *prog->prog = calloc(1, sizeof(struct bpf_program));
        strncpy((*prog->prog)->name, prog->name, sizeof((*prog->prog)->name) - 1);
    }
    return 0;
}

static inline int bpf_object__load_skeleton(struct bpf_object_skeleton *s)
{
    s->obj = wasm_load_bpf_object(s->data, (int)s->data_sz);
    for (int i = 0; i < s->map_cnt; i++)
        (*((struct bpf_map_skeleton *)((char *)s->maps + i * s->map_skel_sz))->map)->obj = s->obj;
    for (int i = 0; i < s->prog_cnt; i++)
        (*((struct bpf_prog_skeleton *)((char *)s->progs + i * s->prog_skel_sz))->prog)->obj = s->obj;
    return s->obj ? 0 : -1;
}

static inline int bpf_object__attach_skeleton(struct bpf_object_skeleton *s)
{
    for (int i = 0; i < s->prog_cnt; i++) {
        struct bpf_program *prog = *((struct bpf_prog_skeleton *)((char *)s->progs + i * s->prog_skel_sz))->prog;
#if HEADER >= 2026
        int result = prog->by_fd ? wasm_attach_bpf_program_fd(s->obj, prog->name, prog->target_fd) :
                                   wasm_attach_bpf_program(s->obj, prog->name, prog->target[0] ? prog->target : NULL);
        if (result < 0)
            return result;
#else
        wasm_attach_bpf_program(s->obj, prog->name, prog->target);
#endif
    }
    return 0;
}

static inline void bpf_object__detach_skeleton(struct bpf_object_skeleton *s) { (void)s; }

static inline void bpf_object__destroy_skeleton(struct bpf_object_skeleton *s)
{
    wasm_close_bpf_object(s->obj);
    for (int i = 0; i < s->map_cnt; i++)
        free(*((struct bpf_map_skeleton *)((char *)s->maps + i * s->map_skel_sz))->map);
    for (int i = 0; i < s->prog_cnt; i++)
        free(*((struct bpf_prog_skeleton *)((char *)s->progs + i * s->prog_skel_sz))->prog);
    free(s->maps);
    free(s->progs);
    free(s);
}

static inline void bpf_set_prog_attach_target(struct bpf_program *prog, const char *target)
{
    strncpy(prog->target, target, sizeof(prog->target));
#if HEADER >= 2026
    prog->by_fd = false;
#endif
}

#if HEADER >= 2026
static inline void bpf_set_prog_attach_target_fd(struct bpf_program *prog, int fd)
{
    prog->target_fd = fd;
    prog->by_fd = true;
}
#endif

static inline int bpf_program__set_autoload(struct bpf_program *prog, bool autoload)
{
    prog->autoattach = autoload; /* nobody reads it */
    return 0;
}

static inline int bpf_map__fd(const struct bpf_map *map) { return wasm_bpf_map_fd_by_name(map->obj, map->name); }

struct bpf_buffer {
    struct bpf_map *map;
    int fd;
    void *ctx;
    bpf_buffer_sample_fn sample;
};

static inline struct bpf_buffer *bpf_buffer__new(struct bpf_map *map)
{
    struct bpf_buffer *buffer = calloc(1, sizeof(*buffer));

    buffer->map = map;
    return buffer;
}

static inline int bpf_buffer__open(struct bpf_buffer *buffer, bpf_buffer_sample_fn sample, void *ctx)
{
    buffer->fd = bpf_map__fd(buffer->map);
    buffer->sample = sample;
    buffer->ctx = ctx;
    return buffer->fd < 0 ? buffer->fd : 0;
}

#ifndef WRAPPED
static inline int bpf_buffer__poll(struct bpf_buffer *buffer, int timeout_ms)
{
    char data[4096];

    if (timeout_ms <= 0)
        timeout_ms = 100;
    return wasm_bpf_buffer_poll(buffer->map->obj, buffer->fd, buffer->sample, buffer->ctx, data, sizeof(data), timeout_ms);
}
#endif

static inline void bpf_buffer__free(struct bpf_buffer *buffer) { free(buffer); }

static inline int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
    return wasm_bpf_map_operate(fd, 1, (void *)key, value, NULL, 0);
}
static inline int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)
{
    return wasm_bpf_map_operate(fd, 2, (void *)key, (void *)value, NULL, flags);
}
static inline int bpf_map_delete_elem(int fd, const void *key)
{
    return wasm_bpf_map_operate(fd, 3, (void *)key, NULL, NULL, 0);
}
static inline int bpf_map_get_next_key(int fd, const void *key, void *next_key)
{
    return wasm_bpf_map_operate(fd, 4, (void *)key, NULL, next_key, 0);
}
#endif

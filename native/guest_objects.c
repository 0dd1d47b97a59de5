/* The BPF objects of a guest: handles, loading, closing, and the line about its last failure. */
#define _GNU_SOURCE
#include "guest_bpf.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_OBJECTS = 64, OBJECT_BYTES = 64 << 20, MOST_FAILED = 1000, MOST_TOLD = 900 /* of the 1000 that Run.failures keeps */ };

struct eu_guest_objects *eu_guest_state_of(struct eu_guest *guest) {
    if (!guest->objects && (guest->objects = calloc(1, sizeof(*guest->objects))))
        guest->objects->guest = guest;
    return guest->objects;
}

/* One line: what comes from objects and paths may have anything in it. */
static void keep_line(char *line) {
    for (; *line; line++)
        if ((unsigned char)*line < ' ' || *line == 127)
            *line = ' ';
}

int eu_guest_failed(struct eu_guest *guest, int err, const char *format, ...) {
    struct eu_guest_objects *state = eu_guest_state_of(guest);
    va_list args;
    if (!state)
        return -err;
    va_start(args, format);
    vsnprintf(state->error, sizeof(state->error), format, args);
    va_end(args);
    keep_line(state->error);
    return -err;
}

/* libbpf's own numbers, from 4000 on, mean nothing to a guest. */
static int linux_errno(int err) {
    return err < 0 && err > -4000 ? err : -EINVAL;
}

int eu_guest_failed_as(struct eu_guest *guest, int err) {
    err = linux_errno(err);
    return eu_guest_failed(guest, -err, "%s", *eu_error() ? eu_error() : eu_reason(-err));
}

const char *eu_guest_last_error(struct eu_guest *guest) {
    return guest->objects ? guest->objects->error : "";
}

static void write_note(struct eu_guest *guest, const char *line) {
    if (guest->options->note)
        guest->options->note(guest->options->context, line);
    else
        dprintf(STDERR_FILENO, "wasm-bpf: %s\n", line);
}

/* Whether the operator hears of one more thing: a guest can fail as often as it likes. */
static int is_told(struct eu_guest *guest) {
    struct eu_guest_objects *state = eu_guest_state_of(guest);
    if (!state || state->nr_told > MOST_TOLD)
        return 0;
    if (state->nr_told++ < MOST_TOLD)
        return 1;
    write_note(guest, "the guest fails too often: no more of it is told");
    return 0;
}

void eu_guest_note(struct eu_guest *guest, const char *format, ...) {
    char line[GUEST_ERROR + 64];
    va_list args;
    if (!is_told(guest))
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    keep_line(line);
    write_note(guest, line);
}

void eu_guest_tell(struct eu_guest *guest, const char *what, const char *line) {
    char told[GUEST_ERROR];
    if (!guest->options->failed) {
        eu_guest_note(guest, "%s", line);
        return;
    }
    if (!is_told(guest))
        return;
    snprintf(told, sizeof(told), "%s", line);
    guest->options->failed(guest->options->context, what, told, sizeof(told));
    if (strcmp(told, line) != 0)
        eu_guest_failed(guest, 0, "%s", told);
}

int eu_guest_decide(struct eu_guest *guest, const struct eu_guest_request *request) {
    char reason[1024] = "";
    if (!guest->options->decide || !guest->options->decide(guest->options->context, request, reason, sizeof(reason)))
        return 0;
    int err = eu_guest_failed(guest, EPERM, "refused: %s", *reason ? reason : "the policy does not allow it");
    eu_guest_tell(guest, request->what, eu_guest_last_error(guest));
    return err;
}

int eu_guest_name(struct eu_guest *guest, uint32_t at, char *out, size_t room, const char *what) {
    long length = eu_guest_string(guest, at, out, room);
    if (length >= 0)
        return 0;
    return eu_guest_failed(guest, (int)-length, "%s: %s", what,
                           length == -EFAULT ? "its address is outside of the guest's memory" : "longer than the host takes");
}

uint8_t *eu_guest_span(struct eu_guest *guest, uint32_t at, uint64_t size, const char *what) {
    uint8_t *bytes = eu_guest_bytes(guest, at, size);
    if (!bytes)
        eu_guest_failed(guest, EFAULT, "%s: %llu bytes at %u are not all within the guest's memory", what, (unsigned long long)size, at);
    return bytes;
}

struct eu_guest_object *eu_guest_object(struct eu_guest *guest, uint64_t handle) {
    for (struct eu_guest_object *o = guest->objects ? guest->objects->first : NULL; o; o = o->next)
        if (o->handle == handle && !o->closed)
            return o;
    eu_guest_failed(guest, EINVAL, "object %llu: there is none with this handle, or it is closed", (unsigned long long)handle);
    return NULL;
}

int eu_guest_prog_named(struct eu_guest *guest, struct eu_guest_object *object, uint32_t at) {
    char name[GUEST_NAME];
    int err = eu_guest_name(guest, at, name, sizeof(name), "name of a program");
    if (err)
        return err;
    for (int i = 0; i < object->object->nr_progs; i++)
        if (!strcmp(bpf_program__name(object->object->progs[i]), name))
            return i;
    return eu_guest_failed(guest, ENOENT, "program %.100s: not in this object", name);
}

/* "bootstra.rodata", by which a guest's skeleton knows it, is ".rodata" here: libbpf puts the object's name in front, and the guest's
 * host opens it without one, or with its own. */
static int is_section_named(const struct bpf_map *map, const char *name) {
    static const char *const sections[] = {".rodata", ".data", ".bss", ".kconfig"};
    const char *dot = strchr(name, '.'), *own = bpf_map__is_internal(map) ? strchr(bpf_map__name(map), '.') : NULL;
    if (!dot || !own || strcmp(dot, own) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
        if (!strncmp(dot, sections[i], strlen(sections[i])))
            return 1;
    return 0;
}

int eu_guest_map_named(struct eu_guest *guest, struct eu_guest_object *object, uint32_t at) {
    char name[GUEST_NAME];
    int err = eu_guest_name(guest, at, name, sizeof(name), "name of a map");
    if (err)
        return err;
    for (int i = 0; i < object->object->nr_maps; i++)
        if (!strcmp(bpf_map__name(object->object->maps[i]), name))
            return i;
    for (int i = 0; i < object->object->nr_maps; i++)
        if (is_section_named(object->object->maps[i], name))
            return i;
    return eu_guest_failed(guest, ENOENT, "map %.100s: not in this object", name);
}

struct eu_guest_object *eu_guest_adopt(struct eu_guest *guest, struct eu_object *object) {
    struct eu_guest_objects *state = eu_guest_state_of(guest);
    uint32_t limit = guest->options->max_objects ? guest->options->max_objects : MAX_OBJECTS;
    struct eu_guest_object *o = state && state->nr_objects < limit ? calloc(1, sizeof(*o)) : NULL;
    if (!o) {
        if (state && state->nr_objects >= limit) {
            eu_guest_failed(guest, EMFILE, "open object: the guest has %u open, as many as it may [--allow objects=N]", limit);
            eu_guest_tell(guest, "open", state->error);
        }
        eu_close(object);
        return NULL;
    }
    if (eu_guest_fits(guest, object)) {
        eu_guest_tell(guest, "open", state->error);
        eu_close(object);
        free(o);
        return NULL;
    }
    o->object = object;
    o->handle = ++state->last_handle;
    o->next = state->first;
    state->first = o;
    state->nr_objects++;
    return o;
}

static void forget_elf(struct eu_guest_object *object) {
    free(object->elf);
    object->elf = NULL;
    object->elf_size = 0;
}

static void free_object(struct eu_guest *guest, struct eu_guest_object *object) {
    struct eu_guest_object **at = &guest->objects->first;
    while (*at != object)
        at = &(*at)->next;
    *at = object->next;
    guest->objects->elf_bytes -= object->elf_bytes;
    eu_guest_fds_close(guest, object);
    eu_close(object->object);
    forget_elf(object);
    free(object);
}

/* Its programs are detached at once, also where a callback closes what is being polled; the rest goes when nobody reads it any more. */
void eu_guest_close(struct eu_guest *guest, struct eu_guest_object *object) {
    object->closed = 1;
    guest->objects->nr_links -= object->nr_links;
    guest->objects->nr_objects--;
    eu_guest_unmap(guest, object);
    eu_detach_all(object->object);
    if (!object->users)
        free_object(guest, object);
}

void eu_guest_use(struct eu_guest_object *object) {
    object->users++;
}

void eu_guest_leave(struct eu_guest *guest, struct eu_guest_object *object) {
    if (!--object->users && object->closed)
        free_object(guest, object);
}

void eu_guest_objects_close(struct eu_guest_objects *state) {
    if (!state)
        return;
    struct eu_guest *guest = state->guest;
    guest->objects = state;
    eu_guest_unmap(guest, NULL);
    eu_ewasm_close(guest);
    while (state->first) {
        state->first->users = 0;
        if (state->first->closed)
            free_object(guest, state->first);
        else
            eu_guest_close(guest, state->first);
    }
    free(state->slots);
    guest->objects = NULL;
    free(state);
}

/* What the verifier, or libbpf, said last: lines that are no statistics, the last `most` of them, joined. */
static void last_words(char *out, size_t room, int most) {
    const char *log = eu_log(), *end = strstr(log, "-- END PROG LOAD LOG --");
    const char *from = end ? end : log + strlen(log);
    const char *at[8];
    size_t length[8], used = 0;
    int count = 0;
    out[0] = 0;
    for (const char *stop = from; stop > log && count < most && count < 8; stop = from) {
        while (stop > log && stop[-1] == '\n')
            stop--;
        for (from = stop; from > log && from[-1] != '\n'; from--)
            ;
        if (stop == from || !strncmp(from, "processed ", 10) || !strncmp(from, "libbpf: failed to load object", 29) ||
            strstr(from, "-- END") == from + 8)
            continue;
        if (strstr(from, "-- BEGIN PROG LOAD LOG --") && strstr(from, "-- BEGIN PROG LOAD LOG --") < stop)
            break;
        at[count] = from;
        length[count++] = (size_t)(stop - from);
    }
    while (count-- && used + 4 < room)
        used += (size_t)snprintf(out + used, room - used, "%s%.*s", used ? " | " : ": ", (int)(length[count] < 300 ? length[count] : 300),
                                 at[count]);
}

/* The name in front of its sections' maps: the guest's own, as far as it has one. */
static void object_name(const struct eu_guest *guest, char *name, size_t room) {
    const char *path = guest->options->args && guest->options->args[0] ? guest->options->args[0] : "", *slash = strrchr(path, '/');
    snprintf(name, room, "%s", slash ? slash + 1 : path);
    name[strcspn(name, ".")] = 0;
    if (!*name)
        snprintf(name, room, "guest");
}

/* The core's error with the last words of the log, kept and told. */
static int load_failed(struct eu_guest *guest, const char *what, int err) {
    char words[1500];
    last_words(words, sizeof(words), 6);
    eu_guest_failed(guest, -err, "%s%s", *eu_error() ? eu_error() : eu_reason(-err), words);
    eu_guest_tell(guest, what, guest->options->failed && *eu_error() ? eu_error() : eu_guest_last_error(guest));
    return linux_errno(err);
}

int eu_guest_load(struct eu_guest *guest, struct eu_guest_object *object) {
    struct eu_guest_request request = {
        .what = "load", .object = object->object, .prog = -1, .target = "", .elf = object->elf, .elf_size = object->elf_size};
    if (object->object->loaded)
        return eu_guest_failed(guest, EBUSY, "load object %s: it is loaded already", bpf_object__name(object->object->bpf));
    if (guest->objects->nr_failed >= MOST_FAILED) /* libbpf keeps types of an object that it could not relocate */
        return eu_guest_failed(guest, EPERM, "load object: %d loads of this guest have failed, no more are tried", MOST_FAILED);
    struct eu_object **loaded = calloc(guest->objects->nr_objects + 1, sizeof(struct eu_object *));
    if (!loaded)
        return eu_guest_failed(guest, ENOMEM, "load object: out of memory");
    for (const struct eu_guest_object *o = guest->objects->first; o; o = o->next)
        if (!o->closed && o->object->loaded)
            loaded[request.nr_loaded++] = o->object;
    request.loaded = loaded;
    int err = eu_guest_decide(guest, &request);
    free(loaded);
    if (err)
        return err;
    eu_log_clear();
    err = eu_load(object->object);
    if (err)
        err = load_failed(guest, "load", err);
    forget_elf(object);
    guest->objects->nr_failed += err != 0;
    return err;
}

static struct eu_guest_object *open_object(struct eu_guest *guest, uint32_t at, uint32_t size, uint32_t name_at) {
    char name[GUEST_NAME];
    object_name(guest, name, sizeof(name));
    if (name_at && eu_guest_name(guest, name_at, name, sizeof(name), "name of an object"))
        return NULL;
    const struct eu_guest_objects *state = eu_guest_state_of(guest);
    size_t open = state ? state->elf_bytes : 0;
    if (!size || size > OBJECT_BYTES - open) {
        eu_guest_failed(guest, EINVAL, "open object: %u bytes are no ELF file, or with the %zu of open ones more than %d", size, open,
                        OBJECT_BYTES);
        return NULL;
    }
    const uint8_t *bytes = eu_guest_span(guest, at, size, "open object");
    if (!bytes)
        return NULL;
    uint8_t *copy = malloc(size); /* aligned, as the ELF library likes it; and nobody else writes to it */
    if (!copy) {
        eu_guest_failed(guest, ENOMEM, "open object: out of memory");
        return NULL;
    }
    memcpy(copy, bytes, size);
    const struct eu_open_options options = {.name = *name ? name : NULL};
    struct eu_object *object = eu_open(copy, size, &options);
    if (!object)
        load_failed(guest, "open", -eu_errno());
    struct eu_guest_object *adopted = object ? eu_guest_adopt(guest, object) : NULL;
    if (adopted) {
        adopted->elf = copy;
        adopted->elf_size = adopted->elf_bytes = size;
        guest->objects->elf_bytes += size;
    } else
        free(copy);
    return adopted;
}

EU_GUEST_CALL(eu_call_open) {
    const struct eu_guest_object *object = open_object(guest, slots[0].u32, slots[1].u32, slots[2].u32);
    return eu_answer(slots, object ? (int64_t)object->handle : 0);
}

EU_GUEST_CALL(eu_call_load) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    return eu_answer(slots, object ? eu_guest_load(guest, object) : -EINVAL);
}

EU_GUEST_CALL(eu_call_load_object) {
    struct eu_guest_object *object = open_object(guest, slots[0].u32, slots[1].u32, 0);
    if (!object)
        return eu_answer(slots, 0);
    if (!eu_guest_load(guest, object))
        return eu_answer(slots, (int64_t)object->handle);
    eu_guest_close(guest, object);
    return eu_answer(slots, 0);
}

EU_GUEST_CALL(eu_call_close) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u64);
    if (object)
        eu_guest_close(guest, object);
    return eu_answer(slots, object ? 0 : -EINVAL);
}

EU_GUEST_CALL(eu_call_error) {
    const char *line = eu_guest_last_error(guest);
    uint32_t length = (uint32_t)strlen(line), size = slots[1].u32, shown = length < size ? length : size - 1;
    uint8_t *out = size ? eu_guest_bytes(guest, slots[0].u32, size) : NULL;
    if (size && !out)
        return eu_answer(slots, -EFAULT);
    if (size) {
        memcpy(out, line, shown);
        out[shown] = 0;
    }
    return eu_answer(slots, length);
}

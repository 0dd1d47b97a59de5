/* Guests of 2022 (ewasm): one JSON package, which the host runs, and a function of the guest that gets its events. bpf_main() gets the
 * arguments as a JSON array; create_bpf, run_bpf and wait_and_poll_bpf are all that it can ask for. */
#define _GNU_SOURCE
#include "guest_poll.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WASM_PAGE = 65536, ARGS_MOST = 1 << 20, PACKAGE_MOST = 64 << 20, EVENT_ROOM = 4096 };

/* Packages are objects whose ids are handles; the export map of each is remembered. */
struct package {
    struct package *next;
    uint64_t handle;
    int map;
};
struct eu_ewasm {
    struct package *packages;
    uint32_t room_at, room; /* pages of the host's own in the guest's memory, for events */
};

static struct eu_ewasm *state_of(struct eu_guest *guest) {
    struct eu_guest_objects *objects = eu_guest_state_of(guest);
    if (objects && !objects->ewasm)
        objects->ewasm = calloc(1, sizeof(*objects->ewasm));
    return objects ? objects->ewasm : NULL;
}

void eu_ewasm_close(struct eu_guest *guest) {
    struct eu_ewasm *state = guest->objects->ewasm;
    while (state && state->packages) {
        struct package *first = state->packages;
        state->packages = first->next;
        free(first);
    }
    free(state);
    guest->objects->ewasm = NULL;
}

/* Pages at the end of the memory: whatever the guest's own allocator does, these are not its. */
static int64_t own_pages(struct eu_guest *guest, uint64_t size) {
    int64_t at = guest->engine->grow ? guest->engine->grow(guest->instance, (size + WASM_PAGE - 1) / WASM_PAGE) : -ENOMEM;
    return at >= 0 && at <= UINT32_MAX ? at : -ENOMEM;
}

/* Arguments as a JSON array of strings; its length, or what would be one more than the most. */
static size_t put_json(char *out, const char **args) {
    size_t used = 0;
    const char *between = "[";
    for (; *args && used < ARGS_MOST; args++) {
        used += (size_t)sprintf(out + used, "%s\"", between);
        between = ", ";
        for (const unsigned char *at = (const unsigned char *)*args; *at && used < ARGS_MOST; at++)
            if (*at == '"' || *at == '\\')
                used += (size_t)sprintf(out + used, "\\%c", *at);
            else if (*at < ' ')
                used += (size_t)sprintf(out + used, "\\u%04x", *at);
            else
                out[used++] = (char)*at;
        out[used++] = '"';
    }
    if (*between == '[')
        out[used++] = '[';
    out[used++] = ']';
    out[used] = 0;
    return used;
}

int eu_ewasm_main(struct eu_guest *guest) {
    struct eu_callee bpf_main;
    static const char *const none[] = {NULL};
    char *json = malloc(ARGS_MOST + 64);
    size_t size = json ? put_json(json, guest->options->args ? guest->options->args : (const char **)none) : 0;
    int64_t at = json && size < ARGS_MOST ? own_pages(guest, size + 1) : -E2BIG;
    uint8_t *bytes = at >= 0 ? eu_guest_bytes(guest, (uint32_t)at, size + 1) : NULL;
    if (bytes)
        memcpy(bytes, json, size + 1);
    free(json);
    if (!bytes)
        return eu_guest_end(guest, EU_FAILED, "its arguments have no room in its memory");
    if (guest->engine->exported(guest->instance, "bpf_main", "ii:i", &bpf_main))
        return eu_guest_end(guest, EU_FAILED, "the module exports no function bpf_main (i32, i32) -> i32");
    union eu_slot slots[2] = {{.u32 = (uint32_t)at}, {.u32 = (uint32_t)size}};
    if (guest->engine->call(guest->instance, &bpf_main, slots) != EU_GO)
        return EU_STOP;
    guest->exit_code = slots[0].i32 & 0xff;
    return EU_GO;
}

static int add_package(struct eu_guest *guest, struct eu_object *object, int map) {
    struct eu_ewasm *state = state_of(guest);
    struct package *package = state ? calloc(1, sizeof(*package)) : NULL;
    if (!package) {
        eu_close(object);
        return eu_guest_failed(guest, ENOMEM, "create package: out of memory");
    }
    struct eu_guest_object *adopted = eu_guest_adopt(guest, object);
    if (!adopted) {
        free(package);
        return -EMFILE;
    }
    *package = (struct package){state->packages, adopted->handle, map};
    state->packages = package;
    return (int)adopted->handle;
}

EU_GUEST_CALL(eu_call_ewasm_create) {
    const struct eu_guest_options *options = guest->options;
    uint32_t size = slots[1].u32;
    int map = -1;
    if (!options->package)
        return eu_answer(slots, eu_guest_failed(guest, EOPNOTSUPP, "create package: this host reads no packages"));
    if (size > PACKAGE_MOST)
        return eu_answer(slots, eu_guest_failed(guest, EFBIG, "create package: %u bytes", size));
    const uint8_t *bytes = eu_guest_span(guest, slots[0].u32, size, "create package");
    if (!bytes)
        return eu_answer(slots, -EFAULT);
    eu_log_clear();
    struct eu_object *object = options->package(options->context, (const char *)bytes, strnlen((const char *)bytes, size), &map);
    if (object)
        return eu_answer(slots, add_package(guest, object, map));
    eu_guest_failed(guest, EINVAL, "create package: %s", *eu_error() ? eu_error() : "it cannot be read");
    eu_guest_tell(guest, "open", eu_guest_last_error(guest));
    return eu_answer(slots, -EINVAL);
}

/* Programs that cannot attach by their sections alone fail it, as in the first system. */
static int attach_all(struct eu_guest *guest, struct eu_guest_object *object) {
    const struct eu_attach_options options = {.tc_point = 1, .old_prog_fd = -1, .perf_type = -1, .pid = -1, .cpu = -1};
    for (int i = 0; i < object->object->nr_progs; i++) {
        const struct eu_guest_request request = {.what = "attach", .object = object->object, .prog = i, .target = ""};
        if (!bpf_program__autoload(object->object->progs[i]) || eu_prog_in_array(object->object, i) == 1)
            continue;
        int err = eu_guest_may_link(guest);
        if (!err)
            err = eu_guest_decide(guest, &request);
        if (!err && (err = eu_prog_attach(object->object, i, &options))) {
            eu_guest_tell(guest, "attach", eu_error());
            eu_guest_failed_as(guest, err);
        }
        if (err) {
            eu_detach_all(object->object);
            guest->objects->nr_links -= object->nr_links;
            object->nr_links = 0;
            return err;
        }
        object->nr_links++;
        guest->objects->nr_links++;
    }
    return 0;
}

EU_GUEST_CALL(eu_call_ewasm_run) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u32);
    int err = object ? eu_guest_load(guest, object) : -EINVAL;
    return eu_answer(slots, err ? err : attach_all(guest, object));
}

/* Room for one event; grown for larger ones, which the first hosts dropped. */
static int have_room(struct eu_guest *guest, struct eu_ewasm *state, size_t size) {
    if (state->room >= size && state->room)
        return 0;
    size_t room = size < EVENT_ROOM ? EVENT_ROOM : size;
    int64_t at = own_pages(guest, room);
    if (at < 0)
        return eu_guest_failed(guest, ENOMEM, "poll: no room in the guest's memory for an event of %zu bytes", size);
    state->room_at = (uint32_t)at;
    state->room = (uint32_t)((room + WASM_PAGE - 1) / WASM_PAGE * WASM_PAGE);
    return 0;
}

static int push_events(struct eu_guest *guest, struct eu_guest_fd *fd, const struct eu_callee *callee, int *err) {
    struct eu_ewasm *state = state_of(guest);
    const uint8_t *record;
    size_t size, left = eu_buffer_size(fd->buffer);
    int stop = EU_GO;
    while (left && !stop && !*err && !fd->owner->closed && eu_buffer_peek(fd->buffer, &record, &size)) {
        left = size + 8 < left ? left - size - 8 : 0;
        eu_guest_show(guest, fd, record, size, size);
        if (!callee) {
            eu_buffer_take(fd->buffer);
            continue;
        }
        if ((*err = have_room(guest, state, size)))
            break;
        memcpy(eu_guest_bytes(guest, state->room_at, size), record, size);
        eu_buffer_take(fd->buffer);
        union eu_slot slots[3] = {{.u32 = 0}, {.u32 = state->room_at}, {.u32 = (uint32_t)size}};
        stop = guest->engine->call(guest->instance, callee, slots);
    }
    eu_buffer_publish(fd->buffer);
    return stop;
}

static struct package *package_of(const struct eu_guest *guest, uint64_t handle) {
    struct package *p = guest->objects && guest->objects->ewasm ? guest->objects->ewasm->packages : NULL;
    while (p && p->handle != handle)
        p = p->next;
    return p;
}

/* Until the run ends from outside. Without a function for events they are for the embedder alone. */
static int poll_events(struct eu_guest *guest, struct eu_guest_fd *fd, int *err) {
    struct eu_callee callee;
    int stop = EU_GO, which = 0, has = !guest->engine->exported(guest->instance, "process_event", "iii:i", &callee);
    const struct eu_waiting waiting = {.fds = &fd, .count = 1, .until = -1};
    while (!stop && !*err && !fd->owner->closed) {
        stop = push_events(guest, fd, has ? &callee : NULL, err);
        if (!stop && !*err)
            stop = eu_guest_wait_ready(guest, &waiting, &which);
        if (!stop && which < 0)
            *err = which;
    }
    return stop;
}

EU_GUEST_CALL(eu_call_ewasm_poll) {
    struct eu_guest_object *object = eu_guest_object(guest, slots[0].u32);
    const struct package *package = object ? package_of(guest, object->handle) : NULL;
    int err = 0, number;
    if (!package)
        return eu_answer(slots, -EINVAL);
    if (package->map < 0) { /* nothing to poll: it stays attached until it is ended */
        int result = 0, stop = eu_guest_wait(guest, NULL, 0, -1, &result);
        slots[0].i64 = result;
        return stop;
    }
    if ((number = eu_guest_fd_of(guest, object, 0, package->map)) < 0)
        return eu_answer(slots, number);
    struct eu_guest_fd *fd = eu_guest_buffer(guest, number, &err);
    if (!fd)
        return eu_answer(slots, err);
    eu_guest_use(object);
    int stop = poll_events(guest, fd, &err);
    eu_guest_leave(guest, object);
    slots[0].i64 = err;
    return stop;
}

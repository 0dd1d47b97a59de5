/* Instances: making, calling, interrupting and ending them. */
#define _GNU_SOURCE
#include "error.h"
#include "guest_control.h"
#include "wasmtime.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t DEFAULT_MEMORY = 256 << 20, DEFAULT_FUEL = 100000000000;
enum { DEFAULT_TABLE = 100000 };

static const char *trap_word(uint8_t code) {
    static const char *const words[] = {
        "stack overflow",
        "memory access out of bounds",
        "misaligned memory access",
        "table access out of bounds",
        "call of a null function pointer",
        "call of a function pointer of another type",
        "integer overflow",
        "integer divide by zero",
        "float that fits no integer",
        "unreachable instruction (abort, panic or a failed check)",
        "interrupted",
        "out of fuel",
    };
    return code < sizeof(words) / sizeof(*words) ? words[code] : NULL;
}

static size_t print_frame(char *out, size_t room, const wasm_frame *frame) {
    const struct wasm_bytes *name = eu_wasmtime.wasmtime_frame_func_name(frame);
    int n = name && name->size ? snprintf(out, room, "%.*s", (int)(name->size < 200 ? name->size : 200), name->data)
                               : snprintf(out, room, "function %u", eu_wasmtime.wasm_frame_func_index(frame));
    for (int i = 0; i < n && (size_t)i < room - 1; i++) /* names are the guest's: no escapes to the terminal */
        if (out[i] < ' ' || out[i] == 127)
            out[i] = '?';
    return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Where it happened, innermost first, one a line: to guest->detail. */
static void keep_trace(struct eu_guest *guest, const wasm_trap *trap, char *where, size_t room) {
    enum { FRAMES = 32, LINE = 256 };
    struct wasm_pointers frames = {0, NULL};
    size_t used = 0;
    eu_wasmtime.wasm_trap_trace(trap, &frames);
    where[0] = 0;
    if (frames.size) {
        memcpy(where, "in ", 4);
        print_frame(where + 3, room - 3, frames.data[0]);
    }
    free(guest->detail);
    guest->detail = malloc(FRAMES * LINE);
    for (size_t i = 0; guest->detail && i < frames.size && i < FRAMES; i++) {
        used += print_frame(guest->detail + used, LINE - 1, frames.data[i]);
        guest->detail[used++] = '\n';
    }
    if (guest->detail)
        guest->detail[used ? used - 1 : 0] = 0;
    eu_wasmtime.wasm_frame_vec_delete(&frames);
}

static void end_by_trap(struct eu_guest *guest, const wasm_trap *trap) {
    char where[128];
    uint8_t code = 255;
    const char *word = eu_wasmtime.wasmtime_trap_code(trap, &code) ? trap_word(code) : NULL;
    struct wasm_bytes text = {0, NULL};
    keep_trace(guest, trap, where, sizeof(where));
    if (!word)
        eu_wasmtime.wasm_trap_message(trap, &text);
    const char *line = text.data ? strrchr(text.data, '\n') : NULL; /* the cause stands last */
    const char *cause = word ? word : line ? line + 1 : text.data;
    if (code == TRAP_OUT_OF_FUEL)
        eu_guest_end(guest, EU_OUT_OF_FUEL, "out of fuel %s: too many instructions without waiting", where);
    else
        eu_guest_end(guest, EU_TRAPPED, "trap: %s %s", cause && *cause ? cause : "an exception that nobody caught", where);
    if (text.data)
        eu_wasmtime.wasm_byte_vec_delete(&text);
}

int eu_wasmtime_ending(struct eu_instance *instance, wasmtime_error *error, wasm_trap *trap) {
    struct eu_guest *guest = instance->guest;
    char line[400];
    if (!error && !trap)
        return EU_GO;
    if (trap && guest->ending == EU_RUNNING)
        end_by_trap(guest, trap);
    if (trap)
        eu_wasmtime.wasm_trap_delete(trap);
    if (error)
        eu_wasmtime_message(error, line, sizeof(line));
    if (error && guest->ending == EU_RUNNING)
        eu_guest_end(guest, EU_FAILED, "%s", line);
    return EU_STOP;
}

static wasmtime_error *on_epoch(wasmtime_context *context, void *data, uint64_t *delta, uint8_t *kind) {
    (void)context;
    *delta = 1;
    *kind = 0; /* go on */
    return eu_guest_checkpoint(data) == EU_STOP ? eu_wasmtime.wasmtime_error_new("stopped") : NULL;
}

static int make_store(struct eu_instance *instance) {
    const struct eu_guest_options *options = instance->guest->options;
    int64_t memory = options->memory ? options->memory : DEFAULT_MEMORY, table = options->table ? options->table : DEFAULT_TABLE;
    instance->store = eu_wasmtime.wasmtime_store_new(instance->engine, NULL, NULL);
    if (!instance->store)
        return eu_guest_end(instance->guest, EU_FAILED, "make a store: out of memory");
    instance->context = eu_wasmtime.wasmtime_store_context(instance->store);
    eu_wasmtime.wasmtime_store_limiter(instance->store, memory, table, instance->nr_parts, 16l * instance->nr_parts, instance->nr_parts);
    eu_wasmtime.wasmtime_store_epoch_deadline_callback(instance->store, on_epoch, instance->guest, NULL);
    eu_wasmtime.wasmtime_context_set_epoch_deadline(instance->context, 1);
    eu_wasmtime_calls.refuel(instance);
    return EU_GO;
}

static int start(struct eu_instance *instance) {
    eu_wasmtime_handlers();
    if (make_store(instance))
        return EU_STOP;
    for (int i = 0; i < instance->nr_parts; i++) {
        struct eu_callee callee;
        union eu_slot slot;
        if (eu_wasmtime_instantiate(instance, &instance->parts[i]))
            return EU_STOP;
        if (eu_wasmtime_calls.exported(instance, "_initialize", ":", &callee) == 0 &&
            eu_wasmtime_calls.call(instance, &callee, &slot) == EU_STOP)
            return EU_STOP;
    }
    return EU_GO;
}

static uint8_t *part_memory(struct eu_instance *instance, const struct wasmtime_part *part, uint64_t *size) {
    if (!part || !part->has_memory) {
        *size = 0;
        return NULL;
    }
    *size = eu_wasmtime.wasmtime_memory_data_size(instance->context, &part->memory);
    return eu_wasmtime.wasmtime_memory_data(instance->context, &part->memory);
}

static uint8_t *memory(struct eu_instance *instance, uint64_t *size) {
    return part_memory(instance, instance->current, size);
}

static uint8_t *memory_of(struct eu_instance *instance, const char *module, uint64_t *size) {
    for (int i = 0; i < instance->nr_parts; i++)
        if (strcmp(module, instance->parts[i].name ? instance->parts[i].name : "") == 0)
            return part_memory(instance, &instance->parts[i], size);
    return part_memory(instance, NULL, size);
}

static int has_values(const struct wasm_pointers *values, const char *type, size_t n) {
    if (values->size != n)
        return 0;
    for (size_t i = 0; i < n; i++) {
        struct wasmtime_valtype value; /* wasm_valtype_kind() would abort on some types */
        eu_wasmtime.wasmtime_valtype_new(values->data[i], &value);
        int kind = value.kind;
        eu_wasmtime.wasmtime_valtype_delete(&value);
        if (kind > VALUE_F64 || "iIfF"[kind] != type[i])
            return 0;
    }
    return 1;
}

static int take(struct eu_instance *instance, const struct wasmtime_func *func, const char *type, struct eu_callee *callee) {
    const char *colon = strchr(type, ':');
    wasm_functype *own = eu_wasmtime.wasmtime_func_type(instance->context, func);
    int right = has_values(eu_wasmtime.wasm_functype_params(own), type, colon - type) &&
                has_values(eu_wasmtime.wasm_functype_results(own), colon + 1, strlen(colon + 1));
    eu_wasmtime.wasm_functype_delete(own);
    _Static_assert(sizeof(*func) <= sizeof(callee->engine), "a function fits");
    memcpy(callee->engine, func, sizeof(*func));
    callee->nr_params = colon - type;
    callee->nr_results = strlen(colon + 1);
    return right ? 0 : -EINVAL;
}

static int in_table(struct eu_instance *instance, uint32_t index, const char *type, struct eu_callee *callee) {
    struct wasmtime_value value;
    const struct wasmtime_part *part = instance->current;
    if (!part || !part->has_table || !eu_wasmtime.wasmtime_table_get(instance->context, &part->table, index, &value))
        return -ENOENT;
    return value.kind == VALUE_FUNCREF && value.func.store ? take(instance, &value.func, type, callee) : -EINVAL;
}

static int exports(struct eu_instance *instance, const char *name) {
    return eu_wasm_export_of(&instance->parts[instance->nr_parts - 1].shape, name, EU_WASM_FUNC) != NULL;
}

static int exported(struct eu_instance *instance, const char *name, const char *type, struct eu_callee *callee) {
    struct wasmtime_extern found;
    if (!instance->current || !eu_wasm_export_of(&instance->current->shape, name, EU_WASM_FUNC) ||
        !eu_wasmtime.wasmtime_instance_export_get(instance->context, &instance->current->instance, name, strlen(name), &found))
        return -ENOENT;
    return take(instance, &found.func, type, callee);
}

static int call(struct eu_instance *instance, const struct eu_callee *callee, union eu_slot *slots) {
    wasm_trap *trap = NULL;
    int n = callee->nr_params > callee->nr_results ? callee->nr_params : callee->nr_results;
    wasmtime_error *error =
        eu_wasmtime.wasmtime_func_call_unchecked(instance->context, (const struct wasmtime_func *)callee->engine, slots, n, &trap);
    return __builtin_expect(error || trap, 0) ? eu_wasmtime_ending(instance, error, trap) : EU_GO;
}

static int64_t grow(struct eu_instance *instance, uint64_t pages) {
    uint64_t size, before = 0;
    if (!memory(instance, &size))
        return -ENOENT;
    wasmtime_error *error = eu_wasmtime.wasmtime_memory_grow(instance->context, &instance->current->memory, pages, &before);
    if (!error)
        return (int64_t)before * 65536;
    eu_wasmtime.wasmtime_error_delete(error);
    return -ENOMEM;
}

static void refuel(struct eu_instance *instance) {
    uint64_t fuel = instance->guest->options->fuel;
    eu_wasmtime.wasmtime_context_set_fuel(instance->context, fuel ? fuel : DEFAULT_FUEL);
}

static void interrupt(struct eu_instance *instance) {
    eu_wasmtime.wasmtime_engine_increment_epoch(instance->engine);
}

const struct eu_engine eu_wasmtime_calls = {
    .name = "wasmtime",
    .start = start,
    .close = eu_wasmtime_close,
    .memory = memory,
    .in_table = in_table,
    .exports = exports,
    .exported = exported,
    .call = call,
    .refuel = refuel,
    .interrupt = interrupt,
    .grow = grow,
    .memory_of = memory_of,
    .fixed_memory = 1, /* as wasmtime.c configures it */
};

static int open_part(struct eu_instance *instance, const char *name, const void *wasm, size_t size) {
    struct wasmtime_part *part = &instance->parts[instance->nr_parts];
    int err = eu_wasm_module_read(&part->shape, wasm, size);
    if (err)
        return err;
    instance->nr_parts++;
    part->name = name ? strdup(name) : NULL;
    void *changed = eu_wasm_with_table(&part->shape, wasm, &size);
    if (changed) {
        eu_wasm_module_free(&part->shape);
        err = eu_wasm_module_read(&part->shape, changed, size);
    }
    if (!err && !(part->module = eu_wasmtime_module(instance->guest, instance->engine, changed ? changed : wasm, size)))
        err = -EINVAL;
    free(changed);
    return err ? err : eu_wasmtime_resolve(instance, part);
}

struct eu_instance *eu_wasmtime_open(struct eu_guest *guest, const void *wasm, size_t size) {
    const struct eu_guest_module *modules = guest->options->modules;
    int n = 0, err = eu_wasmtime_load(guest->options->library);
    struct eu_instance *instance = err ? NULL : calloc(1, sizeof(*instance));
    if (!instance)
        return err ? NULL : eu_fail_null(ENOMEM, "open a guest: out of memory");
    while (modules && modules[n].name)
        n++;
    instance->guest = guest;
    instance->engine = eu_wasmtime_engine(guest->options->stack ? guest->options->stack : EU_GUEST_STACK);
    instance->parts = calloc(n + 1, sizeof(*instance->parts));
    err = instance->engine && instance->parts ? 0 : -ENOMEM;
    for (int i = 0; i < n && !err; i++)
        err = open_part(instance, modules[i].name, modules[i].wasm, modules[i].size);
    if (!err)
        err = open_part(instance, NULL, wasm, size);
    if (!err)
        return instance;
    eu_wasmtime_close(instance);
    return NULL;
}

void eu_wasmtime_close(struct eu_instance *instance) {
    if (instance->store)
        eu_wasmtime.wasmtime_store_delete(instance->store);
    for (int i = 0; instance->parts && i < instance->nr_parts; i++) {
        struct wasmtime_part *part = &instance->parts[i];
        if (part->module)
            eu_wasmtime.wasmtime_module_delete(part->module);
        eu_wasm_module_free(&part->shape);
        free(part->bound);
        free(part->name);
    }
    free(instance->parts);
    free(instance);
}

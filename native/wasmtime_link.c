/* Modules and their imports: who serves what, by module, name and type. */
#define _GNU_SOURCE
#include "error.h"
#include "wasmtime.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED = 8 }; /* unknown imports in the error line */

/* Every call of the guest to the host comes through here. */
static wasm_trap *host_call(void *env, wasmtime_caller *caller, union eu_slot *slots, size_t n) {
    struct wasmtime_bound *bound = env;
    struct eu_instance *instance = bound->instance;
    struct eu_guest *guest = instance->guest;
    struct wasmtime_part *before = instance->current;
    (void)caller;
    (void)n;
    instance->current = bound->part;
    int stop = bound->call(guest, bound->context, slots);
    instance->current = before;
    if (!stop && atomic_load_explicit(&guest->wanted, memory_order_relaxed) != EU_WANT_RUN)
        stop = eu_guest_checkpoint(guest);
    return stop ? eu_wasmtime.wasmtime_trap_new("", 0) : NULL;
}

/* A function of the caller's, not of the host's own. */
static int callers_function(struct eu_guest *guest, void *context, union eu_slot *slots) {
    const struct eu_guest_function *function = context;
    if (!function->call(function->context, guest, (uint64_t *)slots))
        return guest->ending == EU_RUNNING ? EU_GO : EU_STOP;
    return guest->ending == EU_RUNNING ? eu_guest_end(guest, EU_FAILED, "%s.%s failed", function->module, function->name) : EU_STOP;
}

static int is_module(const struct eu_wasm_import *import, const char *module) {
    if (strcmp(import->module, module) == 0)
        return 1;
    /* what modules of before 2023-02 say */
    return strcmp(import->module, "env") == 0 && strcmp(module, "wasm_bpf") == 0;
}

/* The host's function for an import; *near: one of another type. */
static const struct eu_host_function *in_list(const struct eu_host_function *list, const struct eu_wasm_import *import, const char *wrapper,
                                              const char **near) {
    for (; list->name; list++) {
        const char *module = strcmp(list->module, "callback-wrapper") == 0 ? wrapper : list->module;
        if (strcmp(list->name, import->name) != 0 || !is_module(import, module))
            continue;
        if (strcmp(list->type, import->type) == 0)
            return list;
        *near = list->type;
    }
    return NULL;
}

static int bind(struct eu_instance *instance, const struct eu_wasm_import *import, struct wasmtime_bound *bound, const char **near) {
    const struct eu_guest_options *options = instance->guest->options;
    const char *wrapper = options->callback_module ? options->callback_module : "callback-wrapper";
    for (const struct eu_guest_function *f = options->functions; f && f->module; f++)
        if (strcmp(f->module, import->module) == 0 && strcmp(f->name, import->name) == 0) {
            *near = f->type;
            if (strcmp(f->type, import->type) == 0) {
                bound->call = callers_function;
                bound->context = (void *)f;
                return 1;
            }
        }
    const struct eu_host_function *found = in_list(eu_bpf_functions, import, wrapper, near);
    if (!found)
        found = in_list(eu_wasi_functions, import, wrapper, near);
    if (!found)
        return 0;
    bound->call = found->call;
    bound->context = found->context;
    if (strcmp(found->name, "wasm_bpf_take_signal") == 0)
        instance->guest->takes_signals = 1;
    return 1;
}

/* The earlier module of this name, if it exports what is imported. */
static int from_part(const struct eu_instance *instance, const struct wasmtime_part *part, const struct eu_wasm_import *import) {
    for (const struct wasmtime_part *other = instance->parts; other < part; other++)
        if (other->name && strcmp(other->name, import->module) == 0 && eu_wasm_export_of(&other->shape, import->name, import->kind))
            return (int)(other - instance->parts);
    return -1;
}

/* "(i32, i64) -> i32" of "iI:i". */
static void spell_type(char *out, size_t room, const char *type) {
    size_t used = snprintf(out, room, "(");
    for (const char *at = type; *at && used + 12 < room; at++) {
        const char *word = *at == ':'   ? ") ->"
                           : *at == 'i' ? "i32"
                           : *at == 'I' ? "i64"
                           : *at == 'f' ? "f32"
                           : *at == 'F' ? "f64"
                                        : "other";
        used += snprintf(out + used, room - used, "%s%s", at == type || *at == ':' ? "" : at[-1] == ':' ? " " : ", ", word);
    }
    if (strcmp(out + used - 4, ") ->") == 0)
        snprintf(out + used - 3, 4, " ");
    out[strlen(out) - (out[strlen(out) - 1] == ' ')] = 0;
}

static size_t name_unknown(char *out, size_t room, const struct eu_wasm_import *import, const char *near) {
    static const char *const kinds[] = {"function", "table", "memory", "global", "tag"};
    char type[128] = "", other[128] = "";
    if (import->type[0] == '?')
        strcpy(type, "function of values that no host function takes");
    else if (import->kind == EU_WASM_FUNC)
        spell_type(type, sizeof(type), import->type);
    if (near)
        spell_type(other, sizeof(other), near);
    int n = snprintf(out, room, "%.48s.%.48s %s%s%s", import->module, import->name, type[0] ? type : kinds[import->kind],
                     near ? ", here " : "", other);
    for (char *c = out; *c; c++) /* names are the guest's: no escapes to the terminal */
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Functions of the host with more than one parameter take addresses, in the memory that is exported by its name. */
static int check_memory(const struct wasmtime_part *part) {
    const struct eu_wasm_module *shape = &part->shape;
    if (eu_wasm_export_of(shape, "memory", EU_WASM_MEMORY))
        return 0;
    for (uint32_t i = 0; i < shape->nr_imports; i++)
        if (shape->imports[i].kind == EU_WASM_MEMORY)
            return 0;
    for (uint32_t i = 0; i < shape->nr_imports; i++)
        if (part->bound[i].call && part->bound[i].call != callers_function &&
            strchr(shape->imports[i].type, ':') > shape->imports[i].type + 1)
            return eu_fail(ENOEXEC, "the module exports no memory called `memory`, where %s looks for what it is given",
                           shape->imports[i].name);
    return 0;
}

/* The module that all unknown imports are of, where it is none of the host's: somebody forgot to link it. */
static const char *one_module(const char *before, uint32_t nr_before, const char *module) {
    if (strcmp(module, "env") == 0 || strcmp(module, "wasm_bpf") == 0 || strncmp(module, "wasi_", 5) == 0)
        return NULL;
    return !nr_before || (before && strcmp(before, module) == 0) ? module : NULL;
}

int eu_wasmtime_resolve(struct eu_instance *instance, struct wasmtime_part *part) {
    char line[768];
    size_t used = 0;
    uint32_t unknown = 0;
    const char *module = NULL;
    part->bound = calloc(part->shape.nr_imports + 1, sizeof(*part->bound));
    if (!part->bound)
        return eu_fail(ENOMEM, "link: out of memory");
    for (uint32_t i = 0; i < part->shape.nr_imports; i++) {
        const struct eu_wasm_import *import = &part->shape.imports[i];
        const char *near = NULL;
        part->bound[i].instance = instance;
        part->bound[i].part = part;
        if (from_part(instance, part, import) >= 0 || (import->kind == EU_WASM_FUNC && bind(instance, import, &part->bound[i], &near)))
            continue;
        module = one_module(module, unknown, import->module);
        if (unknown++ < NAMED) {
            used += snprintf(line + used, used ? 3 : 1, "%s", used ? "; " : "");
            used += name_unknown(line + used, sizeof(line) - used - 4, import, near);
        }
    }
    if (!unknown)
        return check_memory(part);
    if (unknown > NAMED)
        snprintf(line + used, sizeof(line) - used, " and %u more (ecli inspect names all)", unknown - NAMED);
    if (module && strcmp(module, "eunomia") == 0)
        return eu_fail(ENOSYS, "the module is a guest of events, which a tool's output goes through [ecli run --guest FILE TOOL]");
    return eu_fail(ENOSYS, "the module imports what this host does not have: %s%s%s%s", line, module ? " [--link " : "",
                   module ? module : "", module ? "=MODULE, where another has it]" : "");
}

static void make_import(struct eu_instance *instance, struct wasmtime_part *part, uint32_t i, struct wasmtime_extern *out) {
    const struct eu_wasm_import *import = &part->shape.imports[i];
    int other = from_part(instance, part, import);
    if (other >= 0) {
        eu_wasmtime.wasmtime_instance_export_get(instance->context, &instance->parts[other].instance, import->name, strlen(import->name),
                                                 out);
        if (out->kind == EXTERN_MEMORY) {
            part->memory = out->place;
            part->has_memory = 1;
        }
        return;
    }
    wasm_functype *type = eu_wasmtime_functype(import->type);
    out->kind = EXTERN_FUNC;
    eu_wasmtime.wasmtime_func_new_unchecked(instance->context, type, host_call, &part->bound[i], NULL, &out->func);
    eu_wasmtime.wasm_functype_delete(type);
}

/* The memory and the table that the interface speaks of. */
static void find_exports(struct eu_instance *instance, struct wasmtime_part *part) {
    const struct eu_wasm_export *table = eu_wasm_export_of(&part->shape, "__indirect_function_table", EU_WASM_TABLE);
    struct wasmtime_extern found;
    for (uint32_t i = 0; i < part->shape.nr_exports && !table; i++)
        if (part->shape.exports[i].kind == EU_WASM_TABLE)
            table = &part->shape.exports[i];
    if (eu_wasm_export_of(&part->shape, "memory", EU_WASM_MEMORY) &&
        eu_wasmtime.wasmtime_instance_export_get(instance->context, &part->instance, "memory", 6, &found)) {
        part->has_memory = found.kind == EXTERN_MEMORY;
        part->memory = found.place;
        if (!part->has_memory)
            eu_wasmtime.wasmtime_extern_delete(&found);
    }
    if (table && eu_wasmtime.wasmtime_instance_export_get(instance->context, &part->instance, table->name, strlen(table->name), &found)) {
        part->has_table = 1;
        part->table = found.place;
    }
}

int eu_wasmtime_instantiate(struct eu_instance *instance, struct wasmtime_part *part) {
    uint32_t n = part->shape.nr_imports;
    struct wasmtime_extern *imports = calloc(n + 1, sizeof(*imports));
    wasm_trap *trap = NULL;
    if (!imports)
        return eu_guest_end(instance->guest, EU_FAILED, "instantiate: out of memory");
    for (uint32_t i = 0; i < n; i++)
        make_import(instance, part, i, &imports[i]);
    instance->current = part;
    wasmtime_error *error = eu_wasmtime.wasmtime_instance_new(instance->context, part->module, imports, n, &part->instance, &trap);
    free(imports);
    if (eu_wasmtime_ending(instance, error, trap))
        return EU_STOP;
    find_exports(instance, part);
    return EU_GO;
}

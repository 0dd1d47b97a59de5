/* The library: PyPI's wheel of wasmtime has it, and we load it without its Python bindings, whose import takes longer than a guest's
 * start (docs/decisions/022). */
#define _GNU_SOURCE
#include "wasmtime.h"
#include "error.h"
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wasmtime_api eu_wasmtime;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int loaded;
static pid_t first; /* the process that compiled first */
static const uint64_t MAX_STACK = 1 << 30;

static const char *const names[] = {
#define F(result, name, parameters) #name,
    WASMTIME_FUNCTIONS(F)
#undef F
};

char *eu_wasmtime_message(wasmtime_error *error, char *out, size_t room) {
    struct wasm_bytes text = {0, NULL};
    size_t used = 0;
    eu_wasmtime.wasmtime_error_message(error, &text);
    for (size_t i = 0; i < text.size && text.data[i] && used + 3 < room; i++) {
        char c = text.data[i];
        if (c == '\n' || c == ' ') {
            while (i + 1 < text.size && (text.data[i + 1] == ' ' || text.data[i + 1] == '\n'))
                i++;
            c = ' ';
        }
        out[used++] = c >= ' ' && c < 127 ? c : '?';
    }
    out[used] = 0;
    eu_wasmtime.wasm_byte_vec_delete(&text);
    eu_wasmtime.wasmtime_error_delete(error);
    return out;
}

/* A child of fork() has none of the threads that compile in parallel, and would wait for them for ever. */
static wasm_engine *make_engine(uint64_t stack) {
    wasm_config *config = eu_wasmtime.wasm_config_new();
    eu_wasmtime.wasmtime_config_parallel_compilation_set(config, first == getpid());
    eu_wasmtime.wasmtime_config_consume_fuel_set(config, true);
    eu_wasmtime.wasmtime_config_epoch_interruption_set(config, true);
    eu_wasmtime.wasmtime_config_wasm_memory64_set(config, false); /* the interface's pointers have 32 bits */
    /* What made the module optimised it: doing so again takes a third more of the first start, and wins nothing for LLVM's, a tenth for
     * Go's. */
    eu_wasmtime.wasmtime_config_cranelift_opt_level_set(config, OPTIMIZE_NOT);
    eu_wasmtime.wasmtime_config_wasm_exceptions_set(config, true);
    eu_wasmtime.wasmtime_config_memory_reservation_set(config, 1ull << 32);
    eu_wasmtime.wasmtime_config_memory_may_move_set(config, false);
    eu_wasmtime.wasmtime_config_async_stack_size_set(config, stack + (1 << 20)); /* unused, but it aborts where this is not larger */
    eu_wasmtime.wasmtime_config_max_wasm_stack_set(config, stack);
    return eu_wasmtime.wasm_engine_new_with_config(config);
}

/* Traps are signals in the guest's code. Who sets handlers after us (faulthandler.enable()) would take a guest's trap for a crash: ours are
 * put back before a guest runs. */
enum { HANDLED = 4 };
static const int handled[HANDLED] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
static struct sigaction handlers[HANDLED];

static void keep_handlers(void) {
    for (int i = 0; i < HANDLED; i++)
        sigaction(handled[i], NULL, &handlers[i]);
}

void eu_wasmtime_handlers(void) {
    for (int i = 0; i < HANDLED; i++) {
        struct sigaction now;
        if (!sigaction(handled[i], NULL, &now) && now.sa_sigaction != handlers[i].sa_sigaction)
            sigaction(handled[i], &handlers[i], NULL);
    }
}

wasm_engine *eu_wasmtime_engine(uint64_t stack) {
    static struct kept {
        struct kept *next;
        uint64_t stack;
        pid_t process;
        wasm_engine *engine;
    } *all;
    wasm_engine *engine = NULL;
    pid_t process = getpid();
    if (stack > MAX_STACK)
        return eu_fail_null(EINVAL, "a stack of %llu bytes for a guest: 1 GiB is the most", (unsigned long long)stack);
    pthread_mutex_lock(&lock);
    first = first ? first : process;
    for (struct kept *one = all; one && !engine; one = one->next)
        if (one->stack == stack && one->process == process)
            engine = one->engine;
    struct kept *one = engine ? NULL : malloc(sizeof(*one));
    if (one && (engine = make_engine(stack))) {
        *one = (struct kept){all, stack, process, engine};
        all = one;
    }
    pthread_mutex_unlock(&lock);
    return engine ? engine : eu_fail_null(ENOMEM, "make an engine: out of memory");
}

wasm_functype *eu_wasmtime_functype(const char *type) {
    struct wasm_pointers lists[2];
    const char *at = type;
    for (int i = 0; i < 2; i++, at++) {
        void *values[EU_WASM_TYPE];
        size_t n = 0;
        for (; *at && *at != ':'; at++)
            values[n++] = eu_wasmtime.wasm_valtype_new(*at == 'i'   ? VALUE_I32
                                                       : *at == 'I' ? VALUE_I64
                                                       : *at == 'f' ? VALUE_F32
                                                                    : VALUE_F64);
        eu_wasmtime.wasm_valtype_vec_new(&lists[i], n, values);
        if (!*at)
            at--;
    }
    return eu_wasmtime.wasm_functype_new(&lists[0], &lists[1]);
}

static wasm_trap *check_call(void *env, wasmtime_caller *caller, union eu_slot *slots, size_t n) {
    int right = slots[0].i32 == -7 && slots[1].i64 == 1ll << 40 && slots[2].f64 == 0.5;
    *(int *)env = right;
    slots[0].i64 = right ? 1ll << 41 : 0;
    (void)caller;
    (void)n;
    return NULL;
}

/* Values, functions and memories have the layouts that we declare: a call to ourselves and a memory tell. */
static int check_layouts(wasm_engine *engine) {
    int called = 0;
    wasmtime_store *store = eu_wasmtime.wasmtime_store_new(engine, NULL, NULL);
    wasmtime_context *context = eu_wasmtime.wasmtime_store_context(store);
    wasm_functype *type = eu_wasmtime_functype("iIF:I");
    struct wasmtime_func func;
    union eu_slot slots[3] = {{.i32 = -7}, {.i64 = 1ll << 40}, {.f64 = 0.5}};
    wasm_trap *trap = NULL;
    wasm_memorytype *memory_type = NULL;
    struct wasmtime_place memory;
    wasmtime_error *error = eu_wasmtime.wasmtime_context_set_fuel(context, 1000);
    eu_wasmtime.wasmtime_context_set_epoch_deadline(context, 1);
    eu_wasmtime.wasmtime_func_new_unchecked(context, type, check_call, &called, NULL, &func);
    eu_wasmtime.wasm_functype_delete(type);
    if (!error)
        error = eu_wasmtime.wasmtime_func_call_unchecked(context, &func, slots, 3, &trap);
    if (!error)
        error = eu_wasmtime.wasmtime_memorytype_new(1, true, 2, false, false, 16, &memory_type);
    if (!error)
        error = eu_wasmtime.wasmtime_memory_new(context, memory_type, &memory);
    int right = !error && !trap && called && slots[0].i64 == 1ll << 41 && func.store == memory.store &&
                eu_wasmtime.wasmtime_memory_data_size(context, &memory) == 65536 && eu_wasmtime.wasmtime_memory_data(context, &memory);
    if (memory_type)
        eu_wasmtime.wasm_memorytype_delete(memory_type);
    if (error)
        eu_wasmtime.wasmtime_error_delete(error);
    if (trap)
        eu_wasmtime.wasm_trap_delete(trap);
    eu_wasmtime.wasmtime_store_delete(store);
    return right;
}

static int load(const char *path) {
    void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL, **slot = (void **)&eu_wasmtime;
    if (!path)
        return eu_fail(EINVAL, "load wasmtime: where it is was not said (options->library)");
    if (!library)
        return eu_fail(ENOENT, "load wasmtime: %s (its wheels need glibc 2.28 or newer; pip install --force-reinstall 'wasmtime>=50,<51')",
                       dlerror());
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!(slot[i] = dlsym(library, names[i]))) {
            dlclose(library);
            return eu_fail(ENOSYS, "%s has no %s: another version than 50 (install: pip install 'wasmtime>=50,<51')", path, names[i]);
        }
    return 0;
}

int eu_wasmtime_load(const char *path) {
    int err = 0;
    pthread_mutex_lock(&lock);
    if (!loaded)
        err = load(path);
    pthread_mutex_unlock(&lock);
    if (err || loaded)
        return err;
    wasm_engine *engine = eu_wasmtime_engine(1 << 20);
    if (!engine)
        return -ENOMEM;
    if (!check_layouts(engine))
        return eu_fail(ENOSYS, "%s does not work as version 50 does (install: pip install 'wasmtime>=50,<51')", path);
    keep_handlers();
    loaded = 1;
    return 0;
}

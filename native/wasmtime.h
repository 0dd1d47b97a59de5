/* What we use of wasmtime's C API, declared as version 50 has it (its layouts are tested when the library is loaded), and what the files
 * of this engine share: wasmtime.c (the library), wasmtime_link.c (modules and imports), wasmtime_run.c (calls and traps). */
#ifndef EUNOMIA_WASMTIME_H
#define EUNOMIA_WASMTIME_H
#include "guest.h"
#include "wasm_module.h"
#include <stdbool.h>

typedef struct wasm_config wasm_config;
typedef struct wasm_engine wasm_engine;
typedef struct wasm_functype wasm_functype;
typedef struct wasm_valtype wasm_valtype;
typedef struct wasm_memorytype wasm_memorytype;
typedef struct wasm_frame wasm_frame;
typedef struct wasm_trap wasm_trap;
typedef struct wasmtime_error wasmtime_error;
typedef struct wasmtime_module wasmtime_module;
typedef struct wasmtime_store wasmtime_store;
typedef struct wasmtime_context wasmtime_context;
typedef struct wasmtime_caller wasmtime_caller;

struct wasm_bytes { /* wasm_byte_vec_t, wasm_name_t */
    size_t size;
    char *data;
};
struct wasm_pointers { /* wasm_valtype_vec_t, wasm_frame_vec_t */
    size_t size;
    void **data;
};
struct wasmtime_func {
    uint64_t store;
    void *private;
};
struct wasmtime_place { /* wasmtime_memory_t, wasmtime_table_t */
    struct {
        uint64_t store;
        uint32_t private1;
    };
    uint32_t private2;
};
struct wasmtime_global {
    uint64_t store;
    uint32_t private[3];
};
struct wasmtime_instance {
    uint64_t store;
    size_t private;
};
enum { EXTERN_FUNC, EXTERN_GLOBAL, EXTERN_TABLE, EXTERN_MEMORY, EXTERN_SHARED_MEMORY };
struct wasmtime_extern {
    uint8_t kind;
    union {
        struct wasmtime_func func;
        struct wasmtime_place place;
        struct wasmtime_global global;
    };
};
enum { VALUE_I32, VALUE_I64, VALUE_F32, VALUE_F64, VALUE_V128, VALUE_FUNCREF };
struct wasmtime_value { /* wasmtime_val_t */
    uint8_t kind;
    union {
        struct wasmtime_func func;
        uint64_t words[3];
    };
};
struct wasmtime_valtype {
    uint8_t kind;
    uint64_t private[3];
};
_Static_assert(sizeof(union eu_slot) == 16 && sizeof(struct wasmtime_extern) == 32 && sizeof(struct wasmtime_value) == 32 &&
                   sizeof(struct wasmtime_place) == 24 && sizeof(struct wasmtime_instance) == 16 && sizeof(struct wasmtime_valtype) == 32,
               "layouts of wasmtime 50");
enum { TRAP_OUT_OF_BOUNDS = 1, TRAP_OUT_OF_FUEL = 11 };
enum { OPTIMIZE_NOT };

typedef wasm_trap *(*wasmtime_host_call)(void *, wasmtime_caller *, union eu_slot *, size_t);
typedef wasmtime_error *(*wasmtime_epoch_call)(wasmtime_context *, void *, uint64_t *, uint8_t *);

/* RETURNS(type, name, parameters) of everything that is looked up in the library. */
#define WASMTIME_FUNCTIONS(F)                                                                                                              \
    F(wasm_config *, wasm_config_new, (void))                                                                                              \
    F(wasm_engine *, wasm_engine_new_with_config, (wasm_config *))                                                                         \
    F(void, wasmtime_config_parallel_compilation_set, (wasm_config *, bool))                                                               \
    F(void, wasmtime_config_consume_fuel_set, (wasm_config *, bool))                                                                       \
    F(void, wasmtime_config_epoch_interruption_set, (wasm_config *, bool))                                                                 \
    F(void, wasmtime_config_max_wasm_stack_set, (wasm_config *, size_t))                                                                   \
    F(void, wasmtime_config_async_stack_size_set, (wasm_config *, size_t))                                                                 \
    F(void, wasmtime_config_wasm_memory64_set, (wasm_config *, bool))                                                                      \
    F(void, wasmtime_config_wasm_exceptions_set, (wasm_config *, bool))                                                                    \
    F(void, wasmtime_config_cranelift_opt_level_set, (wasm_config *, uint8_t))                                                             \
    F(void, wasmtime_config_memory_may_move_set, (wasm_config *, bool))                                                                    \
    F(void, wasmtime_config_memory_reservation_set, (wasm_config *, uint64_t))                                                             \
    F(void, wasmtime_engine_increment_epoch, (wasm_engine *))                                                                              \
    F(void, wasm_byte_vec_delete, (struct wasm_bytes *))                                                                                   \
    F(void, wasm_valtype_vec_new, (struct wasm_pointers *, size_t, void *const *))                                                         \
    F(wasm_valtype *, wasm_valtype_new, (uint8_t))                                                                                         \
    F(void, wasmtime_valtype_new, (const wasm_valtype *, struct wasmtime_valtype *))                                                       \
    F(void, wasmtime_valtype_delete, (struct wasmtime_valtype *))                                                                          \
    F(wasm_functype *, wasm_functype_new, (struct wasm_pointers *, struct wasm_pointers *))                                                \
    F(void, wasm_functype_delete, (wasm_functype *))                                                                                       \
    F(const struct wasm_pointers *, wasm_functype_params, (const wasm_functype *))                                                         \
    F(const struct wasm_pointers *, wasm_functype_results, (const wasm_functype *))                                                        \
    F(wasmtime_error *, wasmtime_memorytype_new, (uint64_t, bool, uint64_t, bool, bool, uint8_t, wasm_memorytype **))                      \
    F(void, wasm_memorytype_delete, (wasm_memorytype *))                                                                                   \
    F(wasmtime_error *, wasmtime_error_new, (const char *))                                                                                \
    F(void, wasmtime_error_message, (const wasmtime_error *, struct wasm_bytes *))                                                         \
    F(void, wasmtime_error_delete, (wasmtime_error *))                                                                                     \
    F(wasm_trap *, wasmtime_trap_new, (const char *, size_t))                                                                              \
    F(bool, wasmtime_trap_code, (const wasm_trap *, uint8_t *))                                                                            \
    F(void, wasm_trap_message, (const wasm_trap *, struct wasm_bytes *))                                                                   \
    F(void, wasm_trap_trace, (const wasm_trap *, struct wasm_pointers *))                                                                  \
    F(void, wasm_trap_delete, (wasm_trap *))                                                                                               \
    F(void, wasm_frame_vec_delete, (struct wasm_pointers *))                                                                               \
    F(uint32_t, wasm_frame_func_index, (const wasm_frame *))                                                                               \
    F(const struct wasm_bytes *, wasmtime_frame_func_name, (const wasm_frame *))                                                           \
    F(wasmtime_error *, wasmtime_module_new, (wasm_engine *, const uint8_t *, size_t, wasmtime_module **))                                 \
    F(wasmtime_error *, wasmtime_module_serialize, (wasmtime_module *, struct wasm_bytes *))                                               \
    F(wasmtime_error *, wasmtime_module_deserialize_file, (wasm_engine *, const char *, wasmtime_module **))                               \
    F(void, wasmtime_module_delete, (wasmtime_module *))                                                                                   \
    F(wasmtime_store *, wasmtime_store_new, (wasm_engine *, void *, void (*)(void *)))                                                     \
    F(wasmtime_context *, wasmtime_store_context, (wasmtime_store *))                                                                      \
    F(void, wasmtime_store_limiter, (wasmtime_store *, int64_t, int64_t, int64_t, int64_t, int64_t))                                       \
    F(void, wasmtime_store_epoch_deadline_callback, (wasmtime_store *, wasmtime_epoch_call, void *, void (*)(void *)))                     \
    F(void, wasmtime_store_delete, (wasmtime_store *))                                                                                     \
    F(wasmtime_error *, wasmtime_context_set_fuel, (wasmtime_context *, uint64_t))                                                         \
    F(void, wasmtime_context_set_epoch_deadline, (wasmtime_context *, uint64_t))                                                           \
    F(void, wasmtime_func_new_unchecked,                                                                                                   \
      (wasmtime_context *, const wasm_functype *, wasmtime_host_call, void *, void (*)(void *), struct wasmtime_func *))                   \
    F(wasm_functype *, wasmtime_func_type, (const wasmtime_context *, const struct wasmtime_func *))                                       \
    F(wasmtime_error *, wasmtime_func_call_unchecked,                                                                                      \
      (wasmtime_context *, const struct wasmtime_func *, union eu_slot *, size_t, wasm_trap **))                                           \
    F(wasmtime_error *, wasmtime_instance_new,                                                                                             \
      (wasmtime_context *, const wasmtime_module *, const struct wasmtime_extern *, size_t, struct wasmtime_instance *, wasm_trap **))     \
    F(bool, wasmtime_instance_export_get,                                                                                                  \
      (wasmtime_context *, const struct wasmtime_instance *, const char *, size_t, struct wasmtime_extern *))                              \
    F(void, wasmtime_extern_delete, (struct wasmtime_extern *))                                                                            \
    F(wasmtime_error *, wasmtime_memory_new, (wasmtime_context *, const wasm_memorytype *, struct wasmtime_place *))                       \
    F(uint8_t *, wasmtime_memory_data, (const wasmtime_context *, const struct wasmtime_place *))                                          \
    F(size_t, wasmtime_memory_data_size, (const wasmtime_context *, const struct wasmtime_place *))                                        \
    F(wasmtime_error *, wasmtime_memory_grow, (wasmtime_context *, const struct wasmtime_place *, uint64_t, uint64_t *))                   \
    F(bool, wasmtime_table_get, (wasmtime_context *, const struct wasmtime_place *, uint64_t, struct wasmtime_value *))

struct wasmtime_api {
#define F(result, name, parameters) result(*name) parameters;
    WASMTIME_FUNCTIONS(F)
#undef F
};
extern struct wasmtime_api eu_wasmtime; /* filled by eu_wasmtime_load() */

/* A module of the guest: the guest itself is the last one. */
struct wasmtime_part {
    char *name; /* by which later ones import from it, NULL: the guest */
    struct eu_wasm_module shape;
    wasmtime_module *module;
    struct wasmtime_instance instance;
    struct wasmtime_place memory, table;
    int has_memory, has_table;
    struct wasmtime_bound *bound; /* one for each import */
};
/* An import that the host serves. */
struct wasmtime_bound {
    struct eu_instance *instance;
    struct wasmtime_part *part; /* whose memory the function sees */
    eu_host_call call;
    void *context;
    const struct eu_guest_function *function; /* NULL, or the caller's */
};
struct eu_instance {
    struct eu_guest *guest;
    wasm_engine *engine; /* shared, never freed */
    wasmtime_store *store;
    wasmtime_context *context;
    struct wasmtime_part *parts, *current; /* whose code runs, or called the host */
    int nr_parts, started;
};

enum { EU_WASMTIME_SETTINGS = 2 }; /* to be counted up where make_engine() changes: part of the names in the cache */
/* Load the library once. 0, or -errno with eu_error(). */
int eu_wasmtime_load(const char *path);
/* The process's engine for this stack size; NULL with eu_error(). */
wasm_engine *eu_wasmtime_engine(uint64_t stack);
/* See to it that traps reach the library. */
void eu_wasmtime_handlers(void);
/* One line of a message of wasmtime's; both are freed. Returns out. */
char *eu_wasmtime_message(wasmtime_error *error, char *out, size_t room);
/* Compile or take from the cache. */
wasmtime_module *eu_wasmtime_module(struct eu_guest *guest, wasm_engine *engine, const void *wasm, size_t size);
wasm_functype *eu_wasmtime_functype(const char *type);
/* Find who serves each import of part, before anything is made: 0, or -errno with eu_error(). */
int eu_wasmtime_resolve(struct eu_instance *instance, struct wasmtime_part *part);
/* Make the instance of part. EU_GO, or EU_STOP with the ending set. */
int eu_wasmtime_instantiate(struct eu_instance *instance, struct wasmtime_part *part);
/* Set the ending by what a call of the library returned; frees both. Returns EU_GO where both are NULL. */
int eu_wasmtime_ending(struct eu_instance *instance, wasmtime_error *error, wasm_trap *trap);
void eu_wasmtime_close(struct eu_instance *instance);
#endif

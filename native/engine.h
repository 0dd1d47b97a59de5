/* What the Wasm host asks of an engine. One file (or family of files) implements it for each engine: wasmtime.c. Everything
 * else of the host (guest*.c, wasi*.c) knows no engine. An instance belongs to the thread that runs it; only interrupt()
 * may be called from others. */
#ifndef EUNOMIA_ENGINE_H
#define EUNOMIA_ENGINE_H
#include <stddef.h>
#include <stdint.h>

/* A parameter or result on its way, in the layout that engines use themselves (little-endian, 16 bytes). */
union eu_slot {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f32;
    double f64;
    uint8_t v128[16];
} __attribute__((aligned(16)));

struct eu_guest;
enum { EU_GO = 0, EU_STOP = 1 }; /* of a call: go on; or the guest must not run any more (guest->ending says why) */

/* A function of the host: parameters are in slots[0..], its result goes to slots[0]. */
typedef int (*eu_host_call)(struct eu_guest *guest, void *context, union eu_slot *slots);
struct eu_host_function {
    const char *module, *name;
    const char *type; /* "iI:i": parameters, a colon, results; i i32, I i64, f f32, F f64 */
    eu_host_call call;
    void *context;
};

/* A function of the guest, looked up once and called often; what is in it is the engine's. */
struct eu_callee {
    uint64_t engine[4];
    int nr_params, nr_results;
};

struct eu_instance; /* the engine's: a module with its store and memory */
struct eu_engine {
    const char *name;
    /* Make the instance, in the thread that will run it; its start function runs. EU_GO, or EU_STOP with the ending set. */
    int (*start)(struct eu_instance *instance);
    void (*close)(struct eu_instance *instance);
    /* The guest's memory as it is now; it may move and grow whenever the guest runs. NULL: it exports none. */
    uint8_t *(*memory)(struct eu_instance *instance, uint64_t *size);
    /* The function at a place of the exported table (`__indirect_function_table`, or the only table), or an export by name. Its type must
     * be as said. 0, or -errno: -ENOENT no such place, -EINVAL null or of another type. */
    int (*in_table)(struct eu_instance *instance, uint32_t index, const char *type, struct eu_callee *callee);
    int (*exports)(struct eu_instance *instance, const char *name); /* whether it exports such a function; before start() too */
    int (*exported)(struct eu_instance *instance, const char *name, const char *type, struct eu_callee *callee);
    /* EU_GO with the result in slots[0], or EU_STOP with the ending set. */
    int (*call)(struct eu_instance *instance, const struct eu_callee *callee, union eu_slot *slots);
    /* The fuel of the limits from now on: called where the guest waited for something. */
    void (*refuel)(struct eu_instance *instance);
    /* From any thread: have running guest code come to eu_guest_checkpoint() soon. */
    void (*interrupt)(struct eu_instance *instance);
    /* Pages of 64 KiB at the end of the memory, for the host: the address of the first, or -errno. */
    int64_t (*grow)(struct eu_instance *instance, uint64_t pages);
    /* The memory of a module beside the guest by its name, "": of the guest itself. NULL: there is none. */
    uint8_t *(*memory_of)(struct eu_instance *instance, const char *module, uint64_t *size);
    int fixed_memory; /* 1: the base of the memory never moves, whatever grows: something can be mapped over it */
};
#endif

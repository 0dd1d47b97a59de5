/* Compiled modules, kept between runs. */
#define _GNU_SOURCE
#include "error.h"
#include "wasmtime.h"
#include <errno.h>

wasmtime_module *eu_wasmtime_module(struct eu_guest *guest, wasm_engine *engine, const void *wasm, size_t size) {
    wasmtime_module *module = NULL;
    char line[600];
    (void)guest;
    wasmtime_error *error = eu_wasmtime.wasmtime_module_new(engine, wasm, size, &module);
    if (error)
        return eu_fail_null(EINVAL, "compile the module: %s", eu_wasmtime_message(error, line, sizeof(line)));
    return module;
}

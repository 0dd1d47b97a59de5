/* What a Wasm module says of itself: enough to link it, without an engine (whose C API aborts on types that it cannot name). */
#ifndef EUNOMIA_WASM_MODULE_H
#define EUNOMIA_WASM_MODULE_H
#include <stddef.h>
#include <stdint.h>

enum eu_wasm_kind { EU_WASM_FUNC, EU_WASM_TABLE, EU_WASM_MEMORY, EU_WASM_GLOBAL, EU_WASM_TAG };
enum { EU_WASM_TYPE = 48 }; /* room for a type as text; longer ones, and values that the host cannot pass, are "?" */

struct eu_wasm_import {
    char *module, *name;
    enum eu_wasm_kind kind;
    char type[EU_WASM_TYPE]; /* of a function, as eu_host_function's */
};
struct eu_wasm_export {
    char *name;
    enum eu_wasm_kind kind;
    uint32_t index;
};
struct eu_wasm_module {
    struct eu_wasm_import *imports;
    struct eu_wasm_export *exports;
    uint32_t nr_imports, nr_exports;
};
/* 0, or -errno with eu_error(): -ENOEXEC no module (or a component), -EINVAL damaged. Custom sections and code are not looked at. */
int eu_wasm_module_read(struct eu_wasm_module *module, const void *wasm, size_t size);
/* The same module with its table exported as `__indirect_function_table`, to be freed, and its size; NULL: it needs none of that. */
void *eu_wasm_with_table(const struct eu_wasm_module *module, const void *wasm, size_t *size);
void eu_wasm_module_free(struct eu_wasm_module *module);
const struct eu_wasm_export *eu_wasm_export_of(const struct eu_wasm_module *module, const char *name, enum eu_wasm_kind kind);
#endif

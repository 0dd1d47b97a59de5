/* What a module says of itself: damaged sections of types, imports and exports. Names must be whole strings, kinds and types known. */
#include "wasm_module.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t header[8] = {0, 'a', 's', 'm', 1};
    struct eu_wasm_module module;
    uint8_t *exact = malloc(size + 8); /* so that the sanitizer sees the end */
    memcpy(exact, header, 8);
    memcpy(exact + 8, data, size);
    if (!eu_wasm_module_read(&module, exact, size + 8)) {
        for (uint32_t i = 0; i < module.nr_imports; i++)
            if (strlen(module.imports[i].module) + strlen(module.imports[i].name) > size ||
                strlen(module.imports[i].type) >= EU_WASM_TYPE || module.imports[i].kind > EU_WASM_TAG)
                abort();
        for (uint32_t i = 0; i < module.nr_exports; i++)
            if (strlen(module.exports[i].name) > size)
                abort();
        eu_wasm_export_of(&module, "memory", EU_WASM_MEMORY);
        eu_wasm_module_free(&module);
    }
    free(exact);
    return 0;
}

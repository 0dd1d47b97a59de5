/* Several modules in one run: each has a memory of its own, and copies what it wants to hand to another. */
#include "guest_bpf.h"
#include <errno.h>
#include <string.h>

/* module, address in its memory, address in the caller's, length, 1: to the module, 0: from it. */
EU_GUEST_CALL(eu_call_module_copy) {
    char name[GUEST_NAME];
    uint64_t size = 0, len = slots[3].u32;
    int err = slots[0].u32 ? eu_guest_name(guest, slots[0].u32, name, sizeof(name), "module") : (*name = 0);
    if (err)
        return eu_answer(slots, err);
    uint8_t *other = guest->engine->memory_of(guest->instance, name, &size);
    uint8_t *own = eu_guest_span(guest, slots[2].u32, len, "module_copy");
    if (!other)
        return eu_answer(slots, eu_guest_failed(guest, ENOENT, "module %s: no module with this name and a memory", name));
    if (!own || slots[1].u32 > size || len > size - slots[1].u32)
        return eu_answer(slots, -EFAULT);
    if (slots[4].u32)
        memmove(other + slots[1].u32, own, len);
    else
        memmove(own, other + slots[1].u32, len);
    return eu_answer(slots, 0);
}

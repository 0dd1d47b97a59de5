/* libbpf can write its loading down as a BPF program ("light skeletons"), which nobody asks for here: bpf_object.gen_loader is never
 * set. These names keep that part, 25 kB, out of the extension: the linker takes them before libbpf's own. */
#include <stdlib.h>

#define UNUSED(name)                                                                                                                       \
    void name(void);                                                                                                                       \
    void name(void) {                                                                                                                      \
        abort();                                                                                                                           \
    }
UNUSED(bpf_gen__finish)
UNUSED(bpf_gen__init)
UNUSED(bpf_gen__load_btf)
UNUSED(bpf_gen__map_create)
UNUSED(bpf_gen__map_freeze)
UNUSED(bpf_gen__map_update_elem)
UNUSED(bpf_gen__populate_outer_map)
UNUSED(bpf_gen__prog_load)
UNUSED(bpf_gen__record_attach_target)
UNUSED(bpf_gen__record_extern)
UNUSED(bpf_gen__record_relo_core)

/* Called for every object, with NULL. */
void bpf_gen__free(void *gen);
void bpf_gen__free(void *gen) {
}

/* The table of the interface: every function that a guest can import, by name and type. */
#include "guest_bpf.h"

#define FIRST(module)                                                                                                                      \
    {module, "wasm_load_bpf_object", "ii:I", eu_call_load_object, 0}, {module, "wasm_close_bpf_object", "I:i", eu_call_close, 0},          \
        {module, "wasm_attach_bpf_program", "Iii:i", eu_call_attach, 0},                                                                   \
        {module, "wasm_attach_bpf_program_fd", "Iii:i", eu_call_attach_fd, 0},                                                             \
        {module, "wasm_bpf_map_fd_by_name", "Ii:i", eu_call_map_fd, 0}, {module, "wasm_bpf_buffer_poll", "Iiiiiii:i", eu_call_poll, 0},    \
        {module, "wasm_bpf_map_operate", "iiiiiI:i", eu_call_operate, 0},                                                                  \
        {module, "wasm_bpf_map_operate", "iiIIII:i", eu_call_operate_wide, 0}
#define ADDED(name, type, call) {"wasm_bpf", "wasm_bpf_" name, type, call, 0}

const struct eu_host_function eu_bpf_functions[] = {
    FIRST("wasm_bpf"),
    FIRST("env"),                                                         /* until 2023 */
    {"env", "wasm_bpf_map_operate", "iiiii:i", eu_call_operate_first, 0}, /* December 2022 */
    {"callback-wrapper", "wasm_bpf_buffer_poll", "Iiiiii:i", eu_call_poll_export, 0},
    ADDED("version", ":i", eu_call_version),
    ADDED("error", "ii:i", eu_call_error),
    ADDED("object_open", "iii:I", eu_call_open),
    ADDED("object_load", "I:i", eu_call_load),
    ADDED("map_info", "Iiii:i", eu_call_map_info),
    ADDED("map_info_by_fd", "iii:i", eu_call_map_info_by_fd),
    ADDED("program_info", "Iiii:i", eu_call_program_info),
    ADDED("program_fd_by_name", "Ii:i", eu_call_program_fd),
    ADDED("map_set", "IiiI:i", eu_call_map_set),
    ADDED("program_set", "IiiI:i", eu_call_program_set),
    ADDED("program_bind", "Iii:i", eu_call_program_bind),
    ADDED("map_initial", "Iiiiii:i", eu_call_map_initial),
    ADDED("map_mmap", "iii:i", eu_call_mmap),
    ADDED("map_munmap", "ii:i", eu_call_munmap),
    ADDED("map_batch", "iiiiiiiI:i", eu_call_batch),
    ADDED("link_attach", "Iii:i", eu_call_link_attach),
    ADDED("link_detach", "i:i", eu_call_link_detach),
    ADDED("buffer_poll_batch", "iiii:i", eu_call_poll_batch),
    ADDED("buffers_wait", "iii:i", eu_call_wait),
    ADDED("buffer_lost", "i:I", eu_call_lost),
    ADDED("possible_cpus", ":i", eu_call_cpus),
    ADDED("take_signal", ":i", eu_call_signal),
    ADDED("program_test_run", "Iiiiiiii:i", eu_call_test_run),
    ADDED("symbol", "iIii:i", eu_call_symbol),
    ADDED("probe", "ii:i", eu_call_probe),
    ADDED("module_copy", "iiiii:i", eu_call_module_copy),
    /* the interface of 2022 */
    {"env", "create_bpf", "ii:i", eu_call_ewasm_create, 0},
    {"env", "run_bpf", "i:i", eu_call_ewasm_run, 0},
    {"env", "wait_and_poll_bpf", "i:i", eu_call_ewasm_poll, 0},
    {0},
};

/* The names of eunomia-bpf's library: bpf-loader-c-wrapper of eunomia-bpf 0.3. */
#define _GNU_SOURCE
#include "../error.h"
#include "handle.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct eunomia_bpf *with_btf(struct eunomia_bpf *tool, const char *btf) {
    if (tool && btf && *btf && eunomia_set_btf(tool, btf)) {
        eunomia_close(tool);
        return NULL;
    }
    return tool;
}

PUBLIC struct eunomia_bpf *open_eunomia_skel_from_json_package_with_btf(const char *json, const char *btf) {
    return with_btf(json ? eunomia_open(json, strlen(json)) : eunomia_open(NULL, 0), btf);
}

PUBLIC struct eunomia_bpf *open_eunomia_skel_from_json_package(const char *json) {
    return open_eunomia_skel_from_json_package_with_btf(json, NULL);
}

PUBLIC struct eunomia_bpf *open_eunomia_skel_from_json_package_with_args(const char *json, char **argv, int argc, const char *btf) {
    struct eunomia_bpf *tool = open_eunomia_skel_from_json_package_with_btf(json, btf);
    if (tool && eunomia_set_arguments(tool, argc, argv)) {
        char why[512];
        int number = eu_errno();
        snprintf(why, sizeof(why), "%s", eu_error());
        eunomia_close(tool);
        return eu_fail_null(number, "%s", why);
    }
    return tool;
}

PUBLIC int load_and_attach_eunomia_skel(struct eunomia_bpf *tool) {
    return eunomia_load_and_attach(tool) < 0 ? -1 : 0;
}

PUBLIC int wait_and_poll_events_to_handler(struct eunomia_bpf *tool, enum export_format_type type, eunomia_handler handler, void *context) {
    struct eunomia_poll_options options = {.size = sizeof(options), .format = type};
    return eunomia_poll(tool, &options, handler, context) < 0 ? -1 : 0;
}

PUBLIC int get_bpf_fd(struct eunomia_bpf *tool, const char *name) {
    int fd = eunomia_fd(tool, name);
    return fd < 0 ? -1 : fd;
}

PUBLIC void stop_ebpf_program(struct eunomia_bpf *tool) {
    eunomia_stop(tool);
}

PUBLIC void destroy_eunomia_skel(struct eunomia_bpf *tool) {
    eunomia_close(tool);
}

PUBLIC void free_bpf_skel(struct eunomia_bpf *tool) {
    eunomia_close(tool);
}

/* A handle is the tool itself: it must not be used after the tool was closed, as upstream's. */
PUBLIC struct eunomia_polling_handle *handle_create(struct eunomia_bpf *tool) {
    if (!tool)
        return eu_fail_null(EINVAL, "create a handle: no tool (NULL)");
    return (struct eunomia_polling_handle *)tool;
}

PUBLIC void handle_set_pause_state(struct eunomia_polling_handle *handle, uint8_t pause) {
    eunomia_pause((struct eunomia_bpf *)handle, pause);
}

PUBLIC void handle_terminate(struct eunomia_polling_handle *handle) {
    eunomia_stop((struct eunomia_bpf *)handle);
}

PUBLIC void handle_destroy(struct eunomia_polling_handle *handle) {
    (void)handle;
}

PUBLIC void get_error_message(char *buffer, size_t size) {
    if (buffer && size)
        snprintf(buffer, size, "%s", eu_error());
}

/* Opening, options, loading, closing. */
#define _GNU_SOURCE
#include "handle.h"
#include "../error.h"
#include "../tool/payload.h"
#include "version.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(struct eunomia_bpf *tool, enum state most, const char *operation) {
    static const char *const why[] = {"not loaded", "it is loaded already", "it was detached", "it failed before"};
    if (tool->is_busy)
        return eu_fail(EBUSY, "%s: another thread uses this tool", operation);
    if (tool->state > most)
        return eu_fail(EINVAL, "%s: %s", operation, why[tool->state]);
    return 0;
}

int eu_enter(struct eunomia_bpf *tool, enum state most, const char *operation) {
    if (!tool)
        return eu_fail(EINVAL, "%s: no tool (NULL)", operation);
    pthread_mutex_lock(&tool->lock);
    int err = refuse(tool, most, operation);
    tool->is_busy |= !err;
    pthread_mutex_unlock(&tool->lock);
    return err;
}

void eu_leave(struct eunomia_bpf *tool) {
    pthread_mutex_lock(&tool->lock);
    tool->is_busy = 0;
    pthread_cond_broadcast(&tool->changed);
    pthread_mutex_unlock(&tool->lock);
}

PUBLIC const char *eunomia_version(void) {
    return EUNOMIA_VERSION;
}

PUBLIC const char *eunomia_error(void) {
    return eu_error();
}

static void release(struct eunomia_bpf *tool) {
    eu_run_free(tool->run);
    eu_plan_free(tool->plan);
    eu_tool_close(tool->tool);
    if (tool->stop >= 0)
        close(tool->stop);
    if (tool->resume >= 0)
        close(tool->resume);
    pthread_cond_destroy(&tool->changed);
    pthread_mutex_destroy(&tool->lock);
    free(tool->text);
    free(tool->btf);
    free(tool->bytes);
    free(tool);
}

/* A tool of bytes that it owns from now on. */
static struct eunomia_bpf *make(void *bytes, size_t size) {
    struct eunomia_bpf *tool = bytes ? calloc(1, sizeof(*tool)) : NULL;
    if (!tool) {
        free(bytes);
        return eu_fail_null(ENOMEM, "open package: out of memory");
    }
    tool->bytes = bytes;
    tool->asked.format = EXPORT_JSON;
    pthread_mutex_init(&tool->lock, NULL);
    pthread_cond_init(&tool->changed, NULL);
    tool->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    tool->resume = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (tool->stop < 0 || tool->resume < 0)
        eu_fail(errno, "open package: %s", eu_strerror(errno));
    else
        tool->tool = eu_tool_open(bytes, size, "package");
    if (!tool->tool) {
        release(tool);
        return NULL;
    }
    if (!tool->tool->package.plan_size) { /* a payload without one: it is in meta.eunomia */
        free(tool->tool->package.plan);
        tool->tool->package.plan = NULL;
    }
    return tool;
}

PUBLIC struct eunomia_bpf *eunomia_open(const void *package, size_t size) {
    if (!package)
        return eu_fail_null(EINVAL, "open package: no bytes (NULL)");
    if (eu_is_payload(package, size))
        return eu_fail_null(EINVAL, "open package: not JSON");
    void *bytes = malloc(size + 1);
    if (bytes) {
        memcpy(bytes, package, size);
        ((char *)bytes)[size] = 0;
    }
    return make(bytes, size);
}

PUBLIC struct eunomia_bpf *open_eunomia_skel_from_json(const char *meta, const char *object, size_t object_size, const char *btf) {
    if (!meta || !object)
        return eu_fail_null(EINVAL, "open package: no %s (NULL)", meta ? "object" : "meta");
    struct eu_payload_header header = {.version = 1, .header_size = sizeof(header)};
    size_t meta_size = strlen(meta), size = sizeof(header) + object_size + meta_size;
    char *bytes = object_size < SIZE_MAX / 2 ? malloc(size) : NULL;
    memcpy(header.magic, EU_PAYLOAD_MAGIC, sizeof(header.magic));
    header.object_stored = header.object_size = object_size;
    header.json_stored = header.json_size = meta_size;
    if (bytes) {
        memcpy(bytes, &header, sizeof(header));
        memcpy(bytes + sizeof(header), object, object_size);
        memcpy(bytes + sizeof(header) + object_size, meta, meta_size);
    }
    struct eunomia_bpf *tool = make(bytes, size);
    if (tool && btf && *btf && eunomia_set_btf(tool, btf)) {
        release(tool);
        return NULL;
    }
    return tool;
}

PUBLIC int eunomia_set(struct eunomia_bpf *tool, const char *variable, const char *value) {
    int err = eu_enter(tool, OPENED, "set an option");
    if (err)
        return err;
    err = variable && value ? eu_tool_set(tool->tool, variable, value) : eu_fail(EINVAL, "set an option: no name or value (NULL)");
    eu_leave(tool);
    return err == -EU_USAGE ? -EINVAL : err;
}

PUBLIC int eunomia_set_btf(struct eunomia_bpf *tool, const char *path) {
    int err = eu_enter(tool, OPENED, "set the kernel's types");
    if (err)
        return err;
    if (path && access(path, R_OK)) {
        err = eu_fail(errno, "open the kernel's types %s: %s", path, eu_strerror(errno));
    } else {
        free(tool->btf);
        tool->btf = path ? strdup(path) : NULL;
        err = path && !tool->btf ? eu_fail(ENOMEM, "set the kernel's types: out of memory") : 0;
    }
    eu_leave(tool);
    return err;
}

/* Programs, then the run, then attaching: what goes into a perf buffer that nobody has opened is lost. */
static int start(struct eunomia_bpf *tool) {
    int err = eu_package_plan(&tool->tool->package);
    if (!err)
        err = eu_tool_prepare(tool->tool, tool->btf);
    if (!err)
        err = eu_tool_load(tool->tool);
    if (!err)
        err = eu_make_run(tool, &tool->asked);
    return err ? err : eu_tool_attach(tool->tool);
}

PUBLIC int eunomia_load_and_attach(struct eunomia_bpf *tool) {
    int err = eu_enter(tool, OPENED, "load");
    if (err)
        return err;
    err = start(tool);
    tool->state = err ? FAILED : ATTACHED;
    eu_leave(tool);
    return err == -EU_USAGE ? -EINVAL : err;
}

PUBLIC int eunomia_fd(struct eunomia_bpf *tool, const char *name) {
    struct eu_map_info map;
    struct eu_prog_info program;
    if (!tool || !name || tool->state == OPENED || !tool->tool->object)
        return eu_fail(EINVAL, "get a descriptor: %s", tool && name ? "not loaded" : "no tool or name (NULL)");
    int index = eu_map_find(tool->tool->object, name);
    if (index >= 0 && !eu_map_get(tool->tool->object, index, &map) && map.fd >= 0)
        return map.fd;
    index = eu_tool_find(tool->tool, name);
    if (index >= 0 && !eu_prog_get(tool->tool->object, index, &program) && program.fd >= 0)
        return program.fd;
    return eu_fail(ENOENT, "get a descriptor: no map or program %s", name);
}

PUBLIC void eunomia_close(struct eunomia_bpf *tool) {
    if (!tool)
        return;
    if (atomic_load(&tool->polling) == (int)syscall(SYS_gettid)) { /* in a handler: the poll does it when that returns */
        atomic_store(&tool->is_closing, 1);
        eunomia_stop(tool);
        return;
    }
    pthread_mutex_lock(&tool->lock);
    while (tool->is_busy) {
        eunomia_stop(tool);
        pthread_cond_wait(&tool->changed, &tool->lock);
    }
    tool->is_busy = 1;
    pthread_mutex_unlock(&tool->lock);
    release(tool);
}

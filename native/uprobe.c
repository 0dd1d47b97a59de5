/* Uprobes: the section's BINARY:FUNCTION[+OFFSET], with binaries found as a shell and the linker find them. */
#define _GNU_SOURCE
#include "attach.h"
#include "binaries.h"
#include "error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 4096 };

struct spot {
    char binary[PATH_ROOM], function[512];
    unsigned long offset;
};

static int parse(const char *target, struct spot *spot) {
    const char *colon = strrchr(target, ':');
    if (!colon || !colon[1] || (size_t)(colon - target) >= sizeof(spot->binary))
        return -EINVAL;
    snprintf(spot->binary, sizeof(spot->binary), "%.*s", (int)(colon - target), target);
    size_t length = strcspn(colon + 1, "+");
    if ((!length && !colon[1]) || length >= sizeof(spot->function))
        return -EINVAL;
    snprintf(spot->function, sizeof(spot->function), "%.*s", (int)length, colon + 1);
    char *end = "";
    spot->offset = colon[1 + length] ? strtoul(colon + 2 + length, &end, 0) : 0;
    return *end ? -EINVAL : 0;
}

int eu_attach_uprobe(struct eu_object *object, int index, const char *target, int pid) {
    const struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = !strncmp(bpf_program__section_name(prog), "uretprobe", 9));
    char path[PATH_ROOM + 512], why[600], hint[160];
    struct eu_near near;
    struct spot spot;
    if (parse(target, &spot)) {
        snprintf(why, sizeof(why), "%.200s: not of the form BINARY:FUNCTION[+OFFSET]", target);
        return eu_attach_failed(prog, EINVAL, why);
    }
    int err = eu_find_for(prog, spot.binary, pid, path, sizeof(path));
    if (err)
        return err;
    options.func_name = *spot.function ? spot.function : NULL; /* by the place in the file alone: BINARY:+0x1234 */
    struct bpf_link *link = bpf_program__attach_uprobe_opts(prog, pid, path, spot.offset, &options);
    if (link)
        return eu_attachment_add_link(object, index, link);
    err = errno;
    eu_near_start(&near, spot.function);
    if (err == ENOENT)
        eu_offer_functions(&near, path);
    if (err == ENOENT)
        snprintf(why, sizeof(why), "%.200s has no symbol %.100s%s", path, spot.function, eu_near_hint(&near, hint, sizeof(hint)));
    else
        snprintf(why, sizeof(why), "%.200s:%.100s: %s", path, spot.function,
                 err == ESRCH                  ? "no such process"
                 : err == LIBBPF_ERRNO__FORMAT ? "no ELF file"
                 : err == EAGAIN               ? "several versions of it [FUNCTION@VERSION or FUNCTION@@VERSION]"
                                               : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

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
    if (!colon || colon == target || !colon[1] || (size_t)(colon - target) >= sizeof(spot->binary))
        return -EINVAL;
    snprintf(spot->binary, sizeof(spot->binary), "%.*s", (int)(colon - target), target);
    size_t length = strcspn(colon + 1, "+");
    if (!length || length >= sizeof(spot->function))
        return -EINVAL;
    snprintf(spot->function, sizeof(spot->function), "%.*s", (int)length, colon + 1);
    char *end = "";
    spot->offset = colon[1 + length] ? strtoul(colon + 2 + length, &end, 0) : 0;
    return *end ? -EINVAL : 0;
}

/* Plain uprobes only: the .multi and USDT families have targets of their own form. */
int eu_is_uprobe(const char *section) {
    size_t length = strcspn(section, "/");
    static const char *const families[] = {"uprobe", "uretprobe", "uprobe.s", "uretprobe.s"};
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
        if (strlen(families[i]) == length && !strncmp(section, families[i], length))
            return 1;
    return 0;
}

struct bpf_link *eu_attach_uprobe(const struct bpf_program *prog, const char *target, int pid, char *why, size_t room) {
    LIBBPF_OPTS(bpf_uprobe_opts, options);
    char path[PATH_ROOM + 512], hint[160];
    struct eu_near near;
    struct spot spot;
    int missing = 0;
    if (!*target || parse(target, &spot)) {
        snprintf(why, room,
                 *target ? "%.200s: not of the form BINARY:FUNCTION[+OFFSET]" : "this section says nothing about where to attach", target);
        errno = *target ? EINVAL : EOPNOTSUPP;
        return NULL;
    }
    int err = eu_find_binary(spot.binary, path, sizeof(path));
    if (err == -ENOENT && !strchr(spot.binary, '/')) { /* libbpf knows the library folders of more architectures */
        snprintf(path, sizeof(path), "%s", spot.binary);
        missing = 1;
    } else if (err) {
        snprintf(why, room, "binary %.200s: %s", spot.binary, eu_reason(-err));
        errno = -err;
        return NULL;
    }
    options.func_name = spot.function;
    options.retprobe = !strncmp(bpf_program__section_name(prog), "uretprobe", 9);
    struct bpf_link *link = bpf_program__attach_uprobe_opts(prog, pid, path, spot.offset, &options);
    if (link)
        return link;
    err = errno;
    if (err == ENOENT && missing)
        snprintf(why, room, "binary %.200s: not found in PATH or among the libraries", spot.binary);
    else if (err == ENOENT) {
        eu_near_start(&near, spot.function);
        eu_offer_functions(&near, path);
        snprintf(why, room, "%.200s has no symbol %.100s%s", path, spot.function, eu_near_hint(&near, hint, sizeof(hint)));
    } else
        snprintf(why, room, "%.200s:%.100s: %s", path, spot.function, eu_reason(err));
    errno = err;
    return NULL;
}

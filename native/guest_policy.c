/* What the policy of guests asks about, beside what everybody may know of an object. */
#define _GNU_SOURCE
#include "error.h"
#include "guest.h"
#include "object.h"
#include <linux/magic.h>
#include <sys/vfs.h>

const char *eu_map_pin_path(struct eu_object *object, int index) {
    struct bpf_map *map = eu_map(object, index);
    return map ? bpf_map__pin_path(map) : NULL;
}

int eu_is_cgroup(int fd) {
    struct statfs there;
    return !fstatfs(fd, &there) && there.f_type == CGROUP2_SUPER_MAGIC;
}

int eu_guest_offer(int index, struct eu_guest_offer *offer) {
    static const struct eu_host_function *const lists[] = {eu_bpf_functions, eu_wasi_functions};
    for (int i = 0; i < 2; i++)
        for (const struct eu_host_function *f = lists[i]; f->name; f++)
            if (index-- == 0) {
                *offer = (struct eu_guest_offer){f->module, f->name, f->type};
                return 1;
            }
    return 0;
}

void eu_set_error(int err, const char *line) {
    eu_fail(err, "%s", line);
}

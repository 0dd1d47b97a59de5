/* What the policy of guests asks about, beside what everybody may know of an object. */
#define _GNU_SOURCE
#include "error.h"
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

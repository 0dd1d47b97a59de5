#define _GNU_SOURCE
#include "package.h"
#include "../error.h"
#include "../eunomia.h"
#include "unpack.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum { MAX_DOCUMENT = 256 << 20 };

/* Names of architectures as uname says them, and the kernel's own. */
static const char *const machines[][2] = {
    {"x86_64", "x86"},      {"aarch64", "arm64"}, {"aarch64_be", "arm64"}, {"riscv64", "riscv"},
    {"ppc64le", "powerpc"}, {"ppc64", "powerpc"}, {"s390x", "s390"},       {"loongarch64", "loongarch"},
    {"mips64", "mips"},     {"armv7l", "arm"},    {"armv6l", "arm"},       {"i686", "x86"},
};

const char *eu_machine(void) {
    static _Thread_local struct utsname system;
    if (uname(&system))
        return "";
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
        if (!strcmp(system.machine, machines[i][0]))
            return machines[i][1];
    return system.machine;
}

static const struct eu_json *overlaid(const struct eu_package *p, const struct eu_json *tree, const struct eu_json *changes,
                                      const char *key) {
    const struct eu_json *changed = eu_json_get(&p->document, changes, key);
    if (changed)
        return changed->kind == EU_NULL ? NULL : changed;
    return eu_json_get(&p->document, tree, key);
}

const struct eu_json *eu_package_meta(const struct eu_package *package, const char *key) {
    return overlaid(package, package->meta, package->entry, key);
}

const struct eu_json *eu_package_own(const struct eu_package *package, const char *key) {
    return overlaid(package, package->own, package->entry_own, key);
}

const struct eu_json *eu_package_list(const struct eu_package *package, const char *key) {
    const struct eu_json *list = eu_json_get(&package->document, package->skel, key);
    return list && list->kind == EU_ARRAY ? list : NULL;
}

const struct eu_json *eu_package_entry(const struct eu_package *package, const char *key, const char *name) {
    const struct eu_document *d = &package->document;
    for (const struct eu_json *each = eu_json_first(d, eu_package_list(package, key)); each; each = eu_json_next(d, each))
        if (eu_json_is(eu_json_get(d, each, "name"), name))
            return each;
    return NULL;
}

const char *eu_package_doc(const struct eu_package *package, const char *key) {
    const struct eu_document *d = &package->document;
    const char *text = eu_json_text(eu_json_get(d, eu_json_get(d, package->skel, "doc"), key));
    return text ? text : "";
}

/* Whether a list has this text. */
static int has_name(const struct eu_package *p, const struct eu_json *list, const char *name) {
    for (const struct eu_json *each = eu_json_first(&p->document, list); each; each = eu_json_next(&p->document, each))
        if (eu_json_is(each, name))
            return 1;
    return 0;
}

static int refuse_machine(const struct eu_package *p, const char *machine) {
    const struct eu_document *d = &p->document;
    const struct eu_json *own = eu_json_get(d, p->own, "arch"), *objects = eu_json_get(d, p->own, "objects");
    char there[256], again[256];
    size_t used = 0, more = 0;
    there[0] = again[0] = 0;
    for (int of_objects = 0; of_objects < 2; of_objects++) {
        const struct eu_json *each = eu_json_first(d, of_objects ? objects : own);
        for (; each && used < sizeof(there) && more < sizeof(again); each = eu_json_next(d, each)) {
            const char *name = of_objects ? each->key : eu_json_text(each);
            if (!name || (of_objects && has_name(p, own, name)))
                continue;
            used += (size_t)snprintf(there + used, sizeof(there) - used, "%s%s", used ? " and " : "", name);
            more += (size_t)snprintf(again + more, sizeof(again) - more, "%s,", name);
        }
    }
    return eu_fail(ENOEXEC, "open %s: made for %s, and this machine is %s [compile its source again: ecc --target-arch %s%s]", p->origin,
                   there, machine, again, machine);
}

/* Find the object for this machine: one of `objects`, else the package's own where that serves it. */
static int choose_machine(struct eu_package *p) {
    const char *machine = eu_machine();
    const struct eu_document *d = &p->document;
    const struct eu_json *names = eu_json_get(d, p->own, "arch"), *portable = eu_json_get(d, p->own, "portable");
    const struct eu_json *entry = eu_json_get(d, eu_json_get(d, p->own, "objects"), machine);
    if (entry && entry->kind == EU_TREE) {
        p->entry = entry;
        p->entry_own = eu_json_get(d, entry, "eunomia");
        return 0;
    }
    if (!names || has_name(p, names, machine) || (portable && portable->kind == EU_TRUE))
        return 0;
    return refuse_machine(p, machine);
}

static int read_object(struct eu_package *p, const struct eu_json *tree, const char *place) {
    const struct eu_json *packed = eu_json_get(&p->document, tree, "bpf_object"),
                         *size = eu_json_get(&p->document, tree, "bpf_object_size");
    int64_t stated;
    if (!packed || !size)
        return eu_fail(EBADMSG, "`%s.%s`: required, but missing", place, packed ? "bpf_object_size" : "bpf_object");
    if (packed->kind != EU_TEXT)
        return eu_fail(EBADMSG, "`%s.bpf_object`: expected str, got %s", place, eu_json_kind_name(packed));
    if (!eu_json_whole(size, &stated))
        return eu_fail(EBADMSG, "`%s.bpf_object_size`: expected int, got %s", place, eu_json_kind_name(size));
    char where[128];
    snprintf(where, sizeof(where), "%s.bpf_object", place);
    p->object = p->made_object = eu_unpack_object(packed->text, packed->size, stated, where);
    p->object_size = (size_t)stated;
    return p->object ? 0 : -eu_errno();
}

/* Behind meta: what all forms of a package have. */
static int settle(struct eu_package *p, const struct eu_json *meta) {
    const struct eu_document *d = &p->document;
    int64_t version = 0;
    int err = eu_package_check(d, meta, "$.meta");
    if (err)
        return err;
    p->meta = meta;
    p->own = eu_json_get(d, meta, "eunomia");
    if (!eu_json_whole(eu_json_get(d, p->own, "version"), &version) || version != 1)
        p->own = NULL;
    p->skel = eu_json_get(d, meta, "bpf_skel");
    p->name = eu_json_text(eu_json_get(d, p->skel, "obj_name"));
    if ((err = choose_machine(p)))
        return err;
    if (p->entry && (p->skel = eu_package_meta(p, "bpf_skel")) != eu_json_get(d, meta, "bpf_skel")) {
        p->name = eu_json_text(eu_json_get(d, p->skel, "obj_name"));
        if (!p->name || p->skel->kind != EU_TREE)
            return eu_fail(EBADMSG, "`$.meta.eunomia.objects.%s.bpf_skel`: expected a skeleton", eu_machine());
    }
    return 0;
}

static int read_payload(struct eu_package *p, const void *bytes, size_t size) {
    struct eu_payload payload = {0};
    int err = eu_payload_read(&payload, bytes, size, p->origin);
    p->object = payload.object;
    p->object_size = payload.object_size;
    p->made_object = payload.made_object;
    p->plan = payload.plan;
    p->plan_size = payload.plan_size;
    if (!err)
        err = eu_json_read(&p->document, payload.json, payload.json_size, "read package");
    free(payload.made_json);
    return err ? err : settle(p, p->document.values);
}

static int read_json(struct eu_package *p, const char *bytes, size_t size) {
    size_t blank = 0;
    if (size > MAX_DOCUMENT)
        return eu_fail(EFBIG, "read package: %zu bytes, at most %d are read", size, MAX_DOCUMENT);
    while (blank < size && blank < 4096 && strchr(" \t\r\n", bytes[blank]) && bytes[blank])
        blank++;
    if (blank == size || bytes[blank] != '{')
        return eu_fail(EBADMSG, "read package: %s is no package as JSON [ecli run reads the other forms: tar, YAML, objects]", p->origin);
    int err = eu_json_read(&p->document, bytes, size, "read package");
    if (err)
        return err;
    const struct eu_json *root = p->document.values, *meta = eu_json_get(&p->document, root, "meta");
    if (root->kind != EU_TREE)
        return eu_fail(EBADMSG, "`$`: expected object, got %s", eu_json_kind_name(root));
    if (!eu_json_get(&p->document, root, "bpf_object") && eu_json_get(&p->document, root, "data_sz"))
        return eu_fail(EBADMSG, "read package: a flat package of before 2022-11 (eunomia 0.1, 0.2), which cannot be run "
                                "[compile its source again with ecc]");
    if (!eu_json_get(&p->document, root, "bpf_object"))
        return eu_fail(EBADMSG, "`$.bpf_object`: required, but missing");
    if (!meta)
        return eu_fail(EBADMSG, "`$.meta`: required, but missing");
    err = settle(p, meta);
    if (err)
        return err;
    if (eu_json_get(&p->document, p->own, "guest"))
        return eu_fail(ENOTSUP, "open %s: the package carries a Wasm guest, which this program cannot run [ecli run has guests]",
                       p->origin);
    char place[128];
    snprintf(place, sizeof(place), "$.meta.eunomia.objects.%s", eu_machine());
    return read_object(p, p->entry ? p->entry : root, p->entry ? place : "$");
}

int eu_package_read(struct eu_package *package, const void *bytes, size_t size, const char *origin) {
    *package = (struct eu_package){.origin = origin};
    if (eu_is_payload(bytes, size))
        return read_payload(package, bytes, size);
    const uint8_t *s = bytes;
    if (size >= 3 && !memcmp(s, "\xef\xbb\xbf", 3)) {
        s += 3;
        size -= 3;
    }
    return read_json(package, (const char *)s, size);
}

int eu_package_plan(struct eu_package *package) {
    const struct eu_json *packed = eu_package_own(package, "plan");
    if (package->plan)
        return 0;
    if (!packed)
        return eu_fail(ENODATA, "open %s: the package carries no plan [run it with ecli, or compile it again with ecc]", package->origin);
    if (packed->kind != EU_TEXT)
        return eu_fail(EBADMSG, "`$.meta.eunomia.plan`: expected str, got %s", eu_json_kind_name(packed));
    package->plan = eu_unpack_plan(packed->text, packed->size, "$.meta.eunomia.plan", &package->plan_size);
    return package->plan ? 0 : -eu_errno();
}

void eu_package_free(struct eu_package *package) {
    eu_json_free(&package->document);
    free(package->made_object);
    free(package->plan);
    *package = (struct eu_package){0};
}

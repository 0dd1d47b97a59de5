/* A package: docs/reference/package.md. What is read here was made by anybody. */
#ifndef TOOL_PACKAGE_H
#define TOOL_PACKAGE_H
#include "json.h"

struct eu_package {
    struct eu_document document;
    const struct eu_json *meta, *own;        /* own: meta.eunomia of a version that is known, else NULL */
    const struct eu_json *entry, *entry_own; /* of this machine's architecture, NULL: the package's own object */
    const struct eu_json *skel;
    const char *name, *origin; /* libbpf's name of the object; what messages call it */
    const uint8_t *object;
    uint8_t *made_object, *plan;
    size_t object_size, plan_size;
};

/* Read a package of JSON, or the payload of a standalone executable, whose bytes must stay; 0, or -errno and eu_error(). */
int eu_package_read(struct eu_package *package, const void *bytes, size_t size, const char *origin);
void eu_package_free(struct eu_package *package);
/* Inflate its plan: 0, or -errno. */
int eu_package_plan(struct eu_package *package);
/* A key of meta, or of meta.eunomia, as this machine's architecture has it; NULL: absent. */
const struct eu_json *eu_package_meta(const struct eu_package *package, const char *key);
const struct eu_json *eu_package_own(const struct eu_package *package, const char *key);
/* The list of bpf_skel, "progs" or "maps"; NULL: none. */
const struct eu_json *eu_package_list(const struct eu_package *package, const char *key);
/* The entry of such a list with this name, NULL: none. */
const struct eu_json *eu_package_entry(const struct eu_package *package, const char *key, const char *name);
/* The text of bpf_skel.doc, "" where there is none. */
const char *eu_package_doc(const struct eu_package *package, const char *key);
/* The kernel's name of this machine's architecture. */
const char *eu_machine(void);
/* check.c: the types of all that the format says; 0, or -errno and "`$.meta.x`: expected ..., got ...". */
int eu_package_check(const struct eu_document *document, const struct eu_json *meta, const char *place);

/* payload.c: what `ecc --standalone` puts behind the program. */
struct eu_payload {
    const uint8_t *object, *json;
    uint8_t *made_object, *plan, *made_json;
    size_t object_size, plan_size, json_size;
};
int eu_is_payload(const void *bytes, size_t size);
int eu_payload_read(struct eu_payload *payload, const void *bytes, size_t size, const char *origin);
#endif

#define _GNU_SOURCE
#include "payload.h"
#include "../error.h"
#include "../eunomia.h"
#include "package.h"
#include "unpack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_JSON = 256 << 20 };

int eu_is_payload(const void *bytes, size_t size) {
    return size >= sizeof(struct eu_payload_header) && !memcmp(bytes, EU_PAYLOAD_MAGIC, 8);
}

/* A part, in place where it is stored as it is (*made stays NULL), else inflated. */
static const uint8_t *part(const uint8_t **at, const uint8_t *end, uint64_t stored, uint64_t size, uint64_t limit, uint8_t **made) {
    const uint8_t *start = *at;
    size_t length = 0;
    if (stored > (uint64_t)(end - start) || size > limit)
        return eu_fail_null(EBADMSG, "its package is damaged");
    *at += stored;
    if (stored == size)
        return start;
    *made = eu_inflate(start, stored, "payload", size, &length);
    if (*made && length != size)
        return eu_fail_null(EBADMSG, "its package is damaged");
    return *made;
}

int eu_payload_read(struct eu_payload *payload, const void *bytes, size_t size, const char *origin) {
    struct eu_payload_header h;
    const uint8_t *at = bytes, *end = at + size, *plan;
    memcpy(&h, bytes, sizeof(h));
    if (h.version != 1 || h.header_size < sizeof(h) || h.header_size > size)
        return eu_fail(EBADMSG, "open %s: its package is of version %u, which is not known here", origin, h.version);
    at += h.header_size;
    payload->object = part(&at, end, h.object_stored, h.object_size, EU_MAX_OBJECT, &payload->made_object);
    payload->object_size = h.object_size;
    if (!payload->object || !(plan = part(&at, end, h.plan_stored, h.plan_size, EU_MAX_PLAN, &payload->plan)))
        return -eu_errno();
    if (!payload->plan) { /* it is freed with the package */
        payload->plan = malloc(h.plan_size + 1);
        if (!payload->plan)
            return eu_fail(ENOMEM, "open %s: out of memory", origin);
        memcpy(payload->plan, plan, h.plan_size);
    }
    payload->plan_size = h.plan_size;
    payload->json = part(&at, end, h.json_stored, h.json_size, MAX_JSON, &payload->made_json);
    payload->json_size = h.json_size;
    return payload->json ? 0 : -eu_errno();
}

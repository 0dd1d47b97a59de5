/* The payload of a standalone executable, version 1; all numbers little-endian. src/eunomia/publish/standalone.py writes it. */
#ifndef TOOL_PAYLOAD_H
#define TOOL_PAYLOAD_H
#include <stdint.h>

#define EU_PAYLOAD_MAGIC "EUTOOL\r\n"
#define EU_MARK_MAGIC "EUNOMIA-STUB-1\n" /* and a NUL */

/* The beginning; then object, plan and JSON, without gaps. A part whose stored size is not its size is a zlib stream. */
struct eu_payload_header {
    char magic[8];
    uint32_t version, header_size;
    uint64_t object_stored, object_size, plan_stored, plan_size, json_stored, json_size;
};
/* In the program itself, zeroes but for the magic until a payload is put behind it. A file that lost its end still says that it had
 * one. */
struct eu_mark {
    char magic[16];
    uint64_t payload, file_size; /* where it begins, and bytes of the whole file; 0: there is none */
    uint8_t digest[32];          /* BLAKE2b-256 of the payload */
};
#endif

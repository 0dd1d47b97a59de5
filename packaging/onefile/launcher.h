/* What the parts of the launcher share. */
#pragma once
#include "payload.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>

struct payload {
    const unsigned char *packed;
    const char *list, *list_end;
    uint64_t packed_size, unpacked_size;
    uint32_t nr_files;
    char name[PAYLOAD_NAME + 1];
};

/* Say why in one line, and end with 1. */
noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Take the next file of the list; *place begins at payload->list. */
bool next_file(const struct payload *payload, const char **place, struct payload_file *file, const char **path);
/* Put the folder of this build into folder; true where it is there and whole, else it can be made there. Ends where none can. */
bool find_folder(const struct payload *payload, char folder[PATH_MAX]);
/* Make the folder: beside it first, then renamed, so that there is never half of one. */
void unpack(const struct payload *payload, const char *folder);

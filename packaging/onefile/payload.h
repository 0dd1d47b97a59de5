/* The end of a one-file ecli: launcher, compressed bytes of all files one after the other, list of files, trailer.
 * packaging/onefile/build.py writes it. Numbers are little-endian. */
#pragma once
#include <stdint.h>

#define PAYLOAD_MAGIC "EUNOMIA1"
#define PAYLOAD_NAME 40 /* hexadecimal digest of list and bytes, which names the folder; no NUL */
/* The place in the interpreter for the path of its loader, which only the machine that it is unpacked on can tell. */
#define PAYLOAD_LOADER "/lib/eunomia-loader-placeholder"
#define PAYLOAD_LOADER_MAX 255

struct payload_trailer {
    uint64_t packed;   /* bytes of the zlib stream */
    uint64_t unpacked; /* bytes of all files */
    uint32_t list;     /* bytes of the list of files, between the stream and this */
    uint32_t nr_files;
    char name[PAYLOAD_NAME];
    char magic[8];
};

/* One file of the list; its path, with a NUL, follows. Folders are those of the paths. */
struct payload_file {
    uint32_t size;
    uint16_t mode;
    uint16_t path_size;
};

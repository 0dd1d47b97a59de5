/* A plan on disk: what the records of an object's event sources and sampled maps look like. Little-endian, no padding that is
 * not named, arrays in the order of the header's counts, then strings (NUL-terminated, offset 0 is ""). Version 1.
 * docs/reference/plan.md is its specification; src/eunomia/btf/plan.py writes it, plan.c reads and checks it. */
#ifndef EUNOMIA_PLAN_H
#define EUNOMIA_PLAN_H
#include <stdint.h>

#define EU_PLAN_MAGIC "EUPL"
#define EU_PLAN_VERSION 1
#define EU_PLAN_NONE 0xffffffffu

struct eu_plan_header {
    char magic[4];
    uint16_t version, header_size; /* 1, 40 */
    uint32_t total_size;
    uint32_t nr_types, nr_members, nr_values, nr_sources, nr_records;
    uint32_t strings_size;
    uint32_t reserved;
};

enum eu_kind {
    EU_UINT = 1,
    EU_INT,
    EU_BOOL,
    EU_FLOAT,
    EU_POINTER,
    EU_STRING, /* char array: up to its first NUL; size 0: to the end of the record */
    EU_ARRAY,  /* first: element type, count: elements, 0: to the end of the record */
    EU_STRUCT, /* first: first member, count: members */
    EU_UNION,
    EU_ENUM,   /* first: first value, count: values; flag EU_SIGNED */
    EU_OPAQUE, /* shown as its bytes in hexadecimal */
};
enum { EU_SIGNED = 1, EU_MAPPED = 2 /* an enum made from an annotation: raw values are numbers */ };

struct eu_plan_type { /* 24 bytes */
    uint8_t kind, flags;
    uint16_t decoder; /* enum eu_decoder for a scalar that stands alone (a map's key), else 0 */
    uint32_t size;    /* bytes */
    uint32_t first, count;
    uint32_t name; /* C name without struct/union/enum, 0: none */
    uint32_t reserved;
};
struct eu_plan_member { /* 20 bytes */
    uint32_t name;      /* 0: anonymous, its members are shown as the parent's */
    uint32_t type;
    uint32_t bit_offset; /* from the start of the enclosing type, little-endian bit order as in BTF */
    uint16_t bit_size;   /* 0: the whole type; else a bit field */
    uint16_t decoder;
    uint32_t reserved;
};
struct eu_plan_value { /* 16 bytes */
    int64_t value;
    uint32_t name, reserved;
};
enum eu_source_kind { EU_RING = 1, EU_PERF = 2, EU_SAMPLE = 3 };
enum eu_style {
    EU_PLAIN = 0,     /* events: fields; samples: a table of key and value */
    EU_LOG2_HIST = 1, /* samples */
    EU_LINEAR_HIST = 2,
    EU_STACKS = 3, /* events and samples with stack traces, `role` says which members */
};
enum {
    EU_CLEAR = 1,   /* samples: delete the elements after each interval */
    EU_SYMBOLS = 2, /* stacks with symbols */
    EU_FINAL = 4,   /* samples: print at the end only, no interval */
};
/* role[] of EU_STACKS: member index within the record's struct (samples: within the key's, or with EU_IN_VALUE the value's) */
enum {
    EU_ROLE_PID,
    EU_ROLE_CPU,
    EU_ROLE_COMM,
    EU_ROLE_KSTACK_SIZE,
    EU_ROLE_USTACK_SIZE,
    EU_ROLE_KSTACK,
    EU_ROLE_USTACK,
    EU_ROLE_STACK_MAP,
    EU_ROLES
};
#define EU_IN_VALUE 0x80000000u
struct eu_plan_source { /* 64 bytes */
    uint32_t map;       /* name */
    uint8_t kind, style;
    uint16_t flags;
    uint32_t first_record, nr_records; /* ring, perf */
    uint32_t key_type, value_type;     /* samples, else EU_PLAN_NONE */
    uint32_t interval_ms;
    uint32_t unit; /* string */
    uint32_t
        role[EU_ROLES]; /* EU_PLAN_NONE where absent; EU_ROLE_STACK_MAP is a string: the stack map's name, kstack and ustack are then ids */
};
struct eu_plan_record { /* 32 bytes: one type that a source delivers; the first that matches is taken */
    uint32_t type;
    uint32_t size;                     /* of the type */
    uint32_t flags;                    /* EU_MATCH_SIZE, EU_MATCH_VALUE */
    uint32_t value_offset, value_size; /* the annotated field that tells types apart */
    uint32_t reserved;
    uint64_t value;
};
enum { EU_MATCH_SIZE = 1, EU_MATCH_VALUE = 2 };

/* How a value is shown; EU_AS_IS and unknown numbers: by its C type. Plans are files: numbers are only ever appended.
 * docs/reference/decoders.md. */
enum eu_decoder {
    EU_AS_IS = 0,
    EU_HEX,
    EU_IP4 /* 4 bytes, network order */,
    EU_IP6,
    EU_IP /* 16 bytes: IPv6, IPv4-mapped, or 4 bytes and zeroes */,
    EU_PORT /* network order */,
    EU_SIGNAL,
    EU_ERRNO,
    EU_SYSCALL,
    EU_KTIME_NS /* CLOCK_MONOTONIC to wall clock */,
    EU_DURATION_NS,
    EU_DURATION_US,
    EU_DEVICE /* kernel dev_t: major:minor */,
    EU_KSYM,
    EU_MODE /* file mode, octal */,
    EU_TCP_STATE,
    EU_ADDRESS_FAMILY,
    EU_MAC,
    EU_BYTES,
    EU_SOFTIRQ,
    EU_BOOTTIME_NS /* CLOCK_BOOTTIME to wall clock */,
    EU_REALTIME_NS /* since 1970 */,
    EU_UNIX_S /* seconds since 1970 */,
    EU_DURATION_MS,
    EU_DURATION_S,
    EU_OPEN_FLAGS /* of open(2) */,
    EU_PERMISSIONS /* file mode as ls shows it */,
    EU_CGROUP /* id of a cgroup to its path */,
    EU_CONTAINER /* id of a cgroup to the container it belongs to */,
    EU_IFNAME /* index of a network interface */,
    EU_MAJORMINOR /* new_encode_dev() to the device's name */,
    EU_DISK /* kernel dev_t to the device's name */,
    EU_PCI_CLASS,
    EU_PCI_SUBCLASS,
    EU_PCI_VENDOR,
    EU_PCI_DEVICE,
    EU_KSTACK /* addresses of a kernel stack */,
    EU_DNAME /* DNS name in wire format */,
    EU_STATIC_MAP /* names from the annotation, as an enum's values */,
    EU_CHARS /* bytes that are text */,
    EU_UNSIGNED,
    EU_NAMESPACE /* inode of a namespace */,
    EU_IP_PROTOCOL,
    EU_SOCKET_TYPE,
    EU_CAPABILITY,
    EU_BPF_PROG_TYPE,
    EU_BPF_MAP_TYPE,
    EU_SIZE /* bytes as KiB, MiB */,
    EU_PAGES,
    EU_PERCENT,
    EU_USER,
    EU_GROUP,
    EU_IRQ,
    EU_CLONE_FLAGS,
    EU_MMAP_PROT,
    EU_MMAP_FLAGS,
    EU_MOUNT_FLAGS,
    EU_TASK_STATE,
    EU_SCHED_POLICY,
    EU_EXIT_STATUS /* of wait(2) */,
    EU_ETHER_TYPE,
    EU_TCP_FLAGS,
    EU_BLOCK_OP,
    EU_POLL_EVENTS,
    EU_UUID,
    EU_DECODERS
};
#endif

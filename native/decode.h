/* What a decoder gets and gives. Each is one small function in the file of its theme and one line in the registry (decoders.c). */
#ifndef EUNOMIA_DECODE_H
#define EUNOMIA_DECODE_H
#include "plan_read.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { EU_WORD_ROOM = 4200 }; /* a path and more */

/* What a decoder found. It need not be safe or quoted: the registry sees to that. What does not fit is cut off. */
struct eu_word {
    size_t used;
    char text[EU_WORD_ROOM];
};
void eu_word_put(struct eu_word *word, const void *bytes, size_t size);
void eu_word_format(struct eu_word *word, const char *format, ...) __attribute__((format(printf, 2, 3)));
void eu_word_number(struct eu_word *word, uint64_t number);
/* A number of so many decimal places: 1234 with 2 is 12.34. At most 3. */
void eu_word_fixed(struct eu_word *word, uint64_t number, int places);
static inline void eu_word_text(struct eu_word *word, const char *text) {
    eu_word_put(word, text, strlen(text));
}

struct eu_raw {
    const struct eu_plan_type *type;
    const uint8_t *p; /* of `size` bytes; NULL where only the number is known: a bit field */
    size_t size;
    int64_t number; /* scalars: sign-extended by their type */
    int text;       /* as a table shows it; else for JSON */
};
enum { EU_NOT_DECODED, EU_AS_WORD, EU_AS_NUMBER /* bare in JSON */ };
typedef int eu_decoder(struct eu_word *word, const struct eu_raw *raw);

/* A number's bits as its type has them, without the sign. */
static inline uint64_t eu_raw_unsigned(const struct eu_raw *raw) {
    return raw->type->size < 8 ? (uint64_t)raw->number & ((1ull << 8 * raw->type->size) - 1) : (uint64_t)raw->number;
}

struct eu_number_name {
    int64_t number;
    const char *name;
};
/* The name of a number in a list that ends with NULL; 0 or EU_AS_WORD. */
int eu_put_name(struct eu_word *word, const struct eu_number_name *names, int64_t number);
/* Names of bits joined by |, what has no name as hexadecimal; a number of several bits must be there whole. */
int eu_put_flags(struct eu_word *word, const struct eu_number_name *names, uint64_t number);

/* by theme: decode_basic.c, decode_names.c, decode_flags.c, decode_time.c, decode_net.c, decode_cgroup.c, decode_system.c, decode_pci.c */
eu_decoder eu_decode_hex, eu_decode_unsigned, eu_decode_size, eu_decode_pages, eu_decode_percent, eu_decode_mode, eu_decode_permissions,
    eu_decode_device, eu_decode_exit_status, eu_decode_uuid;
eu_decoder eu_decode_signal, eu_decode_errno, eu_decode_syscall, eu_decode_tcp_state, eu_decode_address_family, eu_decode_softirq,
    eu_decode_ip_protocol, eu_decode_socket_type, eu_decode_capability, eu_decode_prog_type, eu_decode_map_type, eu_decode_sched_policy,
    eu_decode_ether_type, eu_decode_block_op, eu_decode_namespace;
eu_decoder eu_decode_open_flags, eu_decode_clone_flags, eu_decode_mmap_prot, eu_decode_mmap_flags, eu_decode_mount_flags,
    eu_decode_task_state, eu_decode_tcp_flags, eu_decode_poll_events;
eu_decoder eu_decode_ktime, eu_decode_boottime, eu_decode_realtime, eu_decode_unix, eu_decode_duration_ns, eu_decode_duration_us,
    eu_decode_duration_ms, eu_decode_duration_s;
eu_decoder eu_decode_ip4, eu_decode_ip6, eu_decode_ip, eu_decode_port, eu_decode_mac, eu_decode_dname, eu_decode_ifname;
eu_decoder eu_decode_cgroup, eu_decode_container;
eu_decoder eu_decode_ksym, eu_decode_kstack, eu_decode_majorminor, eu_decode_disk, eu_decode_user, eu_decode_group, eu_decode_irq;
eu_decoder eu_decode_pci_class, eu_decode_pci_subclass, eu_decode_pci_vendor, eu_decode_pci_device;
#endif

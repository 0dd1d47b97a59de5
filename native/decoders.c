/* The registry: number, name, function, what it takes, columns. A new decoder is a number in plan.h, a function, a line here, one in
 * src/eunomia/btf/decoders.py and one in docs/reference/decoders.md; a test compares them. */
#include "decoders.h"
#include "decode.h"
#include "facts.h"
#include "number.h"
#include "text.h"
#include <stdarg.h>
#include <stdio.h>

enum takes {
    NUMBER,   /* a whole number of up to 8 bytes */
    BYTES,    /* bytes of a size that it checks; elements of an array of words each, unless that is as long as it wants */
    WHOLE,    /* bytes, arrays of anything as one */
    DIRECT,   /* of any length: done here */
    QUANTITY, /* a number that stays one for those who compare */
    TAKES = 15,
    ASKS = 16,        /* the answer is this machine's */
    ASKS_SYMBOLS = 32 /* the same; kept for recordings where symbols are looked up */
};
struct row {
    const char *name;
    eu_decoder *decode;
    uint8_t takes, width;
};

static const struct row rows[EU_DECODERS] = {
    [EU_HEX] = {"hex", eu_decode_hex, NUMBER, 0},
    [EU_IP4] = {"ip4", eu_decode_ip4, BYTES, 15},
    [EU_IP6] = {"ip6", eu_decode_ip6, WHOLE, 25},
    [EU_IP] = {"ip", eu_decode_ip, WHOLE, 15},
    [EU_PORT] = {"port", eu_decode_port, QUANTITY, 5},
    [EU_SIGNAL] = {"signal", eu_decode_signal, NUMBER, 9},
    [EU_ERRNO] = {"errno", eu_decode_errno, NUMBER, 12},
    [EU_SYSCALL] = {"syscall", eu_decode_syscall, NUMBER | ASKS, 16},
    [EU_KTIME_NS] = {"ktime_ns", eu_decode_ktime, NUMBER, 15},
    [EU_DURATION_NS] = {"duration_ns", eu_decode_duration_ns, QUANTITY, 8},
    [EU_DURATION_US] = {"duration_us", eu_decode_duration_us, QUANTITY, 8},
    [EU_DEVICE] = {"device", eu_decode_device, NUMBER, 7},
    [EU_KSYM] = {"ksym", eu_decode_ksym, NUMBER | ASKS_SYMBOLS, 32},
    [EU_MODE] = {"mode", eu_decode_mode, NUMBER, 7},
    [EU_TCP_STATE] = {"tcp_state", eu_decode_tcp_state, NUMBER, 12},
    [EU_ADDRESS_FAMILY] = {"address_family", eu_decode_address_family, NUMBER, 9},
    [EU_MAC] = {"mac", eu_decode_mac, WHOLE, 17},
    [EU_BYTES] = {"bytes", NULL, DIRECT, 0},
    [EU_SOFTIRQ] = {"softirq", eu_decode_softirq, NUMBER, 8},
    [EU_BOOTTIME_NS] = {"boottime_ns", eu_decode_boottime, NUMBER, 15},
    [EU_REALTIME_NS] = {"realtime_ns", eu_decode_realtime, NUMBER, 15},
    [EU_UNIX_S] = {"unix_s", eu_decode_unix, NUMBER, 20},
    [EU_DURATION_MS] = {"duration_ms", eu_decode_duration_ms, QUANTITY, 8},
    [EU_DURATION_S] = {"duration_s", eu_decode_duration_s, QUANTITY, 8},
    [EU_OPEN_FLAGS] = {"open_flags", eu_decode_open_flags, NUMBER, 20},
    [EU_PERMISSIONS] = {"permissions", eu_decode_permissions, NUMBER, 10},
    [EU_CGROUP] = {"cgroup", eu_decode_cgroup, NUMBER | ASKS, 32},
    [EU_CONTAINER] = {"container", eu_decode_container, NUMBER | ASKS, 12},
    [EU_IFNAME] = {"ifname", eu_decode_ifname, NUMBER | ASKS, 8},
    [EU_MAJORMINOR] = {"majorminor", eu_decode_majorminor, NUMBER | ASKS, 9},
    [EU_DISK] = {"disk", eu_decode_disk, NUMBER | ASKS, 9},
    [EU_PCI_CLASS] = {"pci_class", eu_decode_pci_class, NUMBER | ASKS, 24},
    [EU_PCI_SUBCLASS] = {"pci_subclass", eu_decode_pci_subclass, NUMBER | ASKS, 24},
    [EU_PCI_VENDOR] = {"pci_vendor", eu_decode_pci_vendor, NUMBER | ASKS, 24},
    [EU_PCI_DEVICE] = {"pci_device", eu_decode_pci_device, NUMBER | ASKS, 24},
    [EU_KSTACK] = {"kstack", eu_decode_kstack, WHOLE | ASKS_SYMBOLS, 32},
    [EU_DNAME] = {"dname", eu_decode_dname, WHOLE, 24},
    [EU_STATIC_MAP] = {"static_map", NULL, NUMBER, 0}, /* the type is an enum by then */
    [EU_CHARS] = {"string", NULL, DIRECT, 16},
    [EU_UNSIGNED] = {"uint", eu_decode_unsigned, QUANTITY, 0},
    [EU_NAMESPACE] = {"namespace", eu_decode_namespace, NUMBER, 14},
    [EU_IP_PROTOCOL] = {"ip_protocol", eu_decode_ip_protocol, NUMBER, 6},
    [EU_SOCKET_TYPE] = {"socket_type", eu_decode_socket_type, NUMBER, 14},
    [EU_CAPABILITY] = {"capability", eu_decode_capability, NUMBER, 18},
    [EU_BPF_PROG_TYPE] = {"bpf_prog_type", eu_decode_prog_type, NUMBER, 16},
    [EU_BPF_MAP_TYPE] = {"bpf_map_type", eu_decode_map_type, NUMBER, 16},
    [EU_SIZE] = {"size", eu_decode_size, QUANTITY, 9},
    [EU_PAGES] = {"pages", eu_decode_pages, QUANTITY, 9},
    [EU_PERCENT] = {"percent", eu_decode_percent, QUANTITY, 4},
    [EU_USER] = {"user", eu_decode_user, NUMBER | ASKS, 10},
    [EU_GROUP] = {"group", eu_decode_group, NUMBER | ASKS, 10},
    [EU_IRQ] = {"irq", eu_decode_irq, NUMBER | ASKS, 16},
    [EU_CLONE_FLAGS] = {"clone_flags", eu_decode_clone_flags, NUMBER, 24},
    [EU_MMAP_PROT] = {"mmap_prot", eu_decode_mmap_prot, NUMBER, 20},
    [EU_MMAP_FLAGS] = {"mmap_flags", eu_decode_mmap_flags, NUMBER, 24},
    [EU_MOUNT_FLAGS] = {"mount_flags", eu_decode_mount_flags, NUMBER, 20},
    [EU_TASK_STATE] = {"task_state", eu_decode_task_state, NUMBER, 5},
    [EU_SCHED_POLICY] = {"sched_policy", eu_decode_sched_policy, NUMBER, 14},
    [EU_EXIT_STATUS] = {"exit_status", eu_decode_exit_status, NUMBER, 10},
    [EU_ETHER_TYPE] = {"ether_type", eu_decode_ether_type, NUMBER, 6},
    [EU_TCP_FLAGS] = {"tcp_flags", eu_decode_tcp_flags, NUMBER, 10},
    [EU_BLOCK_OP] = {"block_op", eu_decode_block_op, NUMBER, 12},
    [EU_POLL_EVENTS] = {"poll_events", eu_decode_poll_events, NUMBER, 18},
    [EU_UUID] = {"uuid", eu_decode_uuid, WHOLE, 36},
};

const char *eu_decoder_name(int decoder) {
    return decoder > 0 && decoder < EU_DECODERS ? rows[decoder].name : NULL;
}

int eu_decoder_width(int decoder) {
    return decoder > 0 && decoder < EU_DECODERS ? rows[decoder].width : 0;
}

int eu_decoder_asks(int decoder) {
    return decoder > 0 && decoder < EU_DECODERS && (rows[decoder].takes & (ASKS | ASKS_SYMBOLS));
}

static int is_time(int decoder) {
    return decoder == EU_KTIME_NS || decoder == EU_BOOTTIME_NS || decoder == EU_REALTIME_NS || decoder == EU_UNIX_S;
}

int eu_decoder_is_pure(int decoder) {
    return decoder > 0 && decoder < EU_DECODERS && rows[decoder].takes == NUMBER && !is_time(decoder);
}

int eu_decoder_is_quantity(int decoder) {
    return decoder > 0 && decoder < EU_DECODERS && ((rows[decoder].takes & TAKES) == QUANTITY || decoder == EU_HEX);
}

void eu_word_put(struct eu_word *word, const void *bytes, size_t size) {
    size_t room = EU_WORD_ROOM - word->used;
    memcpy(word->text + word->used, bytes, size < room ? size : room);
    word->used += size < room ? size : room;
}

void eu_word_format(struct eu_word *word, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (size > 0)
        eu_word_put(word, line, (size_t)size < sizeof(line) ? (size_t)size : sizeof(line) - 1);
}

void eu_word_number(struct eu_word *word, uint64_t number) {
    char digits[EU_NUMBER_ROOM];
    eu_word_put(word, digits, eu_put_u64(digits, number) - digits);
}

void eu_word_fixed(struct eu_word *word, uint64_t number, int places) {
    static const uint64_t powers[] = {1, 10, 100, 1000};
    char rest[4] = ".";
    uint64_t below = number % powers[places];
    eu_word_number(word, number / powers[places]);
    for (int i = places; i > 0; i--, below /= 10)
        rest[i] = (char)('0' + below % 10);
    eu_word_put(word, rest, places ? (size_t)places + 1 : 0);
}

int eu_put_name(struct eu_word *word, const struct eu_number_name *names, int64_t number) {
    for (; names->name; names++)
        if (names->number == number) {
            eu_word_text(word, names->name);
            return EU_AS_WORD;
        }
    return EU_NOT_DECODED;
}

int eu_put_flags(struct eu_word *word, const struct eu_number_name *names, uint64_t number) {
    for (; names->name && number; names++)
        if ((number & (uint64_t)names->number) == (uint64_t)names->number) {
            eu_word_put(word, "|", word->used > 0);
            eu_word_text(word, names->name);
            number &= ~(uint64_t)names->number;
        }
    if (number || !word->used)
        eu_word_format(word, number ? "%s0x%llx" : "%s0", word->used ? "|" : "", (unsigned long long)number);
    return EU_AS_WORD;
}

static int show_bytes(struct eu_out *out, const uint8_t *p, size_t size, int text) {
    char *w = eu_out_room(out, 2 * size + 2);
    if (!w)
        return 1;
    if (!text)
        *w++ = '"';
    for (size_t i = 0; i < size; i++)
        w = eu_put_hex(w, p[i], 2);
    if (!text)
        *w++ = '"';
    out->used = w - out->data;
    return 1;
}

/* Text: made safe; JSON: quoted. */
static int show_chars(struct eu_out *out, const void *bytes, size_t size, int text) {
    size_t hidden = 0;
    if (!text) {
        eu_quoted(out, bytes, size);
        return 1;
    }
    char *w = eu_out_room(out, size * EU_TEXT_GROWTH + EU_STRING_SLACK);
    if (w)
        out->used = eu_text_string(w, bytes, size, &hidden) - out->data;
    return 1;
}

/* Answers of this machine go into a recording; in a replay they come out of it and from nowhere else. */
static int ask(struct eu_word *word, const struct row *row, const struct eu_raw *raw) {
    struct eu_fact fact = {.kind = EU_FACT_WORD, .owner = (uint32_t)(row - rows), .key = (uint64_t)raw->number};
    if (eu_facts_ask(&fact)) {
        if (fact.value)
            eu_word_put(word, fact.value, fact.size);
        return fact.value ? EU_AS_WORD : EU_NOT_DECODED;
    }
    int kind = row->decode(word, raw);
    fact.value = kind ? (const uint8_t *)word->text : NULL;
    fact.size = word->used;
    eu_facts_tell(&fact);
    return kind;
}

static int run(const struct eu_show *show, struct eu_out *out, const struct row *row, struct eu_raw *raw) {
    struct eu_word word;
    int text = raw->text, is_csv = show->format.format == 4;
    word.used = 0;
    if (is_csv && ((row->takes & TAKES) == QUANTITY || is_time((int)(row - rows))))
        raw->text = 0; /* who reads CSV calculates: amounts and times as JSON has them */
    int kind = !row->decode ? EU_NOT_DECODED : row->takes & ASKS ? ask(&word, row, raw) : row->decode(&word, raw);
    if (kind == EU_AS_WORD && !word.used && text && !is_csv)
        eu_word_put(&word, "-", 1); /* a table's cell is never empty */
    if (kind == EU_AS_NUMBER)
        eu_out_put(out, word.text, word.used);
    return kind == EU_AS_WORD ? show_chars(out, word.text, word.used, text) : kind;
}

static int takes_number(const struct row *row) {
    return (row->takes & TAKES) == NUMBER || (row->takes & TAKES) == QUANTITY;
}

static int is_number(const struct eu_plan_type *type) {
    return plan_is_scalar(type) && type->kind != EU_FLOAT && type->size <= 8;
}

int eu_decode_number(const struct eu_show *show, struct eu_out *out, int decoder, uint32_t index, int64_t number, int text) {
    struct eu_raw raw = {.type = &show->plan->types[index], .number = number, .text = text};
    if (decoder <= 0 || decoder >= EU_DECODERS || !takes_number(&rows[decoder]))
        return 0;
    return run(show, out, &rows[decoder], &raw);
}

int eu_decode(const struct eu_show *show, struct eu_out *out, int decoder, uint32_t index, const uint8_t *p, const uint8_t *end, int text) {
    const struct eu_plan_type *type = &show->plan->types[index];
    struct eu_raw raw = {.type = type, .p = p, .text = text};
    if (decoder <= 0 || decoder >= EU_DECODERS)
        return 0;
    const struct row *row = &rows[decoder];
    raw.size = type->size || type->kind == EU_STRUCT || type->kind == EU_UNION ? type->size : (size_t)(end - p);
    if ((row->takes & TAKES) == DIRECT)
        return decoder == EU_BYTES ? show_bytes(out, p, raw.size, text) : show_chars(out, p, raw.size, text);
    if (takes_number(row)) {
        if (!is_number(type))
            return 0;
        raw.number = eu_scalar(type, p);
    } else if ((row->takes & TAKES) == BYTES && type->kind == EU_ARRAY && show->plan->types[type->first].size >= 4) {
        return 0;
    }
    return run(show, out, row, &raw);
}

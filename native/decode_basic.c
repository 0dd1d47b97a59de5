/* Numbers in other notations: hexadecimal, sizes, file modes, devices, exit codes. */
#include "decode.h"
#include "number.h"
#include <unistd.h>

int eu_decode_hex(struct eu_word *word, const struct eu_raw *raw) {
    char digits[EU_NUMBER_ROOM];
    eu_word_put(word, "0x", 2);
    eu_word_put(word, digits, eu_put_hex(digits, eu_raw_unsigned(raw), 1) - digits);
    return EU_AS_WORD;
}

int eu_decode_unsigned(struct eu_word *word, const struct eu_raw *raw) {
    eu_word_number(word, eu_raw_unsigned(raw));
    return EU_AS_NUMBER;
}

/* Three digits and a binary unit, as ls -h and df -h: for tables only, JSON keeps the number. */
static int size_of(struct eu_word *word, unsigned __int128 bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    static const uint64_t powers[] = {1, 10, 100};
    int unit = 0;
    while (unit < 6 && bytes >> (10 * unit + 10))
        unit++;
    uint64_t whole = (uint64_t)(bytes >> 10 * unit);
    int digits = !unit || whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
    unsigned __int128 scaled = bytes * powers[digits], half = unit ? (unsigned __int128)1 << (10 * unit - 1) : 0;
    eu_word_fixed(word, (uint64_t)((scaled + half) >> 10 * unit), digits);
    eu_word_text(word, units[unit]);
    return EU_AS_WORD;
}

int eu_decode_size(struct eu_word *word, const struct eu_raw *raw) {
    int is_negative = raw->type->kind == EU_INT && raw->number < 0;
    if (!raw->text)
        return EU_NOT_DECODED;
    if (is_negative)
        eu_word_put(word, "-", 1);
    return size_of(word, is_negative ? -(uint64_t)raw->number : (uint64_t)raw->number);
}

int eu_decode_pages(struct eu_word *word, const struct eu_raw *raw) {
    if (!raw->text || (raw->type->kind == EU_INT && raw->number < 0))
        return EU_NOT_DECODED;
    return size_of(word, (unsigned __int128)(uint64_t)raw->number * (unsigned long)sysconf(_SC_PAGESIZE));
}

int eu_decode_percent(struct eu_word *word, const struct eu_raw *raw) {
    if (!raw->text)
        return EU_NOT_DECODED;
    if (raw->type->kind == EU_INT)
        eu_word_format(word, "%lld%%", (long long)raw->number);
    else
        eu_word_format(word, "%llu%%", (unsigned long long)raw->number);
    return EU_AS_WORD;
}

int eu_decode_mode(struct eu_word *word, const struct eu_raw *raw) {
    eu_word_format(word, "0%o", (unsigned)raw->number);
    return EU_AS_WORD;
}

/* As ls -l: type, then three times rwx with the set-id and sticky bits. */
int eu_decode_permissions(struct eu_word *word, const struct eu_raw *raw) {
    static const char types[16] = {'-', 'p', 'c', '?', 'd', '?', 'b', '?', '-', '?', 'l', '?', 's', '?', '?', '?'};
    unsigned mode = (unsigned)raw->number;
    char line[10] = {types[mode >> 12 & 15]};
    for (int i = 0; i < 9; i++)
        line[1 + i] = mode >> (8 - i) & 1 ? "rwx"[i % 3] : '-';
    for (int i = 0; i < 3; i++)
        if (mode >> (11 - i) & 1)
            line[3 + 3 * i] = (char)(line[3 + 3 * i] == 'x' ? "sst"[i] : "SST"[i]);
    eu_word_put(word, line, sizeof(line));
    return EU_AS_WORD;
}

/* Source: include/linux/kdev_t.h, MINORBITS. */
int eu_decode_device(struct eu_word *word, const struct eu_raw *raw) {
    eu_word_format(word, "%u:%u", (unsigned)((uint64_t)raw->number >> 20 & 0xfff), (unsigned)(raw->number & 0xfffff));
    return EU_AS_WORD;
}

/* As wait(2) gives it and task_struct keeps it in exit_code. */
int eu_decode_exit_status(struct eu_word *word, const struct eu_raw *raw) {
    unsigned status = (unsigned)raw->number;
    struct eu_raw signal = *raw;
    if (!(status & 0x7f)) {
        eu_word_format(word, "exit %u", status >> 8 & 0xff);
        return EU_AS_WORD;
    }
    signal.number = status & 0x7f;
    if (!eu_decode_signal(word, &signal))
        eu_word_format(word, "signal %u", status & 0x7f);
    if (status & 0x80)
        eu_word_text(word, " (core)");
    return EU_AS_WORD;
}

int eu_decode_uuid(struct eu_word *word, const struct eu_raw *raw) {
    char line[36], *w = line;
    if (raw->size != 16)
        return EU_NOT_DECODED;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *w++ = '-';
        w = eu_put_hex(w, raw->p[i], 2);
    }
    eu_word_put(word, line, sizeof(line));
    return EU_AS_WORD;
}

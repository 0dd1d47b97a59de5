/* Points in time and spans of it. */
#include "clock.h"
#include "decode.h"
#include "number.h"

enum { SECOND = 1000000000 };

/* Local time to a table, ISO 8601 in UTC to JSON; 0 means never. */
static int wall_clock(struct eu_word *word, const struct eu_raw *raw, int64_t ns) {
    char line[2 * EU_NUMBER_ROOM], *w = line;
    int64_t seconds = ns / SECOND - (ns % SECOND < 0);
    long rest = (long)(ns - seconds * SECOND);
    if (!raw->number || seconds < 0)
        return EU_NOT_DECODED;
    if (raw->text) {
        w = eu_put_clock(w, seconds);
        *w++ = '.';
        for (long unit = 100000; unit; unit /= 10)
            *w++ = (char)('0' + rest / 1000 / unit % 10);
    } else {
        w = eu_put_iso(w, seconds, rest);
    }
    eu_word_put(word, line, w - line);
    return EU_AS_WORD;
}

int eu_decode_ktime(struct eu_word *word, const struct eu_raw *raw) {
    return raw->number < 0 ? EU_NOT_DECODED : wall_clock(word, raw, eu_clock_wall(EU_CLOCK_MONOTONIC, (uint64_t)raw->number));
}

int eu_decode_boottime(struct eu_word *word, const struct eu_raw *raw) {
    return raw->number < 0 ? EU_NOT_DECODED : wall_clock(word, raw, eu_clock_wall(EU_CLOCK_BOOTTIME, (uint64_t)raw->number));
}

int eu_decode_realtime(struct eu_word *word, const struct eu_raw *raw) {
    return wall_clock(word, raw, raw->number);
}

/* With the date: time stamps of files are rarely of today. */
int eu_decode_unix(struct eu_word *word, const struct eu_raw *raw) {
    char line[EU_NUMBER_ROOM];
    if (raw->number <= 0 || raw->number > 253402300799ll) /* the year 9999 */
        return EU_NOT_DECODED;
    eu_put_iso(line, raw->number, 0);
    eu_word_put(word, line, 19);
    eu_word_put(word, "Z", 1);
    return EU_AS_WORD;
}

/* Four digits and a unit to tables; JSON keeps the number. */
static int duration(struct eu_word *word, const struct eu_raw *raw, uint64_t unit) {
    static const uint64_t units[] = {1000000000, 1000000, 1000}, powers[] = {1, 10, 100, 1000};
    static const char *const names[] = {"s", "ms", "us"};
    unsigned __int128 ns = (unsigned __int128)(uint64_t)raw->number * unit;
    if (!raw->text || raw->number < 0)
        return EU_NOT_DECODED;
    for (int i = 0; i < 3; i++)
        if (ns >= units[i]) {
            uint64_t whole = (uint64_t)(ns / units[i]);
            int digits = whole < 10 ? 3 : whole < 100 ? 2 : whole < 1000 ? 1 : 0;
            uint64_t rest = (uint64_t)(ns % units[i]) * powers[digits];
            eu_word_fixed(word, whole * powers[digits] + (rest + units[i] / 2) / units[i], digits);
            eu_word_text(word, names[i]);
            return EU_AS_WORD;
        }
    eu_word_number(word, (uint64_t)ns);
    eu_word_put(word, "ns", 2);
    return EU_AS_WORD;
}

int eu_decode_duration_ns(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, 1);
}

int eu_decode_duration_us(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, 1000);
}

int eu_decode_duration_ms(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, 1000000);
}

int eu_decode_duration_s(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, SECOND);
}

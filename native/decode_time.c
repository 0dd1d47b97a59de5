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
static int duration(struct eu_word *word, const struct eu_raw *raw, double unit) {
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
    double ns = (double)(uint64_t)raw->number * unit;
    if (!raw->text || raw->number < 0)
        return EU_NOT_DECODED;
    for (int i = 0; i < 3; i++)
        if (ns >= units[i].unit) {
            double v = ns / units[i].unit;
            eu_word_format(word, "%.*f%s", v < 10 ? 3 : v < 100 ? 2 : v < 1000 ? 1 : 0, v, units[i].name);
            return EU_AS_WORD;
        }
    eu_word_format(word, "%.0fns", ns);
    return EU_AS_WORD;
}

int eu_decode_duration_ns(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, 1);
}

int eu_decode_duration_us(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, 1e3);
}

int eu_decode_duration_ms(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, 1e6);
}

int eu_decode_duration_s(struct eu_word *word, const struct eu_raw *raw) {
    return duration(word, raw, 1e9);
}

#include "width.h"
#include <stdint.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

/* What no column is given to, and what takes two, as terminals broadly agree on it. Source: Unicode 15, EastAsianWidth.txt */
static const struct range none[] = {{0x300, 0x36f}, {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
static const struct range two[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
                                   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                                   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

static int is_in(uint32_t c, const struct range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return 1;
    return 0;
}

size_t eu_width_step(const char *text, size_t size, size_t *columns) {
    const uint8_t *s = (const uint8_t *)text;
    size_t length = s[0] < 0xc0 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    *columns = 1;
    if (length == 1 || length > size)
        return 1;
    uint32_t c = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        c = c << 6 | (s[i] & 0x3f);
    if (is_in(c, none, sizeof(none) / sizeof(none[0])))
        *columns = 0;
    else if (is_in(c, two, sizeof(two) / sizeof(two[0])))
        *columns = 2;
    return length;
}

size_t eu_width(const char *text, size_t size) {
    size_t width = 0, i = 0, one;
    uint64_t word;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, text + i, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < size && !(text[i] & 0x80))
        i++;
    for (width = i; i < size; width += one) /* all before is ASCII: a column each */
        i += eu_width_step(text + i, size - i, &one);
    return width;
}

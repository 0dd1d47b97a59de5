#include "live.h"
#include "width.h"
#include <sys/ioctl.h>

enum { ROWS = 24, COLUMNS = 80 };

int eu_live_room(struct eu_live *live) {
    struct winsize size = {0};
    int known = !ioctl(live->fd, TIOCGWINSZ, &size) && size.ws_row && size.ws_col;
    int rows = known ? size.ws_row : ROWS, columns = known ? size.ws_col : COLUMNS;
    if (live->lines && (rows != live->rows || columns != live->columns))
        live->lines = -1; /* where the old lines are now, only the terminal knows */
    live->rows = rows;
    live->columns = columns;
    return rows > 2 ? rows - 1 : 1;
}

static size_t cut(const char *line, size_t size, size_t columns) {
    size_t at = 0, used = 0, one;
    while (at < size) {
        size_t step = eu_width_step(line + at, size - at, &one);
        if (used + one > columns)
            break;
        used += one;
        at += step;
    }
    return at;
}

void eu_live_draw(struct eu_live *live, struct eu_out *out, const char *text, size_t size) {
    int room = live->rows > 2 ? live->rows - 1 : 1;
    if (live->lines < 0)
        eu_out_text(out, "\x1b[H\x1b[2J");
    else if (live->lines)
        eu_out_format(out, "\r\x1b[%dA", live->lines);
    live->lines = 0;
    for (const char *end = text + size; text < end && live->lines < room; live->lines++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop ? stop : end) - text);
        eu_out_text(out, "\x1b[K"); /* before the text: behind a line as wide as the screen it would take its last character */
        eu_out_put(out, text, cut(text, length, (size_t)live->columns));
        eu_out_char(out, '\n');
        text += length + 1;
    }
    eu_out_text(out, "\x1b[J");
}

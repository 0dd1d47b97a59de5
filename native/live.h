/* A block of lines on a terminal that is drawn again in its place: one write, nothing flickers, the cursor stays below it. */
#ifndef EUNOMIA_LIVE_H
#define EUNOMIA_LIVE_H
#include "out.h"

struct eu_live {
    int fd;
    int rows, columns; /* of the terminal, when it was drawn last */
    int lines;         /* of the block on the screen, 0: none yet */
};

/* Ask the terminal for its size, which may have changed; returns how many lines the next block may have. */
int eu_live_room(struct eu_live *live);
/* Append what puts these lines in the place of the last ones: cut to the terminal's width, at most as many as eu_live_room. */
void eu_live_draw(struct eu_live *live, struct eu_out *out, const char *text, size_t size);
#endif

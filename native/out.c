#define _GNU_SOURCE
#include "out.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUT_LIMIT = 1 << 30 }; /* one line or batch is never this long unless something is wrong */

int eu_out_grow(struct eu_out *out, size_t more) {
    size_t wanted = out->room ? out->room : 4096;
    if (more > OUT_LIMIT || out->used > OUT_LIMIT - more) {
        out->failed = 1;
        return -ENOMEM;
    }
    while (wanted - out->used < more)
        wanted *= 2;
    char *larger = realloc(out->data, wanted);
    if (!larger) {
        out->failed = 1;
        return -ENOMEM;
    }
    out->data = larger;
    out->room = wanted;
    return 0;
}

void eu_out_free(struct eu_out *out) {
    free(out->data);
    *out = (struct eu_out){0};
}

void eu_out_format(struct eu_out *out, const char *format, ...) {
    va_list args;
    char small[512];
    va_start(args, format);
    int size = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (size < 0)
        return;
    if ((size_t)size < sizeof(small)) {
        eu_out_put(out, small, size);
        return;
    }
    char *w = eu_out_room(out, (size_t)size + 1);
    if (!w)
        return;
    va_start(args, format);
    vsnprintf(w, (size_t)size + 1, format, args);
    va_end(args);
    out->used += size;
}

const char *eu_strerror(int err) {
    static _Thread_local char text[128];
    snprintf(text, sizeof(text), "%s", strerror(err < 0 ? -err : err));
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
        text[0] += 'a' - 'A';
    return text;
}

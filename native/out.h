/* A growing buffer for output. Appending never writes beyond it: when memory runs out, bytes are dropped and `failed` is set. */
#ifndef EUNOMIA_OUT_H
#define EUNOMIA_OUT_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct eu_out {
    char *data;
    size_t used, room;
    int failed;
};

int eu_out_grow(struct eu_out *out, size_t more);
void eu_out_free(struct eu_out *out);
/* The text of an errno as our errors write it: without a capital; valid until the thread's next call. */
const char *eu_strerror(int err);
void eu_out_format(struct eu_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where at least `more` bytes may be written, or NULL. */
static inline char *eu_out_room(struct eu_out *out, size_t more) {
    if (__builtin_expect(out->room - out->used < more, 0) && eu_out_grow(out, more))
        return NULL;
    return out->data + out->used;
}

static inline void eu_out_put(struct eu_out *out, const void *bytes, size_t size) {
    char *w = size ? eu_out_room(out, size) : NULL;
    if (!w)
        return;
    memcpy(w, bytes, size);
    out->used += size;
}

static inline void eu_out_char(struct eu_out *out, char c) {
    eu_out_put(out, &c, 1);
}

static inline void eu_out_text(struct eu_out *out, const char *text) {
    eu_out_put(out, text, strlen(text));
}

static inline void eu_out_pad(struct eu_out *out, long count) {
    char *w = count > 0 ? eu_out_room(out, count) : NULL;
    if (!w)
        return;
    memset(w, ' ', count);
    out->used += count;
}
#endif

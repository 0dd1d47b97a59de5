/* What the guests of a run let through: rendered like any other event, with what they added to it. */
#define _GNU_SOURCE
#include "chain.h"
#include "run_parts.h"
#include "value.h"
#include <ctype.h>
#include <unistd.h>

static int is_text(const struct eu_run *run) {
    return run->format.format == 0 && !run->aggregate && !run->keep;
}

/* Printed text without what could move a cursor. */
static void put_clean(struct eu_out *out, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        eu_out_char(out, (c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : (char)c);
    }
}

static void put_json_line(struct eu_run *run, const char *name, const char *line, size_t size) {
    eu_out_text(&run->out, "{\"$eunomia\":{\"guest\":{\"name\":");
    eu_quoted(&run->out, name, strlen(name));
    eu_out_text(&run->out, ",\"text\":");
    eu_quoted(&run->out, line, size);
    eu_out_text(&run->out, "}}}\n");
}

/* Where the output has no place for text, standard error has. */
static void put_aside(struct eu_run *run, const char *text, size_t size) {
    struct eu_out clean = {0};
    put_clean(&clean, text, size);
    if (run->options.warn_fd >= 0 && clean.used && write(run->options.warn_fd, clean.data, clean.used) < 0) {
        /* nobody reads it */
    }
    eu_out_free(&clean);
}

static void put_text(struct eu_run *run, const char *name, const char *text, size_t size) {
    if (run->refuse >= 0)
        return;
    if (is_text(run)) {
        put_clean(&run->out, text, size);
    } else if (eu_run_has_stream(run) && !run->aggregate) {
        while (size) {
            const char *end = memchr(text, '\n', size);
            size_t length = end ? (size_t)(end - text) : size;
            put_json_line(run, name, text, length);
            text += length + (end != NULL);
            size -= length + (end != NULL);
        }
    } else {
        put_aside(run, text, size);
    }
}

/* Members of a line of JSON stand in its object; in text they follow: key=value. */
void eu_chain_members(struct eu_run *run, const char *members, size_t size) {
    struct eu_out *out = &run->out;
    if (run->format.format == 1 && out->used >= 2 && out->data[out->used - 1] == '\n' && out->data[out->used - 2] == '}') {
        int is_empty = out->data[out->used - 3] == '{';
        out->used -= 2;
        eu_out_text(out, is_empty ? "" : ",");
        eu_out_put(out, members, size);
        eu_out_text(out, "}\n");
    } else if (is_text(run) && out->used && out->data[out->used - 1] == '\n') {
        int is_quoted = 0, is_key = 1;
        out->data[out->used - 1] = ' ';
        for (size_t i = 0; i < size; i++) {
            char c = members[i];
            if (c == '\\' && i + 1 < size) {
                eu_out_char(out, c);
                c = members[++i];
            } else if (c == '"') {
                is_quoted = !is_quoted;
            }
            if (is_key && c == '"')
                continue; /* keys are words */
            if (!is_quoted && (c == ':' || c == ',')) {
                is_key = c == ',';
                c = c == ':' ? '=' : ' ';
            }
            eu_out_char(out, c);
        }
        eu_out_char(out, '\n');
    }
}

void eu_chain_deliver(struct eu_run *run, const struct eu_batch *batch) {
    uint64_t now = run->now;
    for (size_t i = 0; i < batch->count; i++) {
        const struct eu_item *item = &batch->items[i];
        const char *bytes = batch->bytes.data + item->at;
        if (item->is_text) {
            put_text(run, item->whose->name, bytes, item->size);
            continue;
        }
        if (run->replay && run->now != item->now) {
            run->now = item->now;
            eu_run_time(run);
        }
        eu_pipeline_deliver(&run->sources[item->source], item, (const uint8_t *)bytes, batch->bytes.data + item->members);
    }
    run->now = now;
}

#include "table.h"
#include "text.h"
#include "width.h"
#include <stdlib.h>

enum { NAME_LIMIT = 256 };

static int make_room(void **items, size_t *room, size_t count, size_t size) {
    if (count < *room)
        return 1;
    size_t wanted = *room ? 2 * *room : 64;
    void *larger = realloc(*items, wanted * size);
    if (!larger)
        return 0;
    *items = larger;
    *room = wanted;
    return 1;
}

void eu_table_column(struct eu_table *t, const char *name, int right) {
    size_t size = strnlen(name, NAME_LIMIT), hidden = 0;
    char *safe = malloc(size * EU_TEXT_GROWTH + EU_STRING_SLACK + 1);
    if (!safe || !make_room((void **)&t->columns, &t->room_columns, t->nr_columns, sizeof(*t->columns))) {
        free(safe);
        t->failed = 1;
        return;
    }
    *eu_text_string(safe, (const uint8_t *)name, size, &hidden) = 0;
    t->columns[t->nr_columns++] = (struct eu_table_column){.name = safe, .width = eu_width(safe, strlen(safe)), .right = right};
}

void eu_table_cell(struct eu_table *t) {
    if (t->failed || !eu_out_room(&t->cells, 1) || t->cells.failed ||
        !make_room((void **)&t->ends, &t->room_cells, t->nr_cells, sizeof(*t->ends))) {
        t->failed = 1;
        return;
    }
    size_t start = t->nr_cells ? t->ends[t->nr_cells - 1] : 0;
    struct eu_table_column *column = &t->columns[t->column];
    t->column = t->column + 1 == t->nr_columns ? 0 : t->column + 1;
    size_t width = eu_width(t->cells.data + start, t->cells.used - start);
    column->width = width > column->width ? width : column->width;
    t->ends[t->nr_cells++] = (uint32_t)t->cells.used;
}

static inline char *put_padded(char *w, const struct eu_table_column *column, const char *text, size_t size, int last) {
    size_t width = eu_width(text, size), missing = column->width > width ? column->width - width : 0;
    if (column->right) {
        memset(w, ' ', missing);
        w += missing;
    }
    memcpy(w, text, size);
    w += size;
    if (last) {
        *w++ = '\n';
        return w;
    }
    missing = (column->right ? 0 : missing) + 2;
    memset(w, ' ', missing);
    return w + missing;
}

/* Bytes of a row beside those of its cells. */
static size_t padding(const struct eu_table *t) {
    size_t bytes = 1;
    for (size_t c = 0; c < t->nr_columns; c++)
        bytes += t->columns[c].width + 2;
    return bytes;
}

static void text_header(const struct eu_table *t, struct eu_out *out) {
    char name[NAME_LIMIT * EU_TEXT_GROWTH + 1];
    for (size_t c = 0; c < t->nr_columns; c++) {
        size_t size = strnlen(t->columns[c].name, sizeof(name));
        for (size_t i = 0; i < size; i++) {
            char letter = t->columns[c].name[i];
            name[i] = (char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
        }
        char *w = eu_out_room(out, size + padding(t));
        if (w)
            out->used = (size_t)(put_padded(w, &t->columns[c], name, size, c + 1 == t->nr_columns) - out->data);
    }
}

void eu_table_text(struct eu_table *t, struct eu_out *out, int header) {
    size_t start = 0, beside = padding(t);
    out->failed |= t->failed;
    if (out->failed || !t->nr_columns)
        return;
    if (header)
        text_header(t, out);
    for (size_t row = 0; row + t->nr_columns <= t->nr_cells; row += t->nr_columns) {
        char *w = eu_out_room(out, t->ends[row + t->nr_columns - 1] - start + beside);
        if (!w)
            return;
        for (size_t c = 0; c < t->nr_columns; start = t->ends[row + c++])
            w = put_padded(w, &t->columns[c], t->cells.data + start, t->ends[row + c] - start, c + 1 == t->nr_columns);
        out->used = (size_t)(w - out->data);
    }
}

static void csv_field(struct eu_out *out, const char *text, size_t size) {
    char *w = eu_out_room(out, 2 * size + 2);
    if (!w)
        return;
    if (size)
        memcpy(w, text, size);
    out->used += eu_csv_protect(w, size);
}

void eu_table_csv(struct eu_table *t, struct eu_out *out, int header, const char *time, size_t time_size) {
    size_t start = 0;
    int has_ts = 0;
    out->failed |= t->failed;
    if (out->failed || !t->nr_columns)
        return;
    for (size_t c = 0; c < t->nr_columns; c++)
        has_ts |= !strcmp(t->columns[c].name, "ts");
    if (header && time_size)
        eu_out_text(out, has_ts ? "_ts," : "ts,");
    for (size_t c = 0; c < t->nr_columns && header; c++) {
        csv_field(out, t->columns[c].name, strlen(t->columns[c].name));
        eu_out_char(out, c + 1 == t->nr_columns ? '\n' : ',');
    }
    for (size_t i = 0; i < t->nr_cells; start = t->ends[i++]) {
        size_t c = i % t->nr_columns;
        if (!c && time_size) {
            csv_field(out, time, time_size);
            eu_out_char(out, ',');
        }
        csv_field(out, t->cells.data + start, t->ends[i] - start);
        eu_out_char(out, c + 1 == t->nr_columns ? '\n' : ',');
    }
}

void eu_table_free(struct eu_table *t) {
    for (size_t i = 0; i < t->nr_columns; i++)
        free(t->columns[i].name);
    free(t->columns);
    free(t->ends);
    eu_out_free(&t->cells);
    *t = (struct eu_table){0};
}

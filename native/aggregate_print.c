/* What was gathered, as text, JSON lines or CSV: rows by count or by --sort, with --top the first ones. */
#include "aggregate_parts.h"
#include "number.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const column_names[] = {
    [BY_COUNT] = "count", [BY_SUM] = "sum", [BY_MIN] = "min", [BY_MAX] = "max", [BY_MEAN] = "mean", [BY_P50] = "p50", [BY_P99] = "p99",
};

const char *eu_aggregate_column(enum column column) {
    return column_names[column];
}

static int order_of_numbers(const struct eu_aggregate *a, const struct row *x, const struct row *y) {
    if (a->sort_column == BY_COUNT)
        return (x->count < y->count) - (x->count > y->count);
    if (!a->is_float && a->sort_column <= BY_MAX) { /* exact, where doubles are not */
        const struct stats *p = x->stats, *q = y->stats;
        wide left = a->sort_column == BY_SUM ? p->sum : a->sort_column == BY_MIN ? p->min : p->max;
        wide right = a->sort_column == BY_SUM ? q->sum : a->sort_column == BY_MIN ? q->min : q->max;
        return (left < right) - (left > right);
    }
    return (x->rank < y->rank) - (x->rank > y->rank);
}

/* Above 0: left comes later. Rows that the column does not tell apart stand by their keys. */
static int order(uint32_t left, uint32_t right, const void *context) {
    const struct eu_aggregate *a = context;
    const struct row *x = eu_row_at(&a->table, left), *y = eu_row_at(&a->table, right);
    const uint8_t *p = eu_row_key(&a->table, x), *q = eu_row_key(&a->table, y);
    int sign;
    if (a->sort_column == BY_KEY)
        sign = x->variant != y->variant ? 0 : -eu_key_compare(a, &a->shapes[x->variant], p, q, a->sort_key);
    else
        sign = order_of_numbers(a, x, y);
    if (sign)
        return a->ascending ? -sign : sign;
    if (x->variant != y->variant)
        return x->variant > y->variant ? 1 : -1;
    for (int i = 0; i < a->nr_key && !sign; i++)
        sign = eu_key_compare(a, &a->shapes[x->variant], p, q, i);
    return sign;
}

/* The rows to show, in order; NULL: out of memory. The caller frees the items. */
static uint32_t *pick(const struct eu_aggregate *a, size_t limit, size_t *count) {
    const struct row_table *t = &a->table;
    size_t room = limit < t->nr_rows ? limit : t->nr_rows;
    struct eu_heap heap = {.items = malloc((room + 1) * sizeof(uint32_t)), .room = room, .order = order, .context = a};
    for (size_t at = 8; heap.items && at < t->used;) {
        struct row *row = eu_row_at(t, (uint32_t)(at / 8));
        if (a->sort_column > BY_COUNT)
            row->rank = eu_stats_number(a, row->stats, a->sort_column);
        eu_heap_add(&heap, (uint32_t)(at / 8));
        at += (t->key_at + row->key_size + 7) & ~(size_t)7;
    }
    if (heap.items)
        eu_heap_sort(&heap);
    *count = heap.count;
    return heap.items;
}

static void json_row(const struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size, const struct row *row) {
    const char *count = "count";
    int has_ts = 0;
    for (int i = 0; i < a->nr_key; i++)
        has_ts |= !strcmp(a->paths[i], "ts");
    eu_out_char(out, '{');
    if (time_size)
        eu_out_format(out, "\"%s\":%.*s,", has_ts ? "_ts" : "ts", (int)time_size, time);
    for (int i = 0; i < a->nr_key; i++) {
        eu_quoted(out, a->paths[i], strlen(a->paths[i]));
        eu_out_char(out, ':');
        eu_key_show(a, &a->shapes[row->variant], eu_row_key(&a->table, row), i, out, 0);
        eu_out_char(out, ',');
        if (!strcmp(a->paths[i], "count"))
            count = "_count";
    }
    eu_out_format(out, "\"%s\":%llu", count, (unsigned long long)row->count);
    if (a->has_number)
        eu_stats_json(a, row->stats, out);
    eu_out_text(out, "}\n");
}

static void other_json(const struct eu_aggregate *a, struct eu_out *out) {
    eu_out_format(out, "{\"$eunomia\":{\"other\":{\"count\":%llu,\"keys\":%zu", (unsigned long long)a->other_count, a->table.nr_rows);
    if (a->has_number)
        eu_stats_json(a, a->other, out);
    eu_out_text(out, "}}}\n");
}

static int is_right(const struct eu_aggregate *a, int i) {
    const struct part *part = NULL;
    for (int s = 0; s < a->nr_shapes && !part; s++)
        part = a->shapes[s].takes_part ? &a->shapes[s].key[i] : NULL;
    return part && part->kind == PART_NUMBER && !part->field.decoder && a->show.plan->types[part->field.type].kind != EU_ENUM;
}

static void begin_table(const struct eu_aggregate *a, struct eu_table *table) {
    for (int i = 0; i < a->nr_key; i++)
        eu_table_column(table, a->paths[i], is_right(a, i));
    for (enum column c = BY_COUNT; c <= (a->has_number ? BY_P99 : BY_COUNT); c++) {
        char name[8];
        snprintf(name, sizeof(name), "%s%s", c >= BY_P50 && !a->show.format.format ? "~" : "", column_names[c]);
        eu_table_column(table, name, 1);
    }
}

/* The numbers of a row; `count` is not the statistics' where some values were no numbers. */
static void table_numbers(const struct eu_aggregate *a, struct eu_table *table, uint64_t count, const struct stats *stats) {
    eu_out_format(&table->cells, "%llu", (unsigned long long)count);
    eu_table_cell(table);
    for (enum column c = BY_SUM; a->has_number && c <= BY_P99; c++) {
        eu_stats_show(a, stats, c, &table->cells, 1);
        eu_table_cell(table);
    }
}

static void table_row(const struct eu_aggregate *a, struct eu_table *table, const struct row *row) {
    for (int i = 0; i < a->nr_key; i++) {
        eu_key_show(a, &a->shapes[row->variant], eu_row_key(&a->table, row), i, &table->cells, 1);
        eu_table_cell(table);
    }
    table_numbers(a, table, row->count, row->stats);
}

static void other_row(const struct eu_aggregate *a, struct eu_table *table) {
    for (int i = 0; i < a->nr_key; i++) {
        eu_out_text(&table->cells, i ? "" : "(other)");
        eu_table_cell(table);
    }
    table_numbers(a, table, a->other_count, a->other);
}

static void histogram(const struct eu_aggregate *a, struct eu_out *out, const struct row *row) {
    for (int i = 0; i < a->nr_key; i++) {
        eu_out_format(out, "%s%s = ", i ? ", " : "", a->paths[i]);
        eu_key_show(a, &a->shapes[row->variant], eu_row_key(&a->table, row), i, out, 1);
    }
    if (a->nr_key)
        eu_out_char(out, '\n');
    eu_stats_text(a, row->stats, out);
    eu_out_char(out, '\n');
}

static void fill_table(const struct eu_aggregate *a, struct eu_table *table, const uint32_t *rows, size_t count) {
    begin_table(a, table);
    for (size_t i = 0; i < count; i++)
        table_row(a, table, eu_row_at(&a->table, rows[i]));
    if (a->other_count)
        other_row(a, table);
}

static void tables(const struct eu_aggregate *a, struct eu_out *out, const uint32_t *rows, size_t count) {
    struct eu_table table = {0};
    fill_table(a, &table, rows, count);
    eu_table_text(&table, out, a->show.format.header);
    eu_table_free(&table);
}

static void csv(const struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size, const uint32_t *rows, size_t count) {
    struct eu_table table = {0};
    fill_table(a, &table, rows, count);
    eu_table_csv(&table, out, a->show.format.header && !a->has_header, time, time_size);
    eu_table_free(&table);
}

static void histograms(struct eu_aggregate *a, struct eu_out *out, const uint32_t *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        histogram(a, out, eu_row_at(&a->table, rows[i]));
    if (a->other_count) {
        eu_out_text(out, "(other)\n");
        eu_stats_text(a, a->other, out);
    }
}

static void title(const struct eu_aggregate *a, struct eu_out *out, const char *before, size_t rows) {
    eu_out_format(out, "%s%llu event%s", before, (unsigned long long)a->events, a->events == 1 ? "" : "s");
    if (!a->top)
        eu_out_format(out, ", %zu row%s", rows, rows == 1 ? "" : "s");
    if (a->lost)
        eu_out_format(out, ", %llu lost", (unsigned long long)a->lost);
}

/* The line above a block, and the block. */
static void text(struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size, const uint32_t *rows, size_t count) {
    struct eu_out block = {0};
    size_t total = a->top ? eu_top_count(a->top) : a->table.nr_rows;
    if (time_size || a->is_live) {
        eu_out_put(&block, time, time_size);
        if (a->is_live)
            title(a, &block, time_size ? "  " : "", total);
        eu_out_char(&block, '\n');
    } else if (a->has_printed) {
        eu_out_char(&block, '\n');
    }
    if (a->top)
        eu_top_rows(a, &block, "", 0, count);
    else if (a->has_number && !a->options->top)
        histograms(a, &block, rows, count);
    else
        tables(a, &block, rows, count);
    if (total > count)
        eu_out_format(&block, "and %zu more\n", total - count);
    if (a->is_live)
        eu_live_draw(&a->live, out, block.data, block.used);
    else
        eu_out_put(out, block.data, block.used);
    out->failed |= block.failed;
    eu_out_free(&block);
}

/* How many rows fit: below them may stand `(other)` and "and N more", above the title and the header. */
static size_t limit_of(struct eu_aggregate *a) {
    size_t limit = a->options->top ? a->options->top : SIZE_MAX;
    if (a->is_live) {
        int room = eu_live_room(&a->live) - 4;
        limit = room < 1 ? 1 : limit < (size_t)room ? limit : (size_t)room;
    }
    return limit;
}

void eu_aggregate_show(struct eu_aggregate *a, struct eu_out *out, const char *time, size_t time_size) {
    size_t limit = limit_of(a), count = 0;
    uint32_t *rows = NULL;
    if (a->top && a->show.format.format) {
        eu_top_rows(a, out, time, time_size, limit);
        return;
    }
    if (a->top)
        count = limit < eu_top_count(a->top) ? limit : eu_top_count(a->top);
    else if (!(rows = pick(a, limit, &count)))
        out->failed = 1;
    if (a->show.format.format == 0)
        text(a, out, time, time_size, rows, count);
    else if (a->show.format.format == 4)
        csv(a, out, time, time_size, rows, count);
    for (size_t i = 0; i < count && a->show.format.format == 1; i++)
        json_row(a, out, time, time_size, eu_row_at(&a->table, rows[i]));
    if (a->show.format.format == 1 && a->other_count)
        other_json(a, out);
    free(rows);
}

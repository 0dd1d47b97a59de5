/* Batches and columns of arbitrary records of arbitrary plans: nothing may be read or written out of bounds.
 *
 * An input is a plan and records, each behind a byte with its length. What the Python side asks for is asked here: each member of each
 * type as a column, the records as rows of one length. */
#include "blocks.h"
#include "eunomia.h"
#include "mutate.h"
#include "plan_read.h"

enum { PARTS = 64, COLUMNS = 300 };

static int columns;

static void column(const struct eu_plan *plan, const struct eu_rows *rows, uint32_t index, size_t offset);

static void list(const struct eu_plan *plan, const struct eu_rows *rows, const struct eu_plan_type *type, size_t offset) {
    size_t step = plan->types[type->first].size;
    struct eu_rows inner = {.stride = step};
    int32_t *offsets = malloc((rows->count + 1) * sizeof(*offsets));
    void *data = NULL;
    if (type->count && rows->count * type->count * step < 1 << 20) {
        data = eu_block(rows->count * type->count * step);
        eu_gather(rows, offset, type->count * step, data);
        inner.count = rows->count * type->count;
    } else if (!type->count && step) {
        long size = eu_gather_tails(rows, offset, step, offsets, &data);
        inner.count = size > 0 ? (size_t)size / step : 0;
    }
    inner.data = data;
    if (inner.count)
        column(plan, &inner, type->first, 0);
    eu_release(data);
    free(offsets);
}

static void text(const struct eu_rows *rows, const struct eu_plan_type *type, size_t offset) {
    int32_t *offsets = malloc((rows->count + 1) * sizeof(*offsets));
    void *data = NULL;
    long size = eu_gather_text(rows, offset, type->size, offsets, &data);
    if (size < 0 || offsets[rows->count] != size)
        abort();
    eu_release(data);
    free(offsets);
}

static void members(const struct eu_plan *plan, const struct eu_rows *rows, const struct eu_plan_type *type, size_t offset) {
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *m = &plan->members[i];
        size_t size = plan->types[m->type].size;
        if (!m->bit_size) {
            column(plan, rows, m->type, offset + m->bit_offset / 8);
        } else if (size <= 8) {
            void *out = eu_block(rows->count * size);
            eu_gather_bits(rows, offset * 8 + m->bit_offset, m->bit_size, i & 1, size, out);
            eu_release(out);
        }
    }
}

static void column(const struct eu_plan *plan, const struct eu_rows *rows, uint32_t index, size_t offset) {
    const struct eu_plan_type *type = &plan->types[index];
    static const int64_t numbers[] = {-5, 0, 1, 200};
    if (columns++ > COLUMNS)
        return;
    if (type->kind == EU_STRUCT || type->kind == EU_UNION) {
        members(plan, rows, type, offset);
    } else if (type->kind == EU_STRING) {
        text(rows, type, offset);
    } else if (type->kind == EU_ARRAY) {
        list(plan, rows, type, offset);
    } else if (rows->count * type->size < 1 << 20) {
        void *out = eu_block(rows->count * type->size);
        int32_t *codes = malloc(rows->count * sizeof(*codes) + 1);
        eu_gather(rows, offset, type->size, out);
        if (type->size)
            eu_gather_bitmap(rows, offset, type->size, out);
        if (type->size == 1 || type->size == 2 || type->size == 4 || type->size == 8)
            eu_gather_codes(rows, offset, type->size, type->flags & 1, numbers, 4, codes);
        free(codes);
        eu_release(out);
    }
}

/* As NumPy has flexible ones: all of the longest one's length. */
static void check_rows(const struct eu_rows *rows, size_t longest) {
    uint32_t place = 0, size = (uint32_t)longest;
    if (!longest || rows->count * longest > 1 << 20)
        return;
    uint8_t *out = eu_block(rows->count * longest);
    eu_gather_rows(rows, longest, out);
    eu_clean_text(out, rows->count, longest, &place, &size, 1);
    struct eu_rows clean = {.data = out, .count = rows->count, .stride = longest};
    if (eu_has_remains(&clean, &place, &size, 1))
        abort();
    eu_release(out);
}

static void check_part(const struct eu_plan *plan, uint32_t type, const struct eu_part *part) {
    struct eu_rows rows = {part->data, part->count, part->stride, part->starts, part->lengths};
    size_t longest = part->starts ? plan->types[type].size : part->stride;
    /* the sanitizer must see the end of what was handed over, not of the block */
    uint8_t *exact = malloc(part->used ? part->used : 1);
    if (part->used)
        memcpy(exact, part->data, part->used);
    rows.data = exact;
    for (size_t i = 0; rows.lengths && i < rows.count; i++)
        longest = rows.lengths[i] > longest ? rows.lengths[i] : longest;
    columns = 0;
    if (rows.count)
        column(plan, &rows, type, 0);
    check_rows(&rows, longest);
    free(exact);
}

static void collect(struct eu_plan *plan, int source, const uint8_t *data, size_t size) {
    struct eu_batcher *batcher = eu_batcher_new(plan, source, NULL, 0);
    struct eu_part parts[PARTS] = {0};
    uint16_t *order = NULL;
    size_t added = 0, counted = 0;
    uint32_t nr = plan->sources[source].nr_records;
    if (!batcher || nr > PARTS)
        return eu_batcher_free(batcher);
    for (size_t at = 0; at < size; at += 1 + data[at]) {
        size_t length = data[at] < size - at - 1 ? data[at] : size - at - 1;
        uint8_t *record = malloc(length ? length : 1);
        memcpy(record, data + at + 1, length);
        added += (size_t)eu_batcher_add(batcher, record, length);
        free(record);
    }
    if ((size_t)eu_batcher_take(batcher, parts, &order) != added)
        abort();
    for (uint32_t i = 0; i < nr && plan->sources[source].kind != EU_SAMPLE; i++) {
        counted += parts[i].count;
        check_part(plan, plan->records[plan->sources[source].first_record + i].type, &parts[i]);
        eu_release(parts[i].data);
        eu_release(parts[i].starts);
        eu_release(parts[i].lengths);
    }
    if (counted != added)
        abort();
    eu_release(order);
    eu_batcher_free(batcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t total;
    if (size < sizeof(struct eu_plan_header) + 1)
        return 0;
    memcpy(&total, data + 8, 4);
    size_t plan_size = total < size ? total : size;
    struct eu_plan *plan = eu_plan_read(data, plan_size);
    if (!plan)
        return 0;
    for (int i = 0; i < eu_plan_sources(plan) && i < 4; i++)
        collect(plan, i, data + plan_size, size - plan_size);
    eu_plan_free(plan);
    return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
    return mutate_files(argc, argv, LLVMFuzzerTestOneInput);
}
#endif

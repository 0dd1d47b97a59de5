/* Sampling: a map is read whole, in batches; what vanishes meanwhile is simply not there. */
#define _GNU_SOURCE
#include "sample.h"
#include "error.h"
#include "histogram.h"
#include "number.h"
#include "stack.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>

enum { BATCH = 4096, SLOTS_LIMIT = 4096, KEEP = 1 << 20, CELL_LIMIT = 256 };

struct element {
    const uint8_t *key, *value;
    int cpu;       /* -1: of all */
    int64_t order; /* tables: the count by which they are sorted */
};

struct eu_sample {
    struct eu_object *object;
    const struct eu_plan_source *source;
    struct eu_show show;
    struct eu_map_info info;
    struct eu_stacks *stacks;
    int map, clear, cpus, several, named, seen, is_array, headed;
    size_t stride; /* bytes of a value as the kernel gives it */
    uint8_t *keys, *values, *sums;
    size_t nr_keys, room_keys;
    struct element *elements;
    size_t nr_elements, room_elements;
};

static const struct eu_plan_type *type_at(const struct eu_sample *s, uint32_t index) {
    return &s->show.plan->types[index];
}

struct eu_sample *eu_sample_open(struct eu_object *object, const struct eu_plan *plan, int source, const struct eu_format *format,
                                 int clear) {
    struct eu_sample *s = calloc(1, sizeof(*s));
    if (!s)
        return eu_fail_null(ENOMEM, "sample map: out of memory");
    s->object = object;
    s->source = &plan->sources[source];
    s->show = (struct eu_show){.plan = plan, .format = *format};
    s->clear = clear >= 0 ? clear : s->source->flags & EU_CLEAR && !format->compat;
    for (uint32_t i = 0, sampled = 0; i < plan->header.nr_sources; i++)
        if (plan->sources[i].kind == EU_SAMPLE && ++sampled > 1)
            s->several = 1;
    const char *name = plan_string(plan, s->source->map);
    s->map = eu_map_find(object, name);
    if (s->map < 0 || eu_map_get(object, s->map, &s->info))
        goto fail;
    uint32_t type = s->info.type;
    int per_cpu = type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY;
    s->is_array = type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
    s->cpus = per_cpu ? eu_possible_cpus() : 0;
    s->stride = per_cpu ? (s->info.value_size + 7ul) / 8 * 8 * (size_t)s->cpus : s->info.value_size;
    if (type_at(s, s->source->key_type)->size != s->info.key_size || type_at(s, s->source->value_type)->size != s->info.value_size) {
        eu_fail(EINVAL, "sample map %s: key %u and value %u bytes, the plan says %u and %u", name, s->info.key_size, s->info.value_size,
                type_at(s, s->source->key_type)->size, type_at(s, s->source->value_type)->size);
        goto fail;
    }
    if (s->source->style == EU_STACKS) {
        s->stacks = eu_stacks_new(&s->show, s->source);
        if (!s->stacks)
            goto fail;
        eu_stacks_use(s->stacks, object);
    }
    return s;
fail:
    eu_sample_close(s);
    return NULL;
}

void eu_sample_close(struct eu_sample *s) {
    if (!s)
        return;
    eu_stacks_free(s->stacks);
    free(s->keys);
    free(s->values);
    free(s->sums);
    free(s->elements);
    free(s);
}

static int make_room(struct eu_sample *s, size_t wanted) {
    size_t room = s->room_keys ? 2 * s->room_keys : 256;
    if (wanted <= s->room_keys)
        return 0;
    while (room < wanted)
        room *= 2;
    uint8_t *keys = realloc(s->keys, room * s->info.key_size + 1);
    if (keys)
        s->keys = keys;
    uint8_t *values = keys ? realloc(s->values, room * s->stride + 1) : NULL;
    if (values)
        s->values = values;
    uint8_t *sums = values && s->cpus ? realloc(s->sums, room * s->info.value_size + 1) : s->sums;
    if (!values || (s->cpus && !sums))
        return eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
    s->sums = sums;
    s->room_keys = room;
    return 0;
}

static int read_map(struct eu_sample *s) {
    size_t cursor_size = s->info.key_size < 16 ? 16 : s->info.key_size;
    uint8_t *cursor = calloc(1, cursor_size);
    int done = 0, first = 1, err = cursor ? 0 : eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
    uint32_t batch = s->info.max_entries < BATCH ? s->info.max_entries + 1 : BATCH;
    s->nr_keys = 0;
    while (!done && !err) {
        err = make_room(s, s->nr_keys + batch);
        if (err)
            break;
        long got = eu_map_read_batch(s->object, s->map, cursor, first, s->keys + s->nr_keys * s->info.key_size,
                                     s->values + s->nr_keys * s->stride, batch, &done);
        if (got == -ENOSPC && batch < 1u << 24) { /* one bucket holds more than a batch */
            batch *= 2;
            continue;
        }
        first = 0;
        if (got < 0)
            err = (int)got;
        else
            s->nr_keys += (size_t)got;
    }
    free(cursor);
    return err;
}

static int is_zero(const uint8_t *p, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (p[i])
            return 0;
    return 1;
}

/* Add a CPU's value to the sum: numbers are added; of strings, enums and pointers the first that is not zero stays. */
static void add_value(const struct eu_plan *plan, uint32_t index, uint8_t *sum, const uint8_t *value) {
    const struct eu_plan_type *type = &plan->types[index];
    if (type->kind == EU_ARRAY) {
        uint32_t size = plan->types[type->first].size;
        for (uint32_t i = 0; i < type->count; i++)
            add_value(plan, type->first, sum + (size_t)i * size, value + (size_t)i * size);
    } else if (type->kind == EU_STRUCT) {
        for (uint32_t i = type->first; i < type->first + type->count; i++)
            if (!plan->members[i].bit_size)
                add_value(plan, plan->members[i].type, sum + plan->members[i].bit_offset / 8, value + plan->members[i].bit_offset / 8);
    } else if (type->kind == EU_UINT || type->kind == EU_INT) {
        unsigned __int128 a = 0, b = 0;
        memcpy(&a, sum, type->size);
        memcpy(&b, value, type->size);
        a += b;
        memcpy(sum, &a, type->size);
    } else if (type->kind == EU_FLOAT && type->size == 8) {
        double a, b;
        memcpy(&a, sum, 8);
        memcpy(&b, value, 8);
        a += b;
        memcpy(sum, &a, 8);
    } else if (is_zero(sum, type->size)) {
        memcpy(sum, value, type->size);
    }
}

static int add_element(struct eu_sample *s, const uint8_t *key, const uint8_t *value, int cpu) {
    if (s->nr_elements == s->room_elements) {
        size_t room = s->room_elements ? 2 * s->room_elements : 256;
        struct element *larger = realloc(s->elements, room * sizeof(*larger));
        if (!larger)
            return eu_fail(ENOMEM, "sample map %s: out of memory", s->info.name);
        s->elements = larger;
        s->room_elements = room;
    }
    s->elements[s->nr_elements++] = (struct element){.key = key, .value = value, .cpu = cpu};
    return 0;
}

/* What was read as elements to show: per-CPU values added up or apart, empty array slots left out. */
static int make_elements(struct eu_sample *s) {
    size_t size = s->info.value_size, step = (size + 7) / 8 * 8;
    int skip = s->is_array && !s->show.format.compat, err = 0;
    s->nr_elements = 0;
    for (size_t i = 0; i < s->nr_keys && !err; i++) {
        const uint8_t *key = s->keys + i * s->info.key_size, *value = s->values + i * s->stride;
        if (s->cpus && s->show.format.per_cpu) {
            for (int cpu = 0; cpu < s->cpus && !err; cpu++, value += step)
                if (!is_zero(value, size))
                    err = add_element(s, key, value, cpu);
            continue;
        }
        if (s->cpus) {
            uint8_t *sum = s->sums + i * size;
            memcpy(sum, value, size);
            for (int cpu = 1; cpu < s->cpus; cpu++)
                add_value(s->show.plan, s->source->value_type, sum, value + step * (size_t)cpu);
            value = sum;
        }
        if (!skip || !is_zero(value, size))
            err = add_element(s, key, value, -1);
    }
    return err;
}

static void clear(struct eu_sample *s) {
    uint8_t *zero = s->is_array ? calloc(1, s->stride + 1) : NULL;
    for (size_t i = 0; i < s->nr_keys; i++) {
        const uint8_t *key = s->keys + i * s->info.key_size;
        if (!s->is_array)
            eu_map_delete(s->object, s->map, key); /* already gone: fine */
        else if (zero && !is_zero(s->values + i * s->stride, s->stride))
            eu_map_update(s->object, s->map, key, zero, 0);
    }
    free(zero);
}

/* JSON: one line for each element. */
static void json_lines(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    for (size_t i = 0; i < s->nr_elements; i++) {
        const struct element *e = &s->elements[i];
        eu_out_char(out, '{');
        if (time_size)
            eu_out_format(out, "\"ts\":%.*s,", (int)time_size, time);
        if (s->several && !s->show.format.compat) {
            eu_out_text(out, "\"map\":");
            eu_quoted(out, s->info.name, strlen(s->info.name));
            eu_out_char(out, ',');
        }
        eu_out_text(out, "\"key\":");
        eu_element_json(&s->show, out, s->source->key_type, e->key);
        if (e->cpu >= 0)
            eu_out_format(out, ",\"cpu\":%d", e->cpu);
        eu_out_text(out, ",\"value\":");
        eu_element_json(&s->show, out, s->source->value_type, e->value);
        eu_out_text(out, "}\n");
    }
}

/* Tables. */

struct cell_list {
    struct eu_out text;
    uint32_t *ends;
    size_t count, room;
};

static void end_cell(struct cell_list *c) {
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 1024;
        uint32_t *larger = realloc(c->ends, room * sizeof(*larger));
        if (!larger) {
            c->text.failed = 1;
            return;
        }
        c->ends = larger;
        c->room = room;
    }
    c->ends[c->count++] = (uint32_t)c->text.used;
}

struct column {
    const struct eu_plan_member *member; /* NULL: the whole value, or the CPU */
    uint32_t type, offset;
    const char *name;
    int in_value, is_cpu, right;
    size_t width;
};

struct columns {
    struct column at[64];
    int count;
};

static int is_number(const struct eu_plan_type *type) {
    return type->kind == EU_UINT || type->kind == EU_INT || type->kind == EU_FLOAT || type->kind == EU_POINTER;
}

static void add_column(const struct eu_sample *s, struct columns *c, struct column column) {
    if (c->count < (int)(sizeof(c->at) / sizeof(c->at[0]))) {
        const struct eu_plan_type *type = type_at(s, column.type);
        int decoder = column.member && column.member->decoder ? column.member->decoder : type->decoder;
        int is_word = decoder > EU_HEX && decoder != EU_PORT && decoder != EU_DURATION_NS && decoder != EU_DURATION_US;
        column.right = column.is_cpu || (is_number(type) && (!is_word || s->show.format.raw_values));
        c->at[c->count++] = column;
    }
}

static void add_columns(const struct eu_sample *s, struct columns *c, uint32_t index, uint32_t offset, int in_value, int outermost) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, index);
    if (type->kind != EU_STRUCT && !(type->kind == EU_UNION && !outermost)) {
        add_column(s, c,
                   (struct column){.type = index, .in_value = in_value, .name = in_value ? is_number(type) ? "count" : "value" : "key"});
        return;
    }
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const struct eu_plan_type *of = &plan->types[member->type];
        if (member->name)
            add_column(s, c,
                       (struct column){.member = member,
                                       .type = member->type,
                                       .offset = offset,
                                       .in_value = in_value,
                                       .name = plan_string(plan, member->name)});
        else if (of->kind == EU_STRUCT || of->kind == EU_UNION)
            add_columns(s, c, member->type, offset + member->bit_offset / 8, in_value, 0);
    }
}

static void put_cell(const struct eu_sample *s, struct eu_out *out, const struct column *c, const struct element *e) {
    const uint8_t *p = (c->in_value ? e->value : e->key) + c->offset;
    if (c->is_cpu)
        eu_out_format(out, "%d", e->cpu);
    else if (c->member)
        eu_member_text(&s->show, out, c->member, p);
    else
        eu_value_text(&s->show, out, c->type, p, p + type_at(s, c->type)->size, 0);
}

static size_t columns_of(const char *text, size_t size) {
    size_t columns = size;
    for (size_t i = 0; i < size; i++)
        columns -= ((uint8_t)text[i] & 0xc0) == 0x80;
    return columns;
}

static void put_padded(struct eu_out *out, const struct column *c, const char *text, size_t size, int last) {
    long missing = (long)c->width - (long)columns_of(text, size);
    if (c->right)
        eu_out_pad(out, missing);
    eu_out_put(out, text, size);
    if (!c->right && !last)
        eu_out_pad(out, missing);
    eu_out_text(out, last ? "\n" : "  ");
}

/* The number by which rows are sorted: the value, or its first number. */
static int64_t order_of(const struct eu_sample *s, const uint8_t *value) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, s->source->value_type);
    if ((type->kind == EU_UINT || type->kind == EU_INT) && type->size <= 8)
        return eu_scalar(type, value);
    if (type->kind == EU_STRUCT)
        for (uint32_t i = type->first; i < type->first + type->count; i++) {
            const struct eu_plan_type *of = &plan->types[plan->members[i].type];
            if ((of->kind == EU_UINT || of->kind == EU_INT) && of->size <= 8 && !plan->members[i].bit_size)
                return eu_scalar(of, value + plan->members[i].bit_offset / 8);
        }
    return 0;
}

static int by_order(const void *a, const void *b, void *context) {
    const struct element *left = a, *right = b;
    const struct eu_sample *s = context;
    if (left->order != right->order)
        return left->order < right->order ? 1 : -1;
    int order = memcmp(left->key, right->key, s->info.key_size);
    return order ? order : left->cpu - right->cpu;
}

static void upper_name(char *out, size_t room, const char *name) {
    size_t i = 0;
    for (; name[i] && i + 1 < room; i++)
        out[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i] < 32 || name[i] > 126 ? '?' : name[i]);
    out[i] = 0;
}

static void table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    struct columns columns = {.count = 0};
    struct cell_list cells = {.count = 0};
    char name[CELL_LIMIT];
    for (size_t i = 0; i < s->nr_elements; i++)
        s->elements[i].order = order_of(s, s->elements[i].value);
    qsort_r(s->elements, s->nr_elements, sizeof(*s->elements), by_order, s);
    add_columns(s, &columns, s->source->key_type, 0, 0, 1);
    if (s->cpus && s->show.format.per_cpu)
        add_column(s, &columns, (struct column){.type = s->source->key_type, .is_cpu = 1, .name = "cpu"});
    add_columns(s, &columns, s->source->value_type, 0, 1, 1);
    for (int c = 0; c < columns.count; c++)
        columns.at[c].width = strnlen(columns.at[c].name, CELL_LIMIT - 1);
    for (size_t i = 0; i < s->nr_elements; i++)
        for (int c = 0; c < columns.count; c++) {
            size_t start = cells.text.used;
            put_cell(s, &cells.text, &columns.at[c], &s->elements[i]);
            end_cell(&cells);
            size_t width = columns_of(cells.text.data + start, cells.text.used - start);
            if (width > columns.at[c].width)
                columns.at[c].width = width;
        }
    if (time_size) {
        eu_out_put(out, time, time_size);
        eu_out_char(out, '\n');
    } else if (s->headed) {
        eu_out_char(out, '\n');
    }
    s->headed = 1;
    if (s->named)
        eu_out_format(out, "%s\n", s->info.name);
    for (int c = 0; c < columns.count && s->show.format.header; c++) {
        upper_name(name, sizeof(name), columns.at[c].name);
        put_padded(out, &columns.at[c], name, strlen(name), c + 1 == columns.count);
    }
    for (size_t i = 0, start = 0; !cells.text.failed && i < cells.count; start = cells.ends[i++])
        put_padded(out, &columns.at[i % (size_t)columns.count], cells.text.data + start, cells.ends[i] - start,
                   (int)(i % (size_t)columns.count) + 1 == columns.count);
    if (cells.text.failed)
        out->failed = 1;
    eu_out_free(&cells.text);
    free(cells.ends);
}

static void compatible_names(const struct eu_sample *s, struct eu_out *out, uint32_t index) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, index);
    char name[CELL_LIMIT];
    uint32_t count = type->kind == EU_STRUCT ? type->count : 1;
    for (uint32_t i = 0; i < count; i++) {
        upper_name(name, sizeof(name), plan_string(plan, type->kind == EU_STRUCT ? plan->members[type->first + i].name : type->name));
        eu_out_format(out, "%-6s ", name);
    }
}

static void compatible_table(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    if (!s->headed) {
        eu_out_text(out, "TIME     ");
        compatible_names(s, out, s->source->key_type);
        compatible_names(s, out, s->source->value_type);
        eu_out_char(out, '\n');
        s->headed = 1;
    }
    for (size_t i = 0; i < s->nr_elements; i++) {
        eu_out_put(out, time, time_size);
        eu_element_json(&s->show, out, s->source->key_type, s->elements[i].key);
        eu_out_char(out, ' ');
        eu_element_json(&s->show, out, s->source->value_type, s->elements[i].value);
        eu_out_char(out, '\n');
    }
}

/* Histograms. Their slots are an array in the value, or elements of their own whose key has the slot's index. */

struct shape {
    const struct eu_plan_type *slot;       /* of one slot in the value */
    uint32_t slots, offset;                /* slots in the value: how many, where */
    const struct eu_plan_member *in_value; /* the member that holds them, NULL: the value is the array */
    const struct eu_plan_member *bucket;   /* slots are elements: the key's member, NULL: the whole key */
    const struct eu_plan_type *bucket_type;
};

static int is_slots(const struct eu_plan *plan, const struct eu_plan_type *type) {
    return type->kind == EU_ARRAY && type->count && plan->types[type->first].size <= 8 &&
           (plan->types[type->first].kind == EU_UINT || plan->types[type->first].kind == EU_INT);
}

static int find_slots(const struct eu_sample *s, struct shape *shape) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *value = type_at(s, s->source->value_type);
    int named = plan_member(plan, s->source->value_type, "slots");
    if (is_slots(plan, value)) {
        *shape = (struct shape){.slot = &plan->types[value->first], .slots = value->count};
        return 1;
    }
    for (uint32_t i = 0; value->kind == EU_STRUCT && i < value->count; i++) {
        const struct eu_plan_member *member = &plan->members[value->first + i];
        if (!is_slots(plan, &plan->types[member->type]) || (named >= 0 && i != (uint32_t)named))
            continue;
        const struct eu_plan_type *array = &plan->types[member->type];
        *shape =
            (struct shape){.slot = &plan->types[array->first], .slots = array->count, .offset = member->bit_offset / 8, .in_value = member};
        return 1;
    }
    return 0;
}

static int is_integer(const struct eu_plan_type *type) {
    return (type->kind == EU_UINT || type->kind == EU_INT) && type->size <= 8;
}

static int find_bucket(const struct eu_sample *s, struct shape *shape) {
    static const char *const names[] = {"slot", "bucket", "bin", "index", "idx"};
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *key = type_at(s, s->source->key_type), *value = type_at(s, s->source->value_type);
    if (!is_integer(value))
        return 0;
    if (is_integer(key)) {
        *shape = (struct shape){.bucket_type = key};
        return 1;
    }
    for (uint32_t i = 0; key->kind == EU_STRUCT && i < key->count; i++) {
        const struct eu_plan_member *member = &plan->members[key->first + i];
        if (!is_integer(&plan->types[member->type]) || member->bit_size)
            continue;
        *shape = (struct shape){.bucket = member, .bucket_type = &plan->types[member->type]};
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            if (!strcmp(plan_string(plan, member->name), names[n]))
                return 1; /* else the last integer */
    }
    return shape->bucket != NULL;
}

static void heading_part(const struct eu_sample *s, struct eu_out *out, uint32_t index, const uint8_t *p, const struct eu_plan_member *but,
                         int *count) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = type_at(s, index);
    for (uint32_t i = type->first; i < type->first + type->count; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        if (member == but || !member->name)
            continue;
        eu_out_format(out, "%s%s = ", (*count)++ ? ", " : "", plan_string(plan, member->name));
        eu_member_text(&s->show, out, member, p);
    }
}

static void heading(const struct eu_sample *s, struct eu_out *out, const struct element *e, const struct shape *shape) {
    const struct eu_plan_type *key = type_at(s, s->source->key_type), *value = type_at(s, s->source->value_type);
    int count = 0;
    if (key->kind == EU_STRUCT)
        heading_part(s, out, s->source->key_type, e->key, shape->bucket, &count);
    else if (shape->slot && !(s->is_array && s->info.max_entries == 1)) {
        eu_out_format(out, "%s = ", "key");
        eu_value_text(&s->show, out, s->source->key_type, e->key, e->key + key->size, 0);
        count++;
    }
    if (shape->in_value && value->kind == EU_STRUCT)
        heading_part(s, out, s->source->value_type, e->value, shape->in_value, &count);
    if (e->cpu >= 0)
        eu_out_format(out, "%scpu = %d", count++ ? ", " : "", e->cpu);
    if (count)
        eu_out_char(out, '\n');
}

/* The first system's heading: "key =" and each field behind a space, then the value's other fields. */
static void compatible_heading(const struct eu_sample *s, struct eu_out *out, const struct element *e, const struct shape *shape) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *key = type_at(s, s->source->key_type), *value = type_at(s, s->source->value_type);
    eu_out_text(out, "key = ");
    if (key->kind == EU_STRUCT)
        for (uint32_t i = key->first; i < key->first + key->count; i++) {
            eu_out_char(out, ' ');
            eu_member_text(&s->show, out, &plan->members[i], e->key);
        }
    else {
        eu_out_char(out, ' ');
        eu_value_text(&s->show, out, s->source->key_type, e->key, e->key + key->size, 0);
    }
    eu_out_char(out, '\n');
    for (uint32_t i = value->first; value->kind == EU_STRUCT && i < value->first + value->count; i++) {
        if (&plan->members[i] == shape->in_value)
            continue;
        eu_out_format(out, "%s = ", plan_string(plan, plan->members[i].name));
        eu_member_text(&s->show, out, &plan->members[i], e->value);
        eu_out_char(out, '\n');
    }
    eu_out_char(out, '\n');
}

static void draw(const struct eu_sample *s, struct eu_out *out, const uint64_t *slots, size_t count) {
    const char *unit = plan_string(s->show.plan, s->source->unit);
    if (!*unit)
        unit = s->show.format.compat ? "(unit)" : "value";
    if (s->source->style == EU_LOG2_HIST)
        eu_log2_histogram(out, slots, count, unit);
    else
        eu_linear_histogram(out, slots, count, unit);
}

static int by_key(const void *a, const void *b, void *context) {
    const struct element *left = a, *right = b;
    int order = memcmp(left->key, right->key, ((const struct eu_sample *)context)->info.key_size);
    return order ? order : left->cpu - right->cpu;
}

static uint64_t *slots_of(const struct eu_sample *s, const struct shape *shape, const uint8_t *value) {
    uint64_t *slots = calloc(shape->slots + 1ul, sizeof(*slots));
    (void)s;
    for (uint32_t i = 0; slots && i < shape->slots; i++) {
        int64_t count = eu_scalar(shape->slot, value + shape->offset + (size_t)i * shape->slot->size);
        slots[i] = count < 0 ? 0 : (uint64_t)count;
    }
    return slots;
}

static void value_histograms(struct eu_sample *s, struct eu_out *out, const struct shape *shape) {
    qsort_r(s->elements, s->nr_elements, sizeof(*s->elements), by_key, s);
    for (size_t i = 0; i < s->nr_elements; i++) {
        const struct element *e = &s->elements[i];
        uint64_t *slots = slots_of(s, shape, e->value);
        if (!slots) {
            out->failed = 1;
            return;
        }
        if (s->show.format.compat) {
            compatible_heading(s, out, e, shape);
            draw(s, out, slots, shape->slots);
            eu_out_char(out, '\n');
        } else {
            size_t before = out->used;
            heading(s, out, e, shape);
            size_t headed = out->used;
            draw(s, out, slots, shape->slots);
            if (out->used == headed)
                out->used = before; /* all slots are 0 */
            else
                eu_out_char(out, '\n');
        }
        free(slots);
    }
}

static int64_t bucket_of(const struct shape *shape, const uint8_t *key) {
    return eu_scalar(shape->bucket_type, key + (shape->bucket ? shape->bucket->bit_offset / 8 : 0));
}

struct grouping {
    const struct eu_sample *s;
    const struct shape *shape;
};

/* Whether two keys differ in more than the slot; its sign orders them. */
static int compare_groups(const struct grouping *g, const struct element *left, const struct element *right) {
    size_t size = g->s->info.key_size, at = g->shape->bucket ? g->shape->bucket->bit_offset / 8 : 0, width = g->shape->bucket_type->size;
    int order = memcmp(left->key, right->key, at);
    if (!order)
        order = memcmp(left->key + at + width, right->key + at + width, size - at - width);
    return order ? order : left->cpu - right->cpu;
}

static int by_group(const void *a, const void *b, void *context) {
    const struct element *left = a, *right = b;
    const struct grouping *g = context;
    int order = compare_groups(g, left, right);
    int64_t x = bucket_of(g->shape, left->key), y = bucket_of(g->shape, right->key);
    return order ? order : (x > y) - (x < y);
}

static void draw_group(struct eu_sample *s, struct eu_out *out, const struct shape *shape, const struct element *first, size_t count) {
    const struct eu_plan_type *value = type_at(s, s->source->value_type);
    int log2 = s->source->style == EU_LOG2_HIST;
    uint64_t *values = calloc(2 * (count + SLOTS_LIMIT), sizeof(*values));
    if (!values) {
        out->failed = 1;
        return;
    }
    uint64_t *counts = values + count, last = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t bucket = bucket_of(shape, first[i].key);
        bucket = bucket < 0 ? 0 : bucket;
        values[i] = log2 && bucket > 63 ? 63 : (uint64_t)bucket;
        last = values[i] > last ? values[i] : last;
    }
    if (last < SLOTS_LIMIT && (log2 || last - values[0] < 4 * count + 64)) {
        uint64_t *slots = counts + count;
        for (size_t i = 0; i < count; i++)
            slots[values[i]] += (uint64_t)eu_scalar(value, first[i].value);
        draw(s, out, slots, last + 1);
    } else {
        const char *unit = plan_string(s->show.plan, s->source->unit);
        for (size_t i = 0; i < count; i++)
            counts[i] = (uint64_t)eu_scalar(value, first[i].value);
        eu_sparse_histogram(out, values, counts, count, *unit ? unit : "value");
    }
    free(values);
}

static void key_histograms(struct eu_sample *s, struct eu_out *out, const struct shape *shape) {
    struct grouping g = {s, shape};
    qsort_r(s->elements, s->nr_elements, sizeof(*s->elements), by_group, &g);
    for (size_t i = 0, next; i < s->nr_elements; i = next) {
        for (next = i + 1; next < s->nr_elements && !compare_groups(&g, &s->elements[i], &s->elements[next]); next++)
            ;
        size_t before = out->used;
        heading(s, out, &s->elements[i], shape);
        size_t headed = out->used;
        draw_group(s, out, shape, &s->elements[i], next - i);
        if (out->used == headed)
            out->used = before;
        else
            eu_out_char(out, '\n');
    }
}

static int histograms(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    struct shape shape = {0};
    int in_value = find_slots(s, &shape);
    if (!in_value && !find_bucket(s, &shape))
        return eu_fail(EINVAL, "histogram of map %s: its value has no array of slots, and its key no slot's index", s->info.name);
    if (time_size && !s->show.format.compat) {
        eu_out_put(out, time, time_size);
        eu_out_char(out, '\n');
    }
    if (s->named && !s->show.format.compat)
        eu_out_format(out, "%s\n", s->info.name);
    if (in_value)
        value_histograms(s, out, &shape);
    else
        key_histograms(s, out, &shape);
    return 0;
}

static int traces(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size) {
    for (size_t i = 0; i < s->nr_elements; i++)
        s->elements[i].order = order_of(s, s->elements[i].value);
    qsort_r(s->elements, s->nr_elements, sizeof(*s->elements), by_order, s);
    for (size_t i = s->nr_elements; i-- > 0;) { /* the largest last, where a terminal shows it */
        int err =
            eu_stacks_show(s->stacks, out, time, time_size, s->elements[i].key, s->info.key_size, s->elements[i].value, s->info.value_size);
        if (err < 0)
            return err;
    }
    eu_stacks_finish(s->stacks, out);
    return 0;
}

static void raw(struct eu_sample *s, struct eu_out *out) {
    for (size_t i = 0; i < s->nr_elements; i++) {
        eu_out_put(out, s->elements[i].key, s->info.key_size);
        eu_out_put(out, s->elements[i].value, s->info.value_size);
    }
}

int eu_sample_seen(const struct eu_sample *s) {
    return s->seen;
}

long eu_sample_print(struct eu_sample *s, struct eu_out *out, const char *time, size_t time_size, int named) {
    int err = read_map(s);
    if (!err)
        err = make_elements(s);
    if (err)
        return err;
    if (!s->nr_elements && s->several && !s->show.format.compat) /* of several maps only those that hold something are shown */
        return 0;
    s->named = named;
    s->seen |= s->nr_elements > 0;
    if (!s->nr_elements && !s->show.format.compat && !s->stacks)
        return 0;
    if (s->show.format.format == 2)
        raw(s, out);
    else if (s->stacks)
        err = traces(s, out, time, time_size);
    else if (s->show.format.format == 1)
        json_lines(s, out, time, time_size);
    else if (s->source->style == EU_PLAIN && s->show.format.compat)
        compatible_table(s, out, time, time_size);
    else if (s->source->style == EU_PLAIN)
        table(s, out, time, time_size);
    else
        err = histograms(s, out, time, time_size);
    if (err)
        return err;
    if (s->clear)
        clear(s);
    long shown = (long)s->nr_elements;
    if (s->room_keys * s->stride > KEEP) { /* a large map's copy is not kept between intervals */
        free(s->keys);
        free(s->values);
        free(s->sums);
        free(s->elements);
        s->keys = s->values = s->sums = NULL;
        s->elements = NULL;
        s->room_keys = s->room_elements = 0;
    }
    return shown;
}

/* A source's view: a layout for each of its record types, and which of them a record is. */
#include "view.h"
#include "error.h"
#include "layout.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>

/* The members of all record types of the run, not of this source alone: one header for all rows. */
static int unite_columns(struct eu_view *v) {
    const struct eu_plan *plan = v->show.plan;
    for (uint32_t i = 0; i < plan->header.nr_sources && !v->csv.failed; i++) {
        const struct eu_plan_source *source = &plan->sources[i];
        for (uint32_t r = 0; r < source->nr_records && source->kind != EU_SAMPLE && !v->csv.failed; r++) {
            struct eu_columns columns = {0};
            if (v->fields)
                eu_columns_listed(plan, plan->records[source->first_record + r].type, v->fields, &columns);
            else
                eu_columns_all(plan, plan->records[source->first_record + r].type, EU_COLUMNS_DEEP, &columns);
            if (columns.count + v->csv.count > 2 * EU_COLUMNS_LIMIT) {
                eu_columns_free(&columns);
                return eu_fail(E2BIG, "render: more than %d columns [choose some: --fields]", EU_COLUMNS_LIMIT);
            }
            eu_columns_unite(&v->csv, &columns);
            eu_columns_free(&columns);
        }
    }
    return v->csv.failed ? eu_fail(ENOMEM, "render: out of memory") : 0;
}

/* Whether any line of the run has a field of this name, so that nothing else may be called so. */
static int is_taken(const struct eu_plan *plan, const char *fields, const char *name) {
    struct eu_field field;
    size_t size, length = strlen(name);
    int is_chosen = fields != NULL;
    for (const char *path; fields && (path = eu_next_path(&fields, &size));)
        if (size == length && !memcmp(path, name, size))
            return 1;
    for (uint32_t i = 0; i < plan->header.nr_sources && !is_chosen; i++)
        for (uint32_t r = 0; r < plan->sources[i].nr_records && plan->sources[i].kind != EU_SAMPLE; r++)
            if (eu_field_find(plan, plan->records[plan->sources[i].first_record + r].type, name, length, &field))
                return 1;
    return 0;
}

static const char *type_name(const struct eu_plan *plan, uint32_t record) {
    return plan_string(plan, plan->types[plan->records[record].type].name);
}

/* Of how many kinds the run's events are: told apart by their types, or where all types have one name by their maps. */
static enum kinds kinds_of(const struct eu_plan *plan) {
    const char *first = NULL;
    int sources = 0, types = 0;
    for (uint32_t i = 0; i < plan->header.nr_sources; i++) {
        const struct eu_plan_source *source = &plan->sources[i];
        if (source->kind == EU_SAMPLE || !source->nr_records)
            continue;
        sources++;
        first = first ? first : type_name(plan, source->first_record);
        for (uint32_t r = 0; r < source->nr_records; r++)
            types += strcmp(type_name(plan, source->first_record + r), first) != 0;
    }
    return types ? KINDS_BY_TYPE : sources > 1 ? KINDS_BY_MAP : ONE_KIND;
}

static const char *kind_name(const struct eu_view *v, uint32_t type) {
    const struct eu_plan *plan = v->show.plan;
    const char *name = plan_string(plan, plan->types[type].name);
    return *name && v->kinds == KINDS_BY_TYPE ? name : plan_string(plan, v->source->map);
}

static int make_layouts(struct eu_view *v) {
    size_t longest = 5, largest = 1;
    for (int i = 0; i < v->nr_layouts && v->kinds; i++) {
        size_t size = strlen(kind_name(v, v->records[i].type));
        longest = size > longest ? size : longest;
    }
    for (int i = 0; i < v->nr_layouts; i++) {
        uint32_t type = v->records[i].type;
        if (eu_layout_make(v, &v->layouts[i], type, v->kinds ? kind_name(v, type) : NULL, longest > 32 ? 32 : longest))
            return eu_fail(ENOMEM, "render: more than %d fields, or out of memory", MOST_OPS);
        largest = v->layouts[i].size > largest ? v->layouts[i].size : largest;
    }
    v->scratch = malloc(largest);
    return v->scratch ? 0 : eu_fail(ENOMEM, "render: out of memory");
}

static int open_view(struct eu_view *v, const struct eu_format *format, int name_types) {
    const struct eu_plan *plan = v->show.plan;
    v->layouts = calloc(v->nr_layouts + 1, sizeof(*v->layouts));
    if (format->fields && *format->fields && format->format != 3)
        v->fields = strdup(format->fields);
    if (!v->layouts || (format->fields && *format->fields && format->format != 3 && !v->fields))
        return eu_fail(ENOMEM, "render: out of memory");
    v->event_key = is_taken(plan, v->fields, "event") ? "$event" : "event";
    v->has_ts = is_taken(plan, v->fields, "ts");
    v->kinds = format->compat || !name_types || (v->form == FORM_JSON && !format->event_names) ? ONE_KIND : kinds_of(plan);
    if ((v->form == FORM_CSV && unite_columns(v)) || make_layouts(v))
        return -eu_errno();
    if (v->source->style != EU_STACKS || !v->nr_layouts || !v->layouts[0].is_object || v->fields || v->form == FORM_CSV)
        return 0;
    v->stacks = eu_stacks_new(&v->show, v->source);
    return v->stacks ? 0 : eu_fail(ENOMEM, "render: out of memory");
}

struct eu_view *eu_view_new(const struct eu_plan *plan, int source, const struct eu_format *format, int name_types) {
    if (source < 0 || (uint32_t)source >= plan->header.nr_sources)
        return eu_fail_null(EINVAL, "render: source %d of %u", source, plan->header.nr_sources);
    struct eu_view *v = calloc(1, sizeof(*v));
    if (!v)
        return eu_fail_null(ENOMEM, "render: out of memory");
    v->show = (struct eu_show){.plan = plan, .format = *format};
    v->form = format->format == 1 ? FORM_JSON : format->format == 4 ? FORM_CSV : FORM_TEXT;
    v->source = &plan->sources[source];
    v->records = plan->records + v->source->first_record;
    v->nr_layouts = v->source->kind == EU_SAMPLE ? 0 : (int)v->source->nr_records;
    if (!open_view(v, format, name_types))
        return v;
    eu_view_free(v);
    return NULL;
}

void eu_view_free(struct eu_view *v) {
    if (!v)
        return;
    for (int i = 0; i < v->nr_layouts && v->layouts; i++) {
        for (struct words *next, *words = v->layouts[i].words; words; words = next) {
            next = words->next;
            free(words);
        }
        free(v->layouts[i].ops);
        eu_out_free(&v->layouts[i].pending);
        eu_out_free(&v->layouts[i].header);
    }
    eu_stacks_free(v->stacks);
    eu_columns_free(&v->csv);
    free(v->fields);
    free(v->layouts);
    free(v->scratch);
    free(v);
}

void eu_view_use(struct eu_view *v, struct eu_object *object) {
    if (v->stacks)
        eu_stacks_use(v->stacks, object);
}

void eu_view_finish(struct eu_view *v, struct eu_out *out) {
    if (v->stacks)
        eu_stacks_finish(v->stacks, out);
}

int eu_view_types(const struct eu_view *v) {
    return v->nr_layouts;
}

static int matches(const struct eu_view *v, int i, const uint8_t *record, size_t size) {
    const struct eu_plan_record *r = &v->records[i];
    uint64_t value = 0;
    if (size < v->layouts[i].min_size)
        return 0;
    if (r->flags & EU_MATCH_VALUE) {
        if ((uint64_t)r->value_offset + r->value_size > size)
            return 0;
        memcpy(&value, record + r->value_offset, r->value_size);
        uint64_t mask = r->value_size < 8 ? (1ull << 8 * r->value_size) - 1 : ~0ull;
        if (value != (r->value & mask))
            return 0;
    }
    if (r->flags & EU_MATCH_SIZE) {
        size_t whole = v->layouts[i].size;
        if (v->show.plan->flexible[r->type])
            return size >= whole;
        /* the kernel pads what goes through a perf buffer so that it and its 4-byte length fill 8-byte words */
        return size == whole || (v->source->kind == EU_PERF && size == ((whole + 4 + 7) & ~(size_t)7) - 4);
    }
    return 1;
}

int eu_view_match(const struct eu_view *v, const uint8_t *record, size_t size) {
    if (v->nr_layouts == 1 && !v->records[0].flags)
        return size >= v->layouts[0].min_size ? 0 : -1;
    for (int i = 0; i < v->nr_layouts; i++)
        if (matches(v, i, record, size)) {
            int first = 0; /* a type may stand in the list twice, by its size and for what else comes */
            while (v->records[first].type != v->records[i].type || size < v->layouts[first].min_size)
                first++;
            return first;
        }
    return -1;
}

static void csv_header(const struct eu_view *v, struct eu_out *out) {
    const char *time = !v->show.format.time ? "" : v->has_ts ? "_ts" : "ts";
    eu_out_format(out, "%s%s", time, *time && (v->kinds || v->csv.count) ? "," : "");
    eu_out_format(out, "%s%s", v->kinds ? v->event_key : "", v->kinds && v->csv.count ? "," : "");
    for (size_t i = 0; i < v->csv.count; i++) {
        const char *title = eu_column_title(&v->csv, i);
        char *w = eu_out_room(out, strlen(title) * EU_TEXT_GROWTH + EU_STRING_SLACK + 3);
        if (!w)
            return;
        w = eu_csv_string(w, (const uint8_t *)title, strlen(title));
        *w++ = i + 1 < v->csv.count ? ',' : '\n';
        out->used = w - out->data;
    }
    if (!v->csv.count)
        eu_out_char(out, '\n');
}

void eu_view_header(const struct eu_view *v, struct eu_out *out, int match) {
    if (v->form == FORM_CSV)
        csv_header(v, out);
    else if (v->form == FORM_TEXT && match >= 0 && match < v->nr_layouts && !(v->stacks && match == 0))
        eu_out_put(out, v->layouts[match].header.data, v->layouts[match].header.used);
}

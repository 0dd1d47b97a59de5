#include "selection.h"
#include <stdlib.h>

enum { TITLE_LIMIT = 512 };

static void add(struct eu_columns *c, const struct eu_field *field, const char *title, size_t size, int is_absent) {
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 16;
        struct eu_column *larger = realloc(c->at, room * sizeof(*larger));
        if (!larger) {
            c->failed = 1;
            return;
        }
        c->at = larger;
        c->room = room;
    }
    c->at[c->count++] = (struct eu_column){*field, (uint32_t)c->titles.used, (uint8_t)is_absent};
    eu_out_put(&c->titles, title, size);
    eu_out_char(&c->titles, 0);
    c->failed |= c->titles.failed;
}

static int is_group(const struct eu_plan_type *type) {
    return type->kind == EU_STRUCT || type->kind == EU_UNION;
}

/* `title` holds the path of the struct, `at` bytes of it. */
static void add_members(const struct eu_plan *plan, uint32_t index, uint32_t offset, enum eu_columns_of which, char *title, size_t at,
                        struct eu_columns *c) {
    const struct eu_plan_type *type = &plan->types[index];
    for (uint32_t i = type->first; i < type->first + type->count && !c->failed; i++) {
        const struct eu_plan_member *member = &plan->members[i];
        const struct eu_plan_type *of = &plan->types[member->type];
        const char *name = plan_string(plan, member->name);
        size_t length = strlen(name);
        if (at + length + 2 > TITLE_LIMIT)
            length = TITLE_LIMIT - 2 - at;
        memcpy(title + at, name, length);
        uint32_t place = offset + member->bit_offset / 8;
        int is_plain = is_group(of) && !member->decoder && !of->decoder;
        int opens = *name ? is_plain && which == EU_COLUMNS_DEEP && c->count < EU_COLUMNS_LIMIT : is_group(of) && which != EU_COLUMNS_NAMED;
        if (opens) {
            if (*name)
                title[at + length++] = '.';
            add_members(plan, member->type, place, which, title, at + length, c);
        } else if (*name) {
            struct eu_field field = {.type = member->type,
                                     .offset = place,
                                     .bit_offset = member->bit_offset % 8,
                                     .bit_size = member->bit_size,
                                     .decoder = member->decoder ? member->decoder : of->decoder,
                                     .name = name};
            add(c, &field, title, at + length, 0);
        }
    }
}

void eu_columns_all(const struct eu_plan *plan, uint32_t type, enum eu_columns_of which, struct eu_columns *columns) {
    char title[TITLE_LIMIT];
    struct eu_field whole = {.type = type, .decoder = plan->types[type].decoder, .name = "value"};
    if (is_group(&plan->types[type]))
        add_members(plan, type, 0, which, title, 0, columns);
    else
        add(columns, &whole, "value", 5, 0);
}

void eu_columns_listed(const struct eu_plan *plan, uint32_t type, const char *list, struct eu_columns *columns) {
    const char *path;
    size_t size;
    while ((path = eu_next_path(&list, &size)) && !columns->failed) {
        struct eu_field field = {.name = ""};
        int given = 0;
        for (size_t i = 0; i < columns->count && !given; i++)
            given = strlen(eu_column_title(columns, i)) == size && !memcmp(eu_column_title(columns, i), path, size);
        if (!given) {
            int found = eu_field_find(plan, type, path, size, &field);
            add(columns, &field, path, size, !found);
        }
    }
}

const struct eu_column *eu_columns_find(const struct eu_columns *columns, const char *title, size_t hint) {
    if (hint < columns->count && !strcmp(eu_column_title(columns, hint), title))
        return &columns->at[hint];
    for (size_t i = 0; i < columns->count; i++)
        if (!strcmp(eu_column_title(columns, i), title))
            return &columns->at[i];
    return NULL;
}

void eu_columns_unite(struct eu_columns *columns, const struct eu_columns *more) {
    for (size_t i = 0; i < more->count && !columns->failed && !more->failed; i++) {
        const char *title = eu_column_title(more, i);
        if (!eu_columns_find(columns, title, i))
            add(columns, &more->at[i].field, title, strlen(title), 0);
    }
    columns->failed |= more->failed;
}

void eu_columns_free(struct eu_columns *columns) {
    free(columns->at);
    eu_out_free(&columns->titles);
    *columns = (struct eu_columns){0};
}

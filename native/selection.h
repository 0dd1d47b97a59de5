/* What stands in a row: the fields of a record type, all or those of a list, with their titles. */
#ifndef EUNOMIA_SELECTION_H
#define EUNOMIA_SELECTION_H
#include "fields.h"
#include "out.h"

struct eu_column {
    struct eu_field field;
    uint32_t title;    /* in `titles` */
    uint8_t is_absent; /* a path of the list that this type has no field for */
};
struct eu_columns {
    struct eu_column *at;
    size_t count, room;
    struct eu_out titles;
    int failed; /* out of memory */
};
enum eu_columns_of {
    EU_COLUMNS_TOP,   /* members of the record, those of anonymous members among them */
    EU_COLUMNS_NAMED, /* anonymous members left out */
    EU_COLUMNS_DEEP,  /* structs within it opened: "a.b" */
};
enum { EU_COLUMNS_LIMIT = 1024 }; /* where structs are no longer opened */

static inline const char *eu_column_title(const struct eu_columns *columns, size_t i) {
    return columns->titles.data + columns->at[i].title;
}
/* Append the fields of a type, one called "value" where it is no struct. */
void eu_columns_all(const struct eu_plan *plan, uint32_t type, enum eu_columns_of which, struct eu_columns *columns);
/* Append the fields of a list of paths, each once, under the paths as they are written. */
void eu_columns_listed(const struct eu_plan *plan, uint32_t type, const char *list, struct eu_columns *columns);
/* Append what is in `more` and not yet in `columns`, by title. */
void eu_columns_unite(struct eu_columns *columns, const struct eu_columns *more);
/* The column of a title, or NULL; `hint` is where it probably is. */
const struct eu_column *eu_columns_find(const struct eu_columns *columns, const char *title, size_t hint);
void eu_columns_free(struct eu_columns *columns);
#endif

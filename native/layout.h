/* A record type as a list of operations: made by layout.c, walked by view.c. */
#ifndef EUNOMIA_LAYOUT_H
#define EUNOMIA_LAYOUT_H
#include "number.h"
#include "out.h"
#include "selection.h"
#include "stack.h"
#include "view.h"

enum { PREFIX = 32, OPS_LIMIT = 2048, MOST_OPS = 1 << 16, PAD = 32, WIDEST_COLUMN = 32 };

enum code {
    LITERAL,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    BOOL,
    STRING,
    TEXT,
    CELL,
    FLOAT32,
    FLOAT64,
    HEX,
    IP4,
    IP6,
    IP,
    WORD,
    NUMBER,
    BITS,
    VALUE
};
enum kinds { ONE_KIND, KINDS_BY_TYPE, KINDS_BY_MAP };
enum form { FORM_TEXT, FORM_JSON, FORM_CSV };

struct op {
    uint8_t code, prefix_size, column_set, is_beyond /* there only where the record is long enough */;
    uint8_t bit_size, bit_offset;
    uint16_t decoder, column;
    uint32_t offset, size, type;
    uint32_t family;     /* IP: where the family is */
    struct words *words; /* WORD */
    char prefix[PREFIX];
    struct eu_digits last; /* U64 */
};

/* What values of a field look like, as far as they came up: of an enum, or of a decoder that needs nothing but the number. */
enum { WORDS_LIMIT = 256, WORD_SIZE = 48, TABLES_LIMIT = 64 /* of a layout */ };
struct words {
    struct words *next;
    uint64_t first;            /* the first value of the table; below 0 for signed types */
    uint8_t size[WORDS_LIMIT]; /* 0: not rendered yet */
    char text[WORDS_LIMIT][WORD_SIZE];
};

struct layout {
    struct words *words; /* all of its operations */
    int nr_words;
    struct op *ops;
    size_t nr_ops, room_ops;
    size_t bound;          /* bytes that all plain operations can write */
    size_t size, min_size; /* of a record; shorter ones end within the last member */
    uint32_t type;
    int is_object;
    struct eu_out pending; /* JSON, CSV: constant bytes not in an operation yet; at the end what closes the line */
    struct eu_out header;  /* text */
};

struct eu_view {
    struct eu_show show;
    const struct eu_plan_source *source;
    const struct eu_plan_record *records;
    struct layout *layouts;
    int nr_layouts;
    enum kinds kinds;
    enum form form;
    char *fields;          /* --fields, NULL: all */
    int has_ts;            /* a field is called so already: the time is "_ts" */
    const char *event_key; /* under which lines say of which type they are */
    struct eu_columns csv; /* of all record types of the run */
    struct eu_stacks *stacks;
    uint8_t *scratch; /* a record shorter than its type, with zeroes after it */
};

static inline int has_decoder(const struct eu_view *v, int decoder) {
    return decoder && !v->show.format.raw_values && !v->show.format.compat;
}

/* The table of a field; NULL where there is none, or enough of them. */
struct words *eu_layout_words(const struct eu_view *v, struct layout *l, const struct eu_field *field);
void eu_layout_keep_word(struct words *words, uint64_t at, const char *text, size_t size);
/* Add an operation whose prefix is what is pending; NULL: out of memory. */
struct op *eu_layout_add(struct layout *l, int code);
/* Add a value. */
void eu_layout_value(struct eu_view *v, struct layout *l, const struct eu_field *field);
void eu_layout_text(struct eu_view *v, struct layout *l, const char *type_name, size_t name_width);
/* Compile a type; with a name, records say of which type they are. 0 or -ENOMEM; the caller frees in any case. */
int eu_layout_make(struct eu_view *v, struct layout *l, uint32_t type, const char *type_name, size_t name_width);
#endif

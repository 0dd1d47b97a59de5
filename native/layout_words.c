/* Words for numbers: rendered once, when a number comes first, and copied from then on. */
#include "decoders.h"
#include "layout.h"
#include <stdlib.h>

/* Of enums the numbers from 0, of decoders for signed types some below too: errors. */
enum { FIRST_SIGNED = -134 };

struct words *eu_layout_words(const struct eu_view *v, struct layout *l, const struct eu_field *field) {
    const struct eu_plan_type *type = &v->show.plan->types[field->type];
    int decodes = has_decoder(v, field->decoder);
    if (v->show.format.compat || field->bit_size || field->is_beyond || l->nr_words >= TABLES_LIMIT)
        return NULL;
    if (decodes ? !eu_decoder_is_pure(field->decoder) || !plan_is_scalar(type) || type->kind == EU_FLOAT || type->size > 8
                : type->kind != EU_ENUM)
        return NULL;
    struct words *words = calloc(1, sizeof(*words));
    if (!words)
        return NULL;
    words->first = decodes && type->kind == EU_INT ? (uint64_t)(int64_t)FIRST_SIGNED : 0;
    words->next = l->words;
    l->words = words;
    l->nr_words++;
    return words;
}

/* What takes more columns or fewer than it has bytes is not kept: rows count them. */
void eu_layout_keep_word(struct words *words, uint64_t at, const char *text, size_t size) {
    if (at >= WORDS_LIMIT || size > WORD_SIZE)
        return;
    for (size_t i = 0; i < size; i++)
        if ((signed char)text[i] < 0)
            return;
    memcpy(words->text[at], text, size);
    words->size[at] = (uint8_t)size;
}

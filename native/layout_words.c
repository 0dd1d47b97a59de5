/* Words for numbers, rendered once: a value is one copy then. */
#include "decoders.h"
#include "layout.h"
#include "text.h"
#include "value.h"
#include <stdlib.h>

/* Of enums the numbers from 0, of decoders for signed types some below too: errors. */
enum { FIRST_SIGNED = -134 };

static int is_plain(const char *text, size_t size, enum form form) {
    for (size_t i = 0; i < size; i++)
        if ((signed char)text[i] < 0x20 || text[i] == 0x7f || (form == FORM_CSV && strchr(",\"\n\r", text[i])))
            return 0;
    return size && !(form == FORM_CSV && (text[0] == ' ' || text[size - 1] == ' '));
}

static void fill(const struct eu_view *v, struct words *words, const struct eu_field *field, struct eu_out *out) {
    int text = v->form != FORM_JSON;
    for (uint32_t i = 0; i < WORDS_LIMIT && !out->failed; i++) {
        out->used = 0;
        eu_bits_value(&v->show, out, field->type, (int64_t)(words->first + i), field->decoder, text);
        if (out->used <= WORD_SIZE && !out->failed && is_plain(out->data, out->used, v->form)) {
            memcpy(words->text[i], out->data, out->used);
            words->size[i] = (uint8_t)out->used;
        }
    }
}

const struct words *eu_layout_words(const struct eu_view *v, struct layout *l, const struct eu_field *field) {
    const struct eu_plan_type *type = &v->show.plan->types[field->type];
    int decodes = has_decoder(v, field->decoder);
    struct eu_out out = {0};
    if (v->show.format.compat || field->bit_size || field->is_beyond || l->nr_words >= TABLES_LIMIT)
        return NULL;
    if (decodes ? !eu_decoder_is_pure(field->decoder) || !plan_is_scalar(type) || type->kind == EU_FLOAT || type->size > 8
                : type->kind != EU_ENUM || type->count > 4096) /* names are looked for one by one */
        return NULL;
    struct words *words = calloc(1, sizeof(*words));
    if (!words)
        return NULL;
    words->first = decodes && type->kind == EU_INT ? (uint64_t)(int64_t)FIRST_SIGNED : 0;
    fill(v, words, field, &out);
    eu_out_free(&out);
    words->next = l->words;
    l->words = words;
    l->nr_words++;
    return words;
}

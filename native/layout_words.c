/* Names of enums, rendered once: a value is one copy then. */
#include "layout.h"
#include "text.h"
#include "value.h"
#include <stdlib.h>

static int is_plain(const char *name, enum form form) {
    for (; *name; name++)
        if ((signed char)*name <= 0x20 || *name == 0x7f || *name == '"' || *name == '\\' || (form == FORM_CSV && *name == ','))
            return 0;
    return 1;
}

static int add_word(struct words *words, uint32_t at, const char *name, enum form form) {
    size_t size = strlen(name), quotes = form == FORM_JSON;
    if (size + 2 * quotes > WORD_SIZE || !size || !is_plain(name, form))
        return 0;
    char *w = words->text[at];
    if (quotes)
        *w++ = '"';
    memcpy(w, name, size);
    if (quotes)
        w[size] = '"';
    words->size[at] = (uint8_t)(size + 2 * quotes);
    if (at >= words->count)
        words->count = at + 1;
    return 1;
}

const struct words *eu_layout_words(const struct eu_view *v, struct layout *l, const struct eu_plan_type *type) {
    const struct eu_plan *plan = v->show.plan;
    if (v->show.format.compat || !type->count || type->count > WORDS_LIMIT || (type->flags & EU_MAPPED && v->show.format.raw_values))
        return NULL;
    struct words *words = calloc(1, sizeof(*words));
    if (!words)
        return NULL;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct eu_plan_value *value = &plan->values[type->first + i];
        if (value->value >= 0 && value->value < WORDS_LIMIT && !words->size[value->value] &&
            !add_word(words, (uint32_t)value->value, plan_string(plan, value->name), v->form)) {
            free(words);
            return NULL;
        }
    }
    words->next = l->words;
    l->words = words;
    return words;
}

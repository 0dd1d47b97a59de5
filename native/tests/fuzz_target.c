/* Targets out of arbitrary text: what is not refused has its words within its own text, and numbers within their range. */
#include "eunomia.h"
#include "target.h"
#include <stdlib.h>
#include <string.h>

static void within(const struct eu_target *target, const char *word) {
    if (word && (word < target->text || word + strlen(word) >= target->text + sizeof(target->text)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1); /* of its own size, so that the sanitizer sees the end */
    struct eu_target *target = malloc(sizeof(*target));
    memcpy(text, data, size);
    text[size] = 0;
    int err = eu_target_parse(text, target);
    if (err ? !*eu_error() : target->kind >= NR_TARGET_KINDS || target->nr_options > TARGET_OPTIONS)
        abort();
    if (!err) {
        within(target, target->name);
        for (int i = 0; i < target->nr_options; i++) {
            long long value = 0;
            within(target, target->options[i].key);
            within(target, target->options[i].value);
            if (eu_target_number(target, target->options[i].key, 1, 99, &value) > 0 && (value < 1 || value > 99))
                abort();
        }
    }
    free(target);
    free(text);
    return 0;
}

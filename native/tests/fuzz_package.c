/* Packages out of arbitrary bytes, as the standalone runner reads them: the document, its options with values out of arbitrary text, its
 * help page, its plan. The object is not opened: fuzz_object.c does.
 *
 * An input is a document or a payload, a NUL, and words for the options. */
#include "tool/command.h"
#include "tool/tool.h"
#include <stdlib.h>
#include <string.h>

static void choose(struct eu_tool *tool, const char *words) {
    char text[64];
    for (int i = 0; i < tool->options.count && i < 64; i++) {
        size_t size = strcspn(words, " ");
        size = size < sizeof(text) ? size : sizeof(text) - 1;
        memcpy(text, words, size);
        text[size] = 0;
        words += size;
        words += *words == ' ';
        if (eu_option_takes_value(&tool->options.list[i]))
            eu_option_choose(&tool->options, &tool->options.list[i], text);
        eu_option_choose_default(&tool->options, &tool->options.list[i]);
    }
}

static void take(struct eu_tool *tool, const char *words) {
    char *copy = strdup(words), *list[32] = {0};
    int count = 0;
    for (char *word = strtok(copy, " "); word && count < 32; word = strtok(NULL, " "))
        list[count++] = word;
    struct command command;
    eu_command_begin(&command);
    command.program = command.title = "fuzz";
    if (!eu_take_arguments(&command, tool, list, count))
        eu_command_check(&command);
    struct eu_out page = {0};
    eu_put_help(&page, &command, tool, 40 + (int)(strlen(words) % 70));
    eu_out_free(&page);
    eu_pool_free(&command.pool);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = memchr(data, 0, size);
    size_t document = end && memcmp(data, "EUTOOL", size < 6 ? size : 6) ? (size_t)(end - data) : size;
    uint8_t *copy = malloc(document + 1);
    memcpy(copy, data, document);
    struct eu_tool *tool = eu_tool_open(copy, document, "fuzz");
    char *words = strndup(document < size ? (const char *)data + document + 1 : "", document < size ? size - document - 1 : 0);
    if (tool) {
        choose(tool, words);
        take(tool, words);
        eu_package_plan(&tool->package);
    } else if (!*eu_error())
        abort(); /* whatever is refused says why */
    eu_tool_close(tool);
    free(words);
    free(copy);
    return 0;
}

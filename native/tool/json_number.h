/* Numbers of a JSON document. */
#ifndef TOOL_JSON_NUMBER_H
#define TOOL_JSON_NUMBER_H
#include "json.h"

/* The length of the number at s, 0: there is none. */
size_t eu_json_number(const char *s, const char *end, uint8_t *is_whole);
/* Put NULs behind the numbers of a document that was read. */
void eu_json_end_numbers(struct eu_document *document);
#endif

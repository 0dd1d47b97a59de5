/* A small writer of JSON: one object or array a line, to a stream. Commas, quotes and escapes are its own matter.
 *
 *	struct json json = json_open(stdout);
 *	json_object(&json);                       {
 *	json_int(&json, "pid", event->pid);        "pid":1,
 *	json_string(&json, "comm", event->comm);   "comm":"a\"b",
 *	json_array(&json, "args"); … json_end(&json);
 *	json_end(&json);                          }, and a line end
 */
#ifndef EUNOMIA_JSON_H
#define EUNOMIA_JSON_H
#pragma GCC system_header
#include <eunomia/base.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { EU_JSON_DEPTH = 32 };
struct json {
	FILE *out;
	int depth;
	char close[EU_JSON_DEPTH]; /* of what is open */
	bool any[EU_JSON_DEPTH + 1]; /* whether it has something in it */
};

static inline struct json json_open(FILE *out)
{
	struct json json = {};

	json.out = out;
	return json;
}

/* Bytes that are no UTF-8 are written as U+FFFD. */
EU_API void eu_json_text(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	putc('"', out);
	while (*at) {
		int more = *at < 0x80 ? 0 : *at >= 0xc2 && *at < 0xe0 ? 1 : *at >= 0xe0 && *at < 0xf0 ? 2 : *at >= 0xf0 && *at < 0xf5 ? 3 : -1, i;

		for (i = 1; i <= more; i++)
			if ((at[i] & 0xc0) != 0x80 || (i == 1 && ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
								  (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))))
				more = -1;
		if (more < 0)
			fputs("\xef\xbf\xbd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else
			fwrite(at, 1, more + 1, out);
		at += more < 0 ? 1 : more + 1;
	}
	putc('"', out);
}

EU_API void eu_json_key(struct json *json, const char *key)
{
	if (json->any[json->depth])
		putc(',', json->out);
	json->any[json->depth] = json->depth > 0;
	if (key && json->depth && json->close[json->depth - 1] == '}') {
		eu_json_text(json->out, key);
		putc(':', json->out);
	}
}

EU_API void eu_json_begin(struct json *json, const char *key, char open, char close)
{
	eu_json_key(json, key);
	if (json->depth == EU_JSON_DEPTH)
		return;
	putc(open, json->out);
	json->close[json->depth++] = close;
	json->any[json->depth] = false;
}

/* Within an object every value has a key; in an array it is NULL. */
static inline void json_object(struct json *json)
{
	eu_json_begin(json, NULL, '{', '}');
}

static inline void json_object_in(struct json *json, const char *key)
{
	eu_json_begin(json, key, '{', '}');
}

static inline void json_array(struct json *json, const char *key)
{
	eu_json_begin(json, key, '[', ']');
}

EU_API void json_end(struct json *json)
{
	if (!json->depth)
		return;
	putc(json->close[--json->depth], json->out);
	if (!json->depth) {
		putc('\n', json->out);
		fflush(json->out);
	}
}

EU_API void json_string(struct json *json, const char *key, const char *text)
{
	eu_json_key(json, key);
	eu_json_text(json->out, text);
}

EU_API void json_int(struct json *json, const char *key, long long number)
{
	eu_json_key(json, key);
	fprintf(json->out, "%lld", number);
}

EU_API void json_uint(struct json *json, const char *key, eu_ulong number)
{
	eu_json_key(json, key);
	fprintf(json->out, "%llu", number);
}

EU_API void json_bool(struct json *json, const char *key, bool value)
{
	eu_json_key(json, key);
	fputs(value ? "true" : "false", json->out);
}

EU_API void json_double(struct json *json, const char *key, double number)
{
	eu_json_key(json, key);
	fprintf(json->out, isfinite(number) ? "%.15g" : "null", number);
}

EU_API void json_null(struct json *json, const char *key)
{
	eu_json_key(json, key);
	fputs("null", json->out);
}
#endif

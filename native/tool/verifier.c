/* The verifier's log of a refusal: the line that says why, where it is, and what to do about the usual mistakes:
 * src/eunomia/kernel/preflight/refusal.py and mistakes.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "tool.h"
#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct mistake {
    const char *name, *pattern, *advice;
};
#define TOOL_MISTAKES
#include "tables.h"

enum { CONTEXT = 12, PERFMON = 38, SYS_ADMIN = 21 };
static const char noise[] = "^(processed [0-9]+ insns|verification time|stack depth|peak_states|max_states|-- |arg#[0-9]+ reference type|"
                            "func#[0-9]+ @|libbpf: |last_idx |$)";
static const char instruction[] = "^[0-9]+: (\\([0-9a-f]{2}\\) |)";
static const char *const beside[] = {"; ",      "R",           "from ",     "last_idx",  "regs=",     "mark_precise",
                                     "parent ", "Caller",      "cur state", "old state", "callee",    "caller",
                                     "frame",   "propagating", "safe",      "fp-",       "to caller", "returning from"};

static int matches(const char *pattern, const char *text) {
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
        return 0;
    int found = !regexec(&compiled, text, 0, NULL, 0);
    regfree(&compiled);
    return found;
}

/* The telling lines of a log, in the tool's pool. */
struct lines {
    const char **list;
    int count;
};

static int take_lines(struct eu_tool *tool, const char *log, size_t size, struct lines *lines) {
    regex_t compiled;
    size_t most = 1;
    for (size_t i = 0; i < size; i++)
        most += log[i] == '\n';
    lines->list = eu_pool_get(&tool->pool, most * sizeof(*lines->list));
    if (!lines->list || regcomp(&compiled, noise, REG_EXTENDED | REG_NOSUB))
        return -1;
    while (size) {
        const char *stop = memchr(log, '\n', size);
        size_t length = stop ? (size_t)(stop - log) : size, from = 0, to = length;
        while (from < to && isspace((unsigned char)log[from]))
            from++;
        while (to > from && isspace((unsigned char)log[to - 1]))
            to--;
        const char *line = eu_pool_copy(&tool->pool, log + from, to - from);
        if (regexec(&compiled, line, 0, NULL, 0))
            lines->list[lines->count++] = line;
        log += length + (stop != NULL);
        size -= length + (stop != NULL);
    }
    regfree(&compiled);
    return tool->pool.failed ? -1 : 0;
}

static int stands_beside(const char *line) {
    if (matches(instruction, line))
        return 1;
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
        if (!strncmp(line, beside[i], strlen(beside[i])))
            return !(matches("^R[0-9]+ [^=]*[a-z!]", line) && !matches("^R[0-9]+ =", line) && !matches("^R[0-9]+(_[0-9A-Za-z_]+)?=", line));
    return 0;
}

/* The line that says why: the last one that is neither source, nor instruction, nor state. Its place, -1: none. */
static int reason_of(const struct lines *lines) {
    for (int at = lines->count - 1; at >= 0; at--)
        if (!stands_beside(lines->list[at]))
            return at;
    return lines->count - 1;
}

static const struct mistake *mistake_of(const char *text) {
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
        if (matches(mistakes[i].pattern, text))
            return &mistakes[i];
    return NULL;
}

static const char *joined(struct eu_tool *tool, const struct lines *lines, int from, int to) {
    struct eu_out out = {0};
    for (int i = from < 0 ? 0 : from; i < to; i++) {
        eu_out_text(&out, lines->list[i]);
        eu_out_char(&out, '\n');
    }
    const char *text = eu_pool_print(&tool->pool, "%s", eu_out_end(&out));
    eu_out_free(&out);
    return text;
}

/* A pointer used on the way on which it is NULL, a number to the verifier. */
static const struct mistake *of_null(const struct lines *lines, int at) {
    const char *reason = lines->list[at];
    if (!matches("^R[0-9]+ invalid mem access '(scalar|inv)'", reason))
        return NULL;
    char number = reason[1], zero[3][16] = {"R?=0", "R?_w=0", "R?=inv0"};
    int is_null = 0;
    for (int i = 0; i < 3; i++)
        zero[i][1] = number;
    for (int i = at; i >= 0 && !is_null; i--)
        for (int n = 0; n < 3; n++) {
            const char *found = strstr(lines->list[i], zero[n]);
            is_null |= found && !isalnum((unsigned char)found[strlen(zero[n])]);
        }
    if (!is_null)
        return NULL;
    for (int i = at; i >= 0; i--) {
        const char *called = strstr(lines->list[i], "call bpf_");
        if (!called)
            continue;
        const char *name = strstr(called, "ringbuf_reserve") ? "unchecked-reservation" : "missing-null-check";
        if (!strstr(called, "ringbuf_reserve") && !strstr(called, "lookup") && !strstr(called, "storage_get"))
            continue;
        for (size_t m = 0; m < sizeof(mistakes) / sizeof(mistakes[0]); m++)
            if (!strcmp(mistakes[m].name, name))
                return &mistakes[m];
    }
    return NULL;
}

/* Without CAP_PERFMON the verifier refuses more, and mostly that is why. */
static const char *advice_of(struct eu_tool *tool, const struct mistake *mistake, const char *reason) {
    uint64_t held = eu_capabilities();
    if (held >> PERFMON & 1 || held >> SYS_ADMIN & 1)
        return mistake->advice;
    if (!strcmp(mistake->name, "wrong-helper")) {
        const char *number = strchr(reason, '#');
        for (size_t i = 0; number && i < sizeof(guarded) / sizeof(guarded[0]); i++)
            if (guarded[i] == atoi(number + 1))
                return "this helper needs CAP_PERFMON, which is not held: run with sudo";
        return mistake->advice;
    }
    if (!strcmp(mistake->name, "pointer-arithmetic") || !strcmp(mistake->name, "uninitialised-stack") || strstr(reason, "!root"))
        return eu_pool_print(&tool->pool, "without CAP_PERFMON, which is not held, the verifier is stricter: run with sudo; else %s",
                             mistake->advice);
    return mistake->advice;
}

/* The verifier's line about the source, `; TEXT @ FILE:LINE` (the place since 6.9), as FILE:LINE `TEXT`. */
static const char *source_of(struct eu_tool *tool, const struct lines *lines, int at) {
    for (int i = at; i >= 0; i--) {
        const char *line = lines->list[i];
        if (strncmp(line, "; ", 2))
            continue;
        if (i == at)
            return "";
        const char *place = strstr(line, " @ "), *slash = place ? strrchr(place, '/') : NULL;
        const char *file = !place ? "" : slash ? slash + 1 : place + 3;
        int size = (int)(place ? place - line - 2 : (long)strlen(line + 2));
        return eu_pool_print(&tool->pool, " (at %s%s`%.*s`)", file, *file ? " " : "", size, line + 2);
    }
    return "";
}

int eu_verifier_failure(struct eu_tool *tool, int program, int number) {
    static const char begin[] = "-- BEGIN PROG LOAD LOG --", end[] = "-- END PROG LOAD LOG --";
    const char *log = eu_log(), *start = log;
    for (const char *next; (next = strstr(start, begin));)
        start = next + strlen(begin);
    const char *stop = strstr(start, end);
    struct lines lines = {0};
    if (take_lines(tool, start, stop ? (size_t)(stop - start) : strlen(start), &lines))
        return eu_fail(ENOMEM, "load program %s: out of memory", tool->programs[program].name);
    int at = reason_of(&lines);
    if (at < 0)
        return eu_fail(number, "load program %s (%s): %s", tool->programs[program].name, tool->programs[program].section,
                       eu_strerror(number));
    const char *reason = lines.list[at];
    const struct mistake *mistake = of_null(&lines, at);
    if (!mistake && strstr(reason, "allowed memory range"))
        mistake = mistake_of(joined(tool, &lines, lines.count - 3, lines.count));
    if (!mistake)
        mistake = mistake_of(reason);
    if (!mistake)
        mistake = mistake_of(joined(tool, &lines, lines.count - CONTEXT, lines.count));
    const char *advice = mistake ? advice_of(tool, mistake, reason) : "",
               *more = at ? advice[0] ? "; -v shows the whole log" : "-v shows all of it" : "";
    return eu_fail(number, "load program %s: the verifier refuses it: %s%s%s%s%s%s", tool->programs[program].name, reason,
                   source_of(tool, &lines, at), *advice || *more ? " [" : "", advice, more, *advice || *more ? "]" : "");
}

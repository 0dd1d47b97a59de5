/* What iterators print, as the output of a run: src/eunomia/cli/iterators.py. */
#define _GNU_SOURCE
#include "../error.h"
#include "../text.h"
#include "command.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

static int write_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return eu_fail(errno, "write output: %s", eu_strerror(errno));
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void put_string(struct eu_out *out, const char *text, size_t size) {
    char *w = eu_out_room(out, size * EU_JSON_GROWTH + EU_STRING_SLACK);
    if (w)
        out->used = (size_t)(eu_json_string(w, (const uint8_t *)text, size) - out->data);
}

/* Whole lines as JSON; what is left moves to the front. */
static int put_lines(struct eu_out *line, const char *name, struct eu_out *text, int is_end, int out) {
    size_t done = 0;
    int err = 0;
    while (done < text->used && !err) {
        const char *start = text->data + done, *stop = memchr(start, '\n', text->used - done);
        if (!stop && !is_end)
            break;
        size_t size = stop ? (size_t)(stop - start) : text->used - done;
        line->used = 0;
        eu_out_text(line, "{\"program\":\"");
        put_string(line, name, strlen(name));
        eu_out_text(line, "\",\"text\":\"");
        put_string(line, start, size);
        eu_out_text(line, "\"}\n");
        err = line->failed ? eu_fail(ENOMEM, "read iterator: out of memory") : write_all(out, line->data, line->used);
        done += size + (stop != NULL);
    }
    memmove(text->data, text->data + done, text->used - done);
    text->used -= done;
    return err;
}

static int show_one(struct eu_tool *tool, int program, int as_json, int out) {
    struct eu_out text = {0}, line = {0};
    int fd = eu_prog_iterate(tool->object, program), err = fd < 0 ? fd : 0;
    ssize_t n = 1;
    while (!err && n) {
        char *room = eu_out_room(&text, CHUNK);
        n = room ? read(fd, room, CHUNK) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = eu_fail(errno, "iterate program %s: %s", tool->programs[program].name, eu_strerror(errno));
        text.used += n > 0 ? (size_t)n : 0;
        if (err)
            break;
        if (as_json)
            err = put_lines(&line, tool->programs[program].name, &text, !n, out);
        else {
            err = write_all(out, text.data, text.used);
            text.used = 0;
        }
    }
    if (fd >= 0)
        close(fd);
    eu_out_free(&text);
    eu_out_free(&line);
    return err;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int eu_show_iterators(const struct command *command, struct eu_tool *tool, int out, int has_sources) {
    const struct opt_value *v = command->values;
    int as_json = v[OPT_JSON].on || (v[OPT_FORMAT].text && !strcmp(v[OPT_FORMAT].text, "json")), alone = !has_sources;
    double end = now() + v[OPT_DURATION].real, pause = v[OPT_INTERVAL].real;
    for (int i = 0; i < tool->nr_programs; i++) {
        struct eu_prog_info info;
        eu_prog_get(tool->object, i, &info);
        alone &= !info.attached || eu_prog_takes(tool->object, i, "iter") > 0;
    }
    for (;;) {
        for (int i = 0; i < tool->nr_programs; i++) {
            struct eu_prog_info info;
            eu_prog_get(tool->object, i, &info);
            int err = info.attached && eu_prog_takes(tool->object, i, "iter") > 0 ? show_one(tool, i, as_json, out) : 0;
            if (err)
                return err;
        }
        if (!alone || pause <= 0 || (v[OPT_DURATION].is_given && now() + pause > end))
            return alone;
        struct timespec time = {(time_t)pause, (long)((pause - (double)(time_t)pause) * 1e9)};
        nanosleep(&time, NULL);
    }
}

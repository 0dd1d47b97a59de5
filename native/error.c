#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include "text.h"
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LIMIT = 1 << 20 };

static _Thread_local char line[1024];
static _Thread_local int number;
static _Thread_local char *text;
static _Thread_local size_t used, room;
static int copy_fd = -1, copy_level;
static pthread_key_t log_of_thread; /* text, to be freed when its thread ends */
static pthread_once_t once = PTHREAD_ONCE_INIT;

const char *eu_error(void) {
    return line;
}

int eu_errno(void) {
    return number;
}

int eu_fail(int err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    number = err;
    return -err;
}

const char *eu_log(void) {
    return text ? text : "";
}

void eu_log_clear(void) {
    used = 0;
    if (text)
        text[0] = 0;
    eu_error_clear();
}

void eu_error_clear(void) {
    line[0] = 0;
    number = 0;
}

void eu_log_to(int fd, int level) {
    copy_fd = fd;
    copy_level = level;
}

static void make_key(void) {
    pthread_key_create(&log_of_thread, free);
}

static void append(const char *words, size_t size) {
    if (size >= LOG_LIMIT / 2) {
        words += size - LOG_LIMIT / 2;
        size = LOG_LIMIT / 2;
    }
    if (used + size + 1 > LOG_LIMIT) { /* keep the newer half: the verifier's verdict stands at the end */
        size_t keep = LOG_LIMIT / 2 - 1;
        if (keep > used)
            keep = used;
        memmove(text, text + used - keep, keep);
        used = keep;
    }
    if (used + size + 1 > room) {
        size_t wanted = (used + size + 1) * 2;
        char *larger = realloc(text, wanted);
        if (!larger)
            return;
        text = larger;
        room = wanted;
        pthread_once(&once, make_key);
        pthread_setspecific(log_of_thread, text);
    }
    memcpy(text + used, words, size);
    used += size;
    text[used] = 0;
}

/* What libbpf and the verifier say has names out of packages in it: what a terminal would obey is shown as \xNN. */
static void write_shown(int fd, const char *words, size_t size) {
    char *shown = malloc(size * EU_TEXT_GROWTH + EU_STRING_SLACK), *end = shown;
    size_t hidden = 0;
    if (!shown)
        return;
    for (size_t at = 0; at < size; at++) {
        size_t plain = strcspn(words + at, "\n\t");
        end = eu_text_string(end, (const uint8_t *)words + at, plain, &hidden);
        at += plain;
        if (at < size)
            *end++ = words[at];
    }
    if (write(fd, shown, end - shown) < 0) {
        /* a closed stderr must not stop the run */
    }
    free(shown);
}

static int keep_message(enum libbpf_print_level level, const char *format, va_list args) {
    char *words = NULL;
    if (level == LIBBPF_DEBUG && (copy_fd < 0 || copy_level < 2))
        return 0;
    int size = vasprintf(&words, format, args);
    if (size < 0)
        return 0;
    if (strstr(words, "skipping unrecognized data section") && strstr(words, " eunomia.")) { /* ecc's own, meant to be skipped */
        free(words);
        return 0;
    }
    if (level != LIBBPF_DEBUG)
        append(words, size);
    if (copy_fd >= 0 && (int)level <= copy_level)
        write_shown(copy_fd, words, size);
    free(words);
    return size;
}

void eu_log_start(void) {
    libbpf_set_print(keep_message);
}

const char *eu_libbpf_version(void) {
    return libbpf_version_string();
}

/* Addresses, ports, DNS names, interfaces. */
#define _GNU_SOURCE
#include "cache.h"
#include "decode.h"
#include "number.h"
#include <arpa/inet.h>
#include <net/if.h>

static int put_ip4(struct eu_word *word, const uint8_t *p) {
    char line[EU_NUMBER_ROOM];
    eu_word_put(word, line, eu_put_ip4(line, p) - line);
    return EU_AS_WORD;
}

/* The longest run of at least two zero groups: its first, and how many. */
static int longest_zeroes(const uint16_t *groups, int *count) {
    int best = -1;
    *count = 1;
    for (int i = 0, run = 0; i < 8; i++) {
        run = groups[i] ? 0 : run + 1;
        if (run > *count) {
            *count = run;
            best = i + 1 - run;
        }
    }
    return best;
}

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

char *eu_put_ip6(char *w, const uint8_t *p) {
    uint16_t groups[8];
    int count, zeroes;
    if (!memcmp(p, mapped, 12)) {
        memcpy(w, "::ffff:", 7);
        return eu_put_ip4(w + 7, p + 12);
    }
    for (int i = 0; i < 8; i++)
        groups[i] = (uint16_t)(p[2 * i] << 8 | p[2 * i + 1]);
    zeroes = longest_zeroes(groups, &count);
    for (int i = 0; i < 8; i++) {
        if (i == zeroes) {
            memcpy(w, "::", 2);
            w += i ? 1 : 2; /* behind a group its colon is there already */
            i += count - 1;
            continue;
        }
        w = eu_put_hex(w, groups[i], 1);
        if (i < 7)
            *w++ = ':';
    }
    return w;
}

char *eu_put_ip(char *w, const uint8_t *p, uint64_t family) {
    static const uint8_t zero[16];
    int is_4 = family == 2 || family == 4 || (family != 10 && family != 6 && !memcmp(p + 4, zero, 12) && memcmp(p, zero, 4));
    if (!memcmp(p, mapped, 12))
        return eu_put_ip4(w, p + 12);
    return is_4 ? eu_put_ip4(w, p) : eu_put_ip6(w, p);
}

int eu_decode_ip4(struct eu_word *word, const struct eu_raw *raw) {
    return raw->size == 4 ? put_ip4(word, raw->p) : EU_NOT_DECODED;
}

int eu_decode_ip6(struct eu_word *word, const struct eu_raw *raw) {
    char line[EU_NUMBER_ROOM];
    if (raw->size != 16)
        return EU_NOT_DECODED;
    eu_word_put(word, line, eu_put_ip6(line, raw->p) - line);
    return EU_AS_WORD;
}

int eu_decode_ip(struct eu_word *word, const struct eu_raw *raw) {
    char line[EU_NUMBER_ROOM];
    if (raw->size == 4)
        return put_ip4(word, raw->p);
    if (raw->size != 16)
        return EU_NOT_DECODED;
    eu_word_put(word, line, eu_put_ip(line, raw->p, 0) - line);
    return EU_AS_WORD;
}

/* Network order in its first two bytes. */
int eu_decode_port(struct eu_word *word, const struct eu_raw *raw) {
    if (raw->type->size < 2)
        return EU_NOT_DECODED;
    eu_word_number(word, ntohs((uint16_t)raw->number));
    return EU_AS_NUMBER;
}

int eu_decode_mac(struct eu_word *word, const struct eu_raw *raw) {
    char line[17], *w = line;
    if (raw->size != 6)
        return EU_NOT_DECODED;
    for (int i = 0; i < 6; i++) {
        if (i)
            *w++ = ':';
        w = eu_put_hex(w, raw->p[i], 2);
    }
    eu_word_put(word, line, sizeof(line));
    return EU_AS_WORD;
}

/* Labels, each behind its length, up to an empty one. Dots and what is not printable within a label are escaped as in zone files.
 * Source: RFC 1035, 3.1 and 5.1. A compression pointer leads out of the record: what is known so far is shown. */
int eu_decode_dname(struct eu_word *word, const struct eu_raw *raw) {
    size_t at = 0;
    while (at < raw->size && raw->p[at]) {
        size_t length = raw->p[at++];
        if (length > 63 || length > raw->size - at)
            return word->used ? EU_AS_WORD : EU_NOT_DECODED;
        eu_word_put(word, ".", word->used > 0);
        for (size_t i = 0; i < length; i++) {
            uint8_t c = raw->p[at + i];
            if (c <= ' ' || c > '~')
                eu_word_format(word, "\\%03u", c);
            else
                eu_word_format(word, c == '.' || c == '\\' ? "\\%c" : "%c", c);
        }
        at += length;
    }
    if (!word->used)
        eu_word_put(word, ".", 1);
    return EU_AS_WORD;
}

static int look_interface(uint64_t index, struct eu_word *word) {
    char name[IF_NAMESIZE];
    if (!index || index > UINT32_MAX || !if_indextoname((unsigned)index, name))
        return 0;
    eu_word_text(word, name);
    return 1;
}

/* Of the network namespace we are in. */
int eu_decode_ifname(struct eu_word *word, const struct eu_raw *raw) {
    static struct eu_cache cache = EU_CACHE(look_interface);
    return eu_cached(&cache, (uint64_t)raw->number, word);
}

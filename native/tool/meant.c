#include "meant.h"
#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { LONGEST = 100 };

/* Characters that two texts have in common: in the longest common piece, and on both sides of it (Ratcliff and Obershelp). */
static unsigned common(const char *a, unsigned la, const char *b, unsigned lb) {
    unsigned best = 0, in_a = 0, in_b = 0;
    for (unsigned i = 0; i < la; i++)
        for (unsigned j = 0; j < lb; j++) {
            unsigned size = 0;
            while (i + size < la && j + size < lb && a[i + size] == b[j + size])
                size++;
            if (size > best) {
                best = size;
                in_a = i;
                in_b = j;
            }
        }
    if (!best)
        return 0;
    return best + common(a, in_a, b, in_b) + common(a + in_a + best, la - in_a - best, b + in_b + best, lb - in_b - best);
}

static double ratio(const char *a, unsigned la, const char *b, unsigned lb) {
    return la + lb ? 2.0 * common(a, la, b, lb) / (la + lb) : 1.0;
}

/* In lower case, without dashes before it; its size. */
static unsigned plain(const char *text, char out[LONGEST]) {
    unsigned size = 0;
    text += strspn(text, "-");
    for (; text[size] && size < LONGEST; size++)
        out[size] = (char)tolower((unsigned char)text[size]);
    return size;
}

void eu_meant_start(struct eu_meant *meant, const char *typed) {
    *meant = (struct eu_meant){.typed = typed, .score = 0.59};
}

void eu_meant_offer(struct eu_meant *meant, const char *name) {
    char typed[LONGEST], there[LONGEST];
    unsigned lt = plain(meant->typed, typed), ln = plain(name, there);
    int same_start = lt && ln ? typed[0] == there[0] : lt == ln;
    /* `--pif` may have meant `--pid_filter`; `--foo` hardly `--toolchain` */
    double start = same_start ? ratio(typed, lt, there, ln < lt ? ln : lt) * 0.9 : 0, whole = ratio(typed, lt, there, ln);
    double found = start > whole ? start : whole;
    if (found > meant->score) {
        meant->score = found;
        meant->best = name;
    }
}

/* Suggestions for misspelt names: edit distance, at most a third of the name. */
#include "near.h"
#include <stdio.h>
#include <string.h>

enum { LONGEST = 96 };

void eu_near_start(struct eu_near *near, const char *wanted) {
    near->wanted = wanted;
    near->best[0] = 0;
    near->distance = strlen(wanted) / 3 + 1;
}

static unsigned distance(const char *a, unsigned la, const char *b, unsigned lb) {
    unsigned row[LONGEST + 1];
    for (unsigned j = 0; j <= lb; j++)
        row[j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            unsigned change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[lb];
}

void eu_near_offer(struct eu_near *near, const char *candidate) {
    unsigned la = strlen(near->wanted), lb = strlen(candidate);
    if (la > LONGEST || lb > LONGEST || (la > lb ? la - lb : lb - la) >= near->distance)
        return;
    unsigned found = distance(near->wanted, la, candidate, lb);
    if (found < near->distance) {
        near->distance = found;
        snprintf(near->best, sizeof(near->best), "%s", candidate);
    }
}

const char *eu_near_hint(struct eu_near *near, char *out, size_t room) {
    out[0] = 0;
    if (near->best[0])
        snprintf(out, room, " [did you mean %s?]", near->best);
    return out;
}

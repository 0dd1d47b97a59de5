/* The option or name that was probably meant: src/eunomia/cli/parser.py, did_you_mean(). */
#ifndef TOOL_MEANT_H
#define TOOL_MEANT_H

struct eu_meant {
    const char *typed;
    const char *best; /* NULL: nothing is near */
    double score;
};
void eu_meant_start(struct eu_meant *meant, const char *typed);
/* Offer a name; its text must stay. */
void eu_meant_offer(struct eu_meant *meant, const char *name);
#endif

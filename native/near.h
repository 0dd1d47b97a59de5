/* The name that was probably meant. */
#ifndef EUNOMIA_NEAR_H
#define EUNOMIA_NEAR_H
#include <stddef.h>

struct eu_near {
    const char *wanted;
    char best[128];
    unsigned distance;
};
/* Start looking for a name like `wanted`; offer candidates; then eu_near_hint() is "" or " [did you mean BEST?]". */
void eu_near_start(struct eu_near *near, const char *wanted);
void eu_near_offer(struct eu_near *near, const char *candidate);
const char *eu_near_hint(struct eu_near *near, char *out, size_t room);
#endif

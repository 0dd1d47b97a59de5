/* Stack traces of events and of sampled maps: text, JSON, folded. */
#ifndef EUNOMIA_STACK_H
#define EUNOMIA_STACK_H
#include "value.h"

struct eu_stacks;
struct eu_stacks *eu_stacks_new(const struct eu_show *show, const struct eu_plan_source *source);
/* Ids are looked up in the stack map of this object; without it they are shown as missing. */
void eu_stacks_use(struct eu_stacks *stacks, struct eu_object *object);
void eu_stacks_free(struct eu_stacks *stacks);
/* Append one trace; folded: keep it for eu_stacks_finish. A record: value NULL. Returns 1, 0: nothing to show, or -errno. */
int eu_stacks_show(struct eu_stacks *stacks, struct eu_out *out, const char *time, size_t time_size, const uint8_t *key, size_t key_size,
                   const uint8_t *value, size_t value_size);
/* Append the folded stacks gathered so far, and forget them. */
void eu_stacks_finish(struct eu_stacks *stacks, struct eu_out *out);
#endif

/* Which records pass: bytecode that events/filter*.py compiles (docs/reference/filter.md). */
#ifndef EUNOMIA_FILTER_H
#define EUNOMIA_FILTER_H
#include "plan_read.h"
#include <stddef.h>

struct eu_filter;
/* Check and copy bytecode for a plan; NULL and eu_error() when it is damaged or not of this plan. */
struct eu_filter *eu_filter_read(const struct eu_plan *plan, const void *bytes, size_t size);
void eu_filter_free(struct eu_filter *filter);
/* 1: passes. `match` is the record's type within the source (eu_view_match); `value` is NULL but for sampled maps, whose key is
 * the record. A record shorter than its type reads as if zeroes followed. */
int eu_filter_pass(const struct eu_filter *filter, int source, int match, const uint8_t *record, size_t size, const uint8_t *value);
#endif

/* What is known of processes by /proc: for events that carry no more than a process id. It is racy: see docs/reference/filter.md. */
#ifndef EUNOMIA_MEMBERS_H
#define EUNOMIA_MEMBERS_H
#include "eunomia.h"

int eu_members_uid_is(struct eu_members *members, uint64_t pid, uint64_t uid);
int eu_members_comm_matches(struct eu_members *members, uint64_t pid, const uint8_t *pattern, size_t size);
#endif

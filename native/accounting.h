/* What an object that ecc compiled counts about its records (docs/reference/accounting.md). */
#ifndef EUNOMIA_ACCOUNTING_H
#define EUNOMIA_ACCOUNTING_H
#include "eunomia.h"
#include <stdint.h>

struct eu_counts {
    uint64_t calls, failures, wakes; /* wakes: empty records that only wake the reader */
    int known;
};
struct eu_accounting;
/* Of a loaded object; NULL where it has none, or not of this version. */
struct eu_accounting *eu_accounting_open(struct eu_object *object);
void eu_accounting_close(struct eu_accounting *accounting);
/* Add up the sites of a map; all zero and not known without accounting. */
void eu_accounting_read(const struct eu_accounting *accounting, int map, struct eu_counts *counts);
#endif

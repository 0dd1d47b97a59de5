#include "filter.h"
#include "error.h"
#include <errno.h>
struct eu_filter *eu_filter_read(const struct eu_plan *plan, const void *bytes, size_t size) {
    return eu_fail_null(ENOSYS, "read filter: not built yet");
}
void eu_filter_free(struct eu_filter *filter) {
}
int eu_filter_pass(const struct eu_filter *filter, int source, int match, const uint8_t *record, size_t size, const uint8_t *value) {
    return 1;
}

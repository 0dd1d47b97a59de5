#include "aggregate.h"
#include "error.h"
#include <errno.h>
struct eu_aggregate *eu_aggregate_new(const struct eu_plan *plan, const struct eu_run_options *options) {
    return eu_fail_null(ENOSYS, "aggregate: not built yet");
}
void eu_aggregate_free(struct eu_aggregate *aggregate) {
}
int eu_aggregate_add(struct eu_aggregate *aggregate, int source, int match, const uint8_t *record, size_t size) {
    return -ENOSYS;
}
double eu_aggregate_interval(const struct eu_aggregate *aggregate) {
    return 0;
}
int eu_aggregate_print(struct eu_aggregate *aggregate, struct eu_out *out, const char *time, size_t time_size, int is_last) {
    return -ENOSYS;
}

/* Histograms as text, laid out as bcc's and the first system's. */
#ifndef EUNOMIA_HISTOGRAM_H
#define EUNOMIA_HISTOGRAM_H
#include "out.h"

/* Slot i of a log2 histogram counts values from 2^i (the first from 0) to 2^(i+1) - 1. Nothing where all slots are 0. */
void eu_log2_histogram(struct eu_out *out, const uint64_t *slots, size_t count, const char *unit);
/* From the first slot that is not 0 on, with values below zero: slot i of `below` counts -2^i to -(2^(i+1) - 1). */
void eu_signed_log2_histogram(struct eu_out *out, const uint64_t *below, const uint64_t *slots, size_t count, const char *unit);
/* Slot i of a linear histogram counts the value i. */
void eu_linear_histogram(struct eu_out *out, const uint64_t *slots, size_t count, const char *unit);
/* The same for values far apart: only those that were seen. */
void eu_sparse_histogram(struct eu_out *out, const uint64_t *values, const uint64_t *counts, size_t count, const char *unit);
#endif

#ifndef API_TESTRUN_H
#define API_TESTRUN_H
/* Running a program without an event (BPF_PROG_TEST_RUN), and reading what iterators print. This header is read by cffi. */

struct eu_test_run {
    const void *data, *context; /* NULL: none */
    uint32_t data_size, context_size;
    void *data_out, *context_out;             /* NULL: not wanted */
    uint32_t data_out_size, context_out_size; /* in: room; out: size, of data maybe more than there was room for */
    uint32_t repeat;
    uint32_t result;      /* what the program returned, the last time */
    uint32_t duration_ns; /* of one run, as the kernel measured it; 0: it did not */
};
/* Run a loaded program `repeat` times. */
int eu_prog_test_run(struct eu_object *object, int prog, struct eu_test_run *run);
/* A new descriptor from which an attached iterator's text is read, to its end; the caller closes it. */
int eu_prog_iterate(struct eu_object *object, int prog);
#endif

/* Lines and marks through a pipe whose reader is slow: what arrives is what was rendered, in order and in whole lines, and each
 * event counts once, as written or as lost.
 *
 * An input is a byte for the size of the pipe, then operations: a line of an event, another line, a write, a read. */
#define _GNU_SOURCE
#include "mutate.h"
#include "output.h"
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { SOURCES = 3, MOST = 4 << 20 };

struct model {
    struct eu_output output;
    struct eu_out out;
    char *expected, *received;
    size_t nr_expected, nr_received;
    size_t *ends; /* of events, in `expected` */
    unsigned *sources;
    size_t nr_events, written[SOURCES], lost[SOURCES], queued;
    int reading;
};

static void check(int holds) {
    if (!holds)
        abort();
}

static void on_written(void *context, int source, unsigned count) {
    struct model *m = context;
    m->written[source] += count;
    m->queued -= count;
}

static void on_lost(void *context, int source, unsigned count) {
    struct model *m = context;
    m->lost[source] += count;
    m->queued -= count;
}

static void add_line(struct model *m, size_t length, int source) {
    char line[PIPE_BUF];
    length = length < 1 ? 1 : length > PIPE_BUF ? PIPE_BUF : length;
    if (m->nr_expected + length > MOST)
        return;
    memset(line, 'a' + (int)(m->nr_events % 26), length);
    line[length - 1] = '\n';
    eu_out_put(&m->out, line, length);
    memcpy(m->expected + m->nr_expected, line, length);
    m->nr_expected += length;
    if (source < 0)
        return;
    eu_output_mark(&m->output, &m->out, source, 1);
    m->ends[m->nr_events] = m->nr_expected;
    m->sources[m->nr_events++] = (unsigned)source;
    m->queued++;
}

static void write_some(struct model *m) {
    int waits = eu_output_write(&m->output, &m->out);
    check(waits == 0 || waits == 1);
    check(waits == (eu_output_pending(&m->output, &m->out) > 0));
    if (waits) {
        eu_output_written(&m->output, on_written, m);
        return;
    }
    for (size_t i = m->nr_events - m->queued; i < m->nr_events; i++)
        m->written[m->sources[i]]++;
    m->queued = 0;
}

static void read_some(struct model *m, size_t size) {
    ssize_t n = read(m->reading, m->received + m->nr_received, size);
    m->nr_received += n > 0 ? (size_t)n : 0;
}

/* Give up what waits, read the rest of the pipe, and compare. */
static void settle(struct model *m) {
    size_t before, written[SOURCES] = {0}, lost[SOURCES] = {0};
    eu_output_drop(&m->output, &m->out, on_written, on_lost, m);
    do {
        before = m->nr_received;
        read_some(m, 1 << 20);
    } while (m->nr_received > before);
    check(m->nr_received <= m->nr_expected && !memcmp(m->expected, m->received, m->nr_received));
    check(!m->nr_received || m->received[m->nr_received - 1] == '\n');
    for (size_t i = 0; i < m->nr_events; i++)
        (m->ends[i] <= m->nr_received ? written : lost)[m->sources[i]]++;
    check(!memcmp(written, m->written, sizeof(written)) && !memcmp(lost, m->lost, sizeof(lost)) && !m->queued);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct model m = {0};
    int ends[2];
    struct eu_run_options options = {0};
    if (!size || pipe2(ends, O_NONBLOCK | O_CLOEXEC))
        return 0;
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BUF << (data[0] & 3));
    options.out_fd = ends[1];
    m.reading = ends[0];
    m.expected = malloc(MOST);
    m.received = malloc(MOST + (1 << 20));
    m.ends = malloc((size + 1) * sizeof(*m.ends));
    m.sources = malloc((size + 1) * sizeof(*m.sources));
    check(!eu_output_open(&m.output, &options) && m.output.sink == EU_SINK_PIPE);
    for (size_t i = 1; i + 1 < size; i += 2)
        switch (data[i] & 7) {
        case 0:
        case 1:
        case 2:
            add_line(&m, data[i + 1] * (size_t)(1 + (data[i] >> 4)), data[i] & 7);
            break;
        case 3:
            add_line(&m, data[i + 1], -1);
            break;
        case 4:
            read_some(&m, data[i + 1] * 256u + 1 < MOST + (1 << 20) - m.nr_received ? data[i + 1] * 256u + 1 : 0);
            break;
        default:
            write_some(&m);
        }
    settle(&m);
    eu_output_close(&m.output);
    eu_out_free(&m.out);
    free(m.expected);
    free(m.received);
    free(m.ends);
    free(m.sources);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
    return mutate_files(argc, argv, LLVMFuzzerTestOneInput);
}
#endif

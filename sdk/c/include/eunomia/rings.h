/* The rings of a ring_buffer one by one, and perf buffers with their records as the kernel writes them. */
#ifndef EUNOMIA_RINGS_H
#define EUNOMIA_RINGS_H
#pragma GCC system_header
#include <eunomia/buffers.h>
#include <eunomia/perf_event.h>

EU_API struct ring *ring_buffer__ring(struct ring_buffer *rb, unsigned index)
{
	return rb && index < (unsigned)rb->count ? rb->rings[index] : (struct ring *)eu_null(ERANGE);
}

static inline int ring__map_fd(const struct ring *ring)
{
	return ring->buffer.fd;
}

EU_API size_t ring__size(const struct ring *ring)
{
	struct eu_map_info info;

	return wasm_bpf_map_info_by_fd(ring->buffer.fd, &info, sizeof(info)) < 0 ? 0 : info.max_entries;
}

/* The next batch, where the last is used up: > 0 when there are records. */
EU_API int eu_ring_fill(struct ring *ring)
{
	struct eu_buffer *buffer = &ring->buffer;
	int filled;

	if (buffer->at < buffer->filled)
		return 1;
	filled = wasm_bpf_buffer_poll_batch(buffer->fd, buffer->data, buffer->size, 0);
	eu_pause_point();
	buffer->at = 0;
	buffer->filled = filled > 0 ? filled : 0;
	return filled;
}

/* Bytes of the next records, of which more may follow; each has the kernel's 8 in front of it, and is rounded up to 8. */
EU_API size_t ring__avail_data_size(const struct ring *ring)
{
	eu_ring_fill((struct ring *)ring);
	return (size_t)(ring->buffer.filled - ring->buffer.at);
}

EU_API int ring__consume_n(struct ring *ring, size_t most)
{
	struct eu_buffer *buffer = &ring->buffer;
	size_t count = 0;
	int result = 0;

	for (; count < most && (result = eu_ring_fill(ring)) > 0; count++) {
		struct eu_record *record = (struct eu_record *)(buffer->data + buffer->at);

		buffer->at += sizeof(*record) + (record->size + 7) / 8 * 8;
		result = ring->callback(ring->context, record + 1, record->size);
		if (result < 0)
			break;
	}
	return result < 0 && (!count || result != -EINTR) ? eu_err(result) : (int)count;
}

EU_API int ring__consume(struct ring *ring)
{
	return ring__consume_n(ring, INT32_MAX);
}

EU_API int ring_buffer__consume_n(struct ring_buffer *rb, size_t most)
{
	size_t count = 0;
	int i;

	for (i = 0; i < rb->count && count < most; i++) {
		int result = ring__consume_n(rb->rings[i], most - count);

		if (result < 0)
			return result;
		count += (size_t)result;
	}
	return (int)count;
}

/* The host reads the buffers of all CPUs as one, number 0. */
static inline size_t perf_buffer__buffer_cnt(const struct perf_buffer *pb)
{
	(void)pb;
	return 1;
}

EU_API int perf_buffer__consume_buffer(struct perf_buffer *pb, size_t index)
{
	return index ? eu_err(-EINVAL) : perf_buffer__consume(pb);
}

EU_API int perf_buffer__buffer_fd(const struct perf_buffer *, size_t)
{
	return eu_err(-ENOTSUP);
}

EU_API int perf_buffer__buffer(struct perf_buffer *, int, void **, size_t *)
{
	return eu_err(-ENOTSUP);
}

enum bpf_perf_event_ret { LIBBPF_PERF_EVENT_DONE = 0, LIBBPF_PERF_EVENT_ERROR = -1, LIBBPF_PERF_EVENT_CONT = -2 };
struct perf_event_header; /* <linux/perf_event.h> has it */
typedef enum bpf_perf_event_ret (*perf_buffer_event_fn)(void *context, int cpu, struct perf_event_header *event);
struct perf_buffer_raw_opts { size_t sz; int cpu_cnt; int *cpus, *map_keys; };

/* Of perf_buffer__new_raw(), behind its buffer's room, with which it is freed. */
struct eu_perf_raw {
	perf_buffer_event_fn event;
	void *context;
	struct { /* the record: what PERF_SAMPLE_RAW alone asks for, or how many were lost */
		struct { __u32 type; __u16 misc, size; } header;
		union {
			struct { __u32 size; char bytes[1 << 16]; } sample;
			struct { __u64 id, count; } lost;
		};
	} record;
};

EU_API int eu_perf_raw_deliver(void *context, void *data, size_t size)
{
	struct eu_perf_raw *raw = (struct eu_perf_raw *)((struct perf_buffer *)context)->context;
	size_t whole = sizeof(raw->record.header) + sizeof(__u32) + size;

	if (whole > UINT16_MAX)
		return -E2BIG;
	raw->record.header.type = PERF_RECORD_SAMPLE;
	raw->record.header.misc = 0;
	raw->record.header.size = (__u16)whole;
	raw->record.sample.size = (__u32)size;
	memcpy(raw->record.sample.bytes, data, size);
	return raw->event(raw->context, 0, (struct perf_event_header *)&raw->record.header) == LIBBPF_PERF_EVENT_ERROR ? LIBBPF_PERF_EVENT_ERROR : 0;
}

EU_API void eu_perf_raw_lost(void *context, int, __u64 count)
{
	struct eu_perf_raw *raw = (struct eu_perf_raw *)context;

	raw->record.header.type = PERF_RECORD_LOST;
	raw->record.header.misc = 0;
	raw->record.header.size = sizeof(raw->record.header) + sizeof(raw->record.lost);
	raw->record.lost.id = 0;
	raw->record.lost.count = count;
	raw->event(raw->context, 0, (struct perf_event_header *)&raw->record.header);
}

/* Events of BPF output with their bytes alone, of all CPUs: what the host reads. */
EU_API struct perf_buffer *perf_buffer__new_raw(int map_fd, size_t pages, struct perf_event_attr *attr, perf_buffer_event_fn event,
						void *context, const struct perf_buffer_raw_opts *opts)
{
	struct perf_buffer *pb;
	struct eu_perf_raw *raw;
	char *more;
	size_t at;

	if (!attr || !event)
		return (struct perf_buffer *)eu_null(EINVAL);
	if (attr->type != PERF_TYPE_SOFTWARE || attr->config != PERF_COUNT_SW_BPF_OUTPUT || attr->sample_type != PERF_SAMPLE_RAW ||
	    (opts && opts->cpu_cnt > 0))
		return (struct perf_buffer *)eu_null(ENOTSUP);
	pb = perf_buffer__new(map_fd, pages, NULL, eu_perf_raw_lost, NULL, NULL);
	if (!pb)
		return NULL;
	at = eu_pages((size_t)pb->buffer.size);
	more = (char *)realloc(pb->buffer.data, at + sizeof(*raw));
	if (!more) {
		perf_buffer__free(pb);
		return (struct perf_buffer *)eu_null(ENOMEM);
	}
	pb->buffer.data = more;
	raw = (struct eu_perf_raw *)(more + at);
	raw->event = event;
	raw->context = context;
	pb->context = raw;
	pb->deliver = eu_perf_raw_deliver;
	return pb;
}
#endif

/* Ring and perf buffers. Records come in batches, and those behind one whose callback said stop are kept for the next poll. */
#ifndef EUNOMIA_BUFFERS_H
#define EUNOMIA_BUFFERS_H
#pragma GCC system_header
#include <eunomia/elements.h>

enum { EU_BATCH = 64 * 1024, EU_BATCH_MAX = 1024 * 1024, EU_ROUNDS = 256 };

struct eu_buffer {
	int fd, size, filled, at;
	char *data;
	int64_t lost; /* that were told */
};

struct eu_record { /* in front of each, in a batch */
	uint32_t size, true_size;
};

EU_API int eu_buffer_init(struct eu_buffer *buffer, int fd)
{
	struct eu_map_info info;
	int result = wasm_bpf_map_info_by_fd(fd, &info, sizeof(info));

	if (result < 0)
		return result;
	/* A ring has no record that is larger than itself; a record of a perf buffer is below 64 KiB. */
	buffer->size = info.type == BPF_MAP_TYPE_RINGBUF && info.max_entries > EU_BATCH
			       ? (int)(info.max_entries < EU_BATCH_MAX ? info.max_entries : EU_BATCH_MAX)
			       : EU_BATCH;
	buffer->size += 4096;
	buffer->fd = fd;
	buffer->data = (char *)aligned_alloc(8, buffer->size);
	return buffer->data ? 0 : -ENOMEM;
}

/* Call back for what the batch has left: how many records, or what the callback said to stop. */
EU_API int eu_buffer_deliver(struct eu_buffer *buffer, int (*deliver)(void *, void *, size_t), void *context)
{
	int count = 0;

	while (buffer->at < buffer->filled) {
		struct eu_record *record = (struct eu_record *)(buffer->data + buffer->at);
		int said;

		buffer->at += sizeof(*record) + (record->size + 7) / 8 * 8;
		said = deliver(context, record + 1, record->size);
		if (said < 0)
			return said;
		count++;
	}
	return count;
}

/* Deliver what is there, waiting at most timeout_ms for the first record. */
EU_API int eu_buffer_poll(struct eu_buffer *buffer, int timeout_ms, int (*deliver)(void *, void *, size_t), void *context)
{
	int round, total = 0;

	for (round = 0; round < EU_ROUNDS; round++) {
		int count = eu_buffer_deliver(buffer, deliver, context);

		if (count < 0)
			return count;
		total += count;
		count = wasm_bpf_buffer_poll_batch(buffer->fd, buffer->data, buffer->size, total ? 0 : timeout_ms);
		eu_pause_point();
		if (count <= 0)
			return total ? total : count;
		buffer->at = 0;
		buffer->filled = count;
	}
	return total;
}

struct ring {
	struct eu_buffer buffer;
	ring_buffer_sample_fn callback;
	void *context;
};
struct ring_buffer {
	int count;
	struct ring **rings;
	int *fds;
};

EU_API void ring_buffer__free(struct ring_buffer *rb)
{
	int i;

	if (!rb)
		return;
	for (i = 0; i < rb->count; i++) {
		free(rb->rings[i]->buffer.data);
		free(rb->rings[i]);
	}
	free(rb->rings);
	free(rb->fds);
	free(rb);
}

EU_API int ring_buffer__add(struct ring_buffer *rb, int map_fd, ring_buffer_sample_fn callback, void *context)
{
	struct ring *ring = (struct ring *)calloc(1, sizeof(*ring));
	struct ring **rings = (struct ring **)realloc(rb->rings, (rb->count + 1) * sizeof(*rings));
	int *fds = (int *)realloc(rb->fds, (rb->count + 1) * sizeof(*fds)), result = -ENOMEM;

	if (rings)
		rb->rings = rings;
	if (fds)
		rb->fds = fds;
	if (ring && rings && fds)
		result = eu_buffer_init(&ring->buffer, map_fd);
	if (result < 0) {
		free(ring);
		return eu_refused(result);
	}
	ring->callback = callback;
	ring->context = context;
	rb->rings[rb->count] = ring;
	rb->fds[rb->count++] = map_fd;
	return 0;
}

EU_API struct ring_buffer *ring_buffer__new(int map_fd, ring_buffer_sample_fn callback, void *context, const struct ring_buffer_opts *)
{
	struct ring_buffer *rb = (struct ring_buffer *)calloc(1, sizeof(*rb));

	if (rb && ring_buffer__add(rb, map_fd, callback, context)) {
		ring_buffer__free(rb);
		rb = NULL;
	}
	return rb;
}

EU_API int ring_buffer__poll(struct ring_buffer *rb, int timeout_ms)
{
	int i, total = 0, result;

	if (rb->count == 1)
		return eu_err(eu_buffer_poll(&rb->rings[0]->buffer, timeout_ms, rb->rings[0]->callback, rb->rings[0]->context));
	for (i = 0; i < rb->count; i++)
		if (rb->rings[i]->buffer.at < rb->rings[i]->buffer.filled)
			timeout_ms = 0;
	result = wasm_bpf_buffers_wait(rb->fds, rb->count, timeout_ms);
	eu_pause_point();
	if (result < 0 && result != -EAGAIN)
		return eu_err(result);
	for (i = 0; i < rb->count; i++) {
		result = eu_buffer_poll(&rb->rings[i]->buffer, 0, rb->rings[i]->callback, rb->rings[i]->context);
		if (result < 0)
			return eu_err(result);
		total += result;
	}
	return total;
}

EU_API int ring_buffer__consume(struct ring_buffer *rb)
{
	return ring_buffer__poll(rb, 0);
}

/* No descriptor to poll(2): guests wait by ring_buffer__poll(). */
EU_API int ring_buffer__epoll_fd(const struct ring_buffer *)
{
	return eu_err(-ENOTSUP);
}

struct perf_buffer {
	struct eu_buffer buffer;
	int (*deliver)(void *perf_buffer, void *data, size_t size);
	perf_buffer_sample_fn sample;
	perf_buffer_lost_fn lost;
	void *context;
};

/* Which CPU a record comes from is not told: 0. */
EU_API int eu_perf_sample(void *context, void *data, size_t size)
{
	struct perf_buffer *pb = (struct perf_buffer *)context;

	pb->sample(pb->context, 0, data, (__u32)size);
	return 0;
}

EU_API struct perf_buffer *perf_buffer__new(int map_fd, size_t, perf_buffer_sample_fn sample, perf_buffer_lost_fn lost, void *context,
					    const struct perf_buffer_opts *)
{
	struct perf_buffer *pb = (struct perf_buffer *)calloc(1, sizeof(*pb));
	int result = pb ? eu_buffer_init(&pb->buffer, map_fd) : -ENOMEM;

	if (!result) /* the host opens the buffers with the first poll: nothing is missed from now on */
		result = wasm_bpf_buffer_poll_batch(map_fd, pb->buffer.data, pb->buffer.size, 0);
	if (result < 0) {
		eu_refused(result);
		if (pb)
			free(pb->buffer.data);
		free(pb);
		return NULL;
	}
	pb->buffer.filled = result;
	pb->deliver = eu_perf_sample;
	pb->sample = sample;
	pb->lost = lost;
	pb->context = context;
	return pb;
}

EU_API void perf_buffer__free(struct perf_buffer *pb)
{
	if (pb)
		free(pb->buffer.data);
	free(pb);
}

EU_API int perf_buffer__poll(struct perf_buffer *pb, int timeout_ms)
{
	int result = eu_buffer_poll(&pb->buffer, timeout_ms, pb->deliver, pb);
	int64_t lost = pb->lost ? wasm_bpf_buffer_lost(pb->buffer.fd) : 0;

	if (lost > pb->buffer.lost) {
		pb->lost(pb->context, 0, (__u64)(lost - pb->buffer.lost));
		pb->buffer.lost = lost;
	}
	return eu_err(result);
}

EU_API int perf_buffer__consume(struct perf_buffer *pb)
{
	int result = perf_buffer__poll(pb, 0);

	return result < 0 ? result : 0;
}

EU_API int perf_buffer__epoll_fd(const struct perf_buffer *)
{
	return eu_err(-ENOTSUP);
}

/* Either of them behind one name, as libbpf-tools and wasm-bpf have it. */
struct bpf_buffer {
	struct bpf_map *events;
	struct eu_buffer buffer;
	bpf_buffer_sample_fn sample;
	bpf_buffer_lost_fn lost;
	void *context;
};

EU_API struct bpf_buffer *eu_bpf_buffer_new(struct bpf_map *events, struct bpf_map *heap)
{
	struct bpf_buffer *buffer = (struct bpf_buffer *)calloc(1, sizeof(*buffer));

	if (!buffer)
		return (struct bpf_buffer *)eu_null(ENOMEM);
	buffer->events = events;
	if (!heap || events->object->is_loaded)
		return buffer;
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) > 0) {
		bpf_map__set_autocreate(heap, false);
	} else {
		bpf_map__set_type(events, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
		bpf_map__set_key_size(events, sizeof(int));
		bpf_map__set_value_size(events, sizeof(int));
	}
	return buffer;
}

EU_API int eu_bpf_buffer_open(struct bpf_buffer *buffer, bpf_buffer_sample_fn sample, bpf_buffer_lost_fn lost, void *context)
{
	int result = eu_buffer_init(&buffer->buffer, buffer->events->info.fd);

	buffer->sample = sample;
	buffer->lost = lost;
	buffer->context = context;
	if (!result)
		result = wasm_bpf_buffer_poll_batch(buffer->buffer.fd, buffer->buffer.data, buffer->buffer.size, 0);
	buffer->buffer.filled = result > 0 ? result : 0;
	return result < 0 ? eu_refused(result) : 0;
}

EU_API int eu_bpf_buffer_deliver(void *context, void *data, size_t size)
{
	struct bpf_buffer *buffer = (struct bpf_buffer *)context;
	int said = buffer->sample(buffer->context, data, size);

	/* A perf buffer's callback has no say in libbpf: only a ring's ends the poll. */
	return buffer->events->info.type == BPF_MAP_TYPE_RINGBUF ? said : 0;
}

EU_API int bpf_buffer__poll(struct bpf_buffer *buffer, int timeout_ms)
{
	int result = eu_buffer_poll(&buffer->buffer, timeout_ms, eu_bpf_buffer_deliver, buffer);
	int64_t lost = buffer->lost ? wasm_bpf_buffer_lost(buffer->buffer.fd) : 0;

	if (lost > buffer->buffer.lost) {
		buffer->lost(buffer->context, 0, (__u64)(lost - buffer->buffer.lost));
		buffer->buffer.lost = lost;
	}
	return eu_err(result);
}

EU_API void bpf_buffer__free(struct bpf_buffer *buffer)
{
	if (buffer)
		free(buffer->buffer.data);
	free(buffer);
}
#endif

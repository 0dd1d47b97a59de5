/* The name of libbpf-tools' map_helpers.h. */
#ifndef __MAP_HELPERS_H
#define __MAP_HELPERS_H
#pragma GCC system_header
#include <bpf/bpf.h>

/* All elements of a hash map: at most *count of them, and how many. By batches; by single elements where the kernel has none. */
EU_API int dump_hash(int fd, void *keys, __u32 key_size, void *values, __u32 value_size, __u32 *count, void *invalid_key)
{
	char place[512], *key = (char *)invalid_key;
	__u32 most = *count, done = 0, now;
	int result = 0;

	if (!fd || !keys || !values || !key_size || !value_size || !most || key_size > sizeof(place))
		return eu_err(-EINVAL);
	while (done < most && !result) {
		now = most - done;
		result = wasm_bpf_map_batch(fd, 24, done ? place : NULL, place, (char *)keys + (size_t)done * key_size,
					    (char *)values + (size_t)done * value_size, &now, 0);
		if (result && result != -ENOENT)
			break;
		done += now;
	}
	if (!result || result == -ENOENT) {
		*count = done;
		return 0;
	}
	for (done = 0; done < most && !wasm_bpf_map_operate(fd, 4, key, NULL, (char *)keys + (size_t)done * key_size, 0); done++)
		key = (char *)keys + (size_t)done * key_size;
	for (now = 0, *count = done; now < done; now++) {
		result = wasm_bpf_map_operate(fd, 1, (char *)keys + (size_t)now * key_size, (char *)values + (size_t)now * value_size, NULL,
					      0);
		if (result && result != -ENOENT)
			return eu_err(-1);
	}
	return 0;
}
#endif

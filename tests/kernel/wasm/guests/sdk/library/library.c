#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <eunomia/json.h>

#include "errno_helpers.h"
#include "syscall_helpers.h"
#include "trace_helpers.h"

int main(void)
{
	unsigned values[32] = {[1] = 10, [2] = 3};
	struct json json = json_open(stdout);
	char first[32], second[32], list[] = "1,20,300";
	unsigned long address = 0xffffffff81000042UL;
	int numbers[3], fd = open("/nowhere", O_RDONLY);

	printf("open %d errno %d %s %s\n", fd, errno, strerrorname_np(errno), strerror(errno));
	errno = 0;
	printf("errno after %d\n", errno);
	printf("EINTR %d %s\n", EINTR, strerror(EINTR));
	printf("EUSERS %d %s\n", EUSERS, strerror(EUSERS));
	printf("errno by name %d %d\n", errno_by_name("EINVAL"), errno_by_name("ENOSUCH"));
	printf("long %zu address %lx strtoul %lx\n", sizeof(long), address, strtoul("0xffffffff81000000", NULL, 16));
	printf("limits %ld %lu\n", LONG_MAX, ULONG_MAX);
	syscall_name(strcmp(eu_syscall_names(), EU_SYSCALLS_X86_64) ? 63 : 0, first, sizeof(first));
	syscall_name(435, second, sizeof(second));
	printf("x86 %s %s\n", first, second);
	json_object(&json);
	json_int(&json, "pid", 1);
	json_string(&json, "comm", "a\"b\\\n\xff \xc3\xa9");
	json_array(&json, "list");
	json_uint(&json, NULL, ~0ULL);
	json_double(&json, NULL, 0.5);
	json_null(&json, NULL);
	json_end(&json);
	json_object_in(&json, "in");
	json_bool(&json, "yes", true);
	json_end(&json);
	json_end(&json);
	json_object(&json);
	json_end(&json);
	print_log2_hist(values, 32, "usecs");
	printf("cpu %d\n", libbpf_num_possible_cpus());
	printf("tracepoint %d %d\n", tracepoint_exists("sched", "sched_process_exec"), tracepoint_exists("sched", "nothing"));
	if (!split_convert(list, ",", numbers, sizeof(numbers), sizeof(*numbers), str_to_int))
		printf("split 3: %d %d %d\n", numbers[0], numbers[1], numbers[2]);
	return 0;
}

#include <bpf/libbpf.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

struct event {
	long number;
	char comm[16];
};
#include "cxx.skel.h"

static std::map<std::string, int> seen;

static void on_event(void *, int, void *data, __u32)
{
	auto *event = static_cast<struct event *>(data);
	int &count = seen[event->comm];

	count = count < 2 ? count + 1 : 2;
}

int main()
{
	std::unique_ptr<cxx_bpf, void (*)(cxx_bpf *)> skel(cxx_bpf::open_and_load(), cxx_bpf::destroy);

	signal(SIGINT, [](int) {});
	if (!skel || cxx_bpf::attach(skel.get()))
		return 1;
	perf_buffer *buffer = perf_buffer__new(bpf_map__fd(skel->maps.events), 8, on_event, nullptr, nullptr, nullptr);
	for (int i = 0; i < 100 && seen["true"] < 2; i++)
		if (int result = perf_buffer__poll(buffer, 100); result < 0 && result != -EINTR)
			return 2;
	for (auto &[name, count] : seen)
		printf("%s: %d\n", name.c_str(), count);
	printf("data %ld\n", skel->data->number);
	printf("counted %s\n", skel->bss->counted >= 2 ? "at least 2" : "less");
	perf_buffer__free(buffer);
	return 0;
}

/* As guests of wasm-bpf are written: its header, its buffer, its skeleton (of which this is one by hand, with the same members). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "libbpf-wasm.h"
#include "exec.skel.h"

struct exec_wasm {
	struct bpf_object_skeleton *skeleton;
	struct bpf_object *obj;
	struct {
		struct bpf_map *rb;
		struct bpf_map *rodata;
	} maps;
	struct {
		struct bpf_program *handle_exec;
	} progs;
	struct exec_wasm__rodata {
		int wanted;
	} *rodata;
};

static int create(struct exec_wasm *obj)
{
	struct bpf_object_skeleton *s = calloc(1, sizeof(*s));

	obj->skeleton = s;
	s->sz = sizeof(*s);
	s->name = "exec_bpf";
	s->rodata_offset = 1;
	s->bss_offset = -1;
	s->map_cnt = 2;
	s->map_skel_sz = sizeof(*s->maps);
	s->maps = calloc(s->map_cnt, s->map_skel_sz);
	s->maps[0].name = "rb";
	s->maps[0].map = &obj->maps.rb;
	s->maps[1].name = "exec_bpf.rodata";
	s->maps[1].map = &obj->maps.rodata;
	s->maps[1].mmaped = (void **)&obj->rodata;
	s->prog_cnt = 1;
	s->prog_skel_sz = sizeof(*s->progs);
	s->progs = calloc(s->prog_cnt, s->prog_skel_sz);
	s->progs[0].name = "handle_exec";
	s->progs[0].prog = &obj->progs.handle_exec;
	s->data = exec_bpf__elf_bytes(&s->data_sz);
	return 0;
}

static int handle_event(void *ctx, void *data, size_t data_sz)
{
	const struct event *event = data;

	printf("%s %s\n", event->what == 3 ? "EXEC" : "?", event->comm);
	return 0;
}

int main(void)
{
	struct exec_wasm *skel = calloc(1, sizeof(*skel));
	struct bpf_buffer *buffer;
	int err;

	create(skel);
	if (bpf_object__open_skeleton(skel->skeleton, NULL))
		return 1;
	skel->rodata->wanted = 3;
	bpf_set_prog_attach_target(skel->progs.handle_exec, "");
	err = bpf_object__load_skeleton(skel->skeleton);
	if (!err)
		err = bpf_object__attach_skeleton(skel->skeleton);
	if (err < 0)
		return 2;
	buffer = bpf_buffer__new(skel->maps.rb);
	bpf_buffer__open(buffer, handle_event, NULL);
	do
		err = bpf_buffer__poll(buffer, 100);
	while (err == 0);
	bpf_buffer__free(buffer);
	bpf_object__destroy_skeleton(skel->skeleton);
	return err > 0 ? 0 : 3;
}

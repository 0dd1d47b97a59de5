/* Every C type that an event can have (reference 4.5), sent by one kill(2). */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

enum color { RED = 1, GREEN = -2 };
enum huge { HUGE_ONE = 1, HUGE_VALUE = 0x123456789abULL };
struct point { short x, y; };
typedef unsigned char byte_t;

struct event {
	__u8 u8;
	__s8 s8;
	__u16 u16;
	__s16 s16;
	__u32 u32;
	__s32 s32;
	__u64 u64;
	__s64 s64;
	unsigned __int128 u128;
	__int128 s128;
	bool yes, no;
	char letter;
	float single;
	double twice;
	enum color color;
	enum huge huge;
	void *pointer;
	void (*function)(int);
	struct point point;
	struct point points[2];
	union { int number; char bytes[4]; } either;
	union { __u32 inner_a; __u32 inner_b; };
	struct { int anonymous; };
	unsigned int bit1 : 1, bit7 : 7;
	int sbits : 5;
	char text[8];
	char full[4];
	const char fixed[4];
	char lines[2][6];
	byte_t raw[3];
	int matrix[2][3];
	const volatile int qualified;
	char tail[];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(struct trace_event_raw_sys_enter *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e) + 8, 0);

	if (!e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	e->u8 = 255, e->s8 = -1, e->u16 = 65535, e->s16 = -2, e->u32 = 4294967295U, e->s32 = -3;
	e->u64 = ~0ULL, e->s64 = -4;
	e->yes = true;
	e->letter = 'A';
	*(__u32 *)&e->single = 0x3fc00000;		/* 1.5 */
	*(__u64 *)&e->twice = 0x4004000000000000ULL;	/* 2.5 */
	e->color = GREEN;
	e->huge = HUGE_VALUE;
	e->pointer = (void *)0x1000;
	e->point.x = -7;
	e->points[1].y = 8;
	e->either.number = 0x41424344;
	e->inner_a = 9;
	e->anonymous = 10;
	e->bit1 = 1, e->bit7 = 100, e->sbits = -3;
	__builtin_memcpy(e->text, "text", 5);
	__builtin_memcpy(e->full, "full", 4);
	__builtin_memcpy((void *)e->lines[1], "two", 4);
	e->raw[2] = 200;
	e->matrix[1][2] = 11;
	__builtin_memcpy(e->tail, "tail", 5);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

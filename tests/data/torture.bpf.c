/* Every kind of variable, member and declaration that the package room has to deal with. */
#include "golden/shapes.h"
enum mode { MODE_OFF, MODE_SLOW = 3, MODE_NEGATIVE = -5 };
enum big { BIG_SMALL = 1, BIG_HUGE = 0x1ffffffffULL };
typedef struct { int x, y; } point_t;
typedef char name_t[16];
typedef int (*callback_t)(int, void *);
struct inner { short a : 3; short b : 5; unsigned c : 24; point_t at; };
struct event {
    __u32 pid;
    name_t comm;
    enum mode mode;
    enum big big;
    struct inner in[2];
    union { int number; float real; };
    const char fixed[4];
    char no_nul[3][8];
    void (*function)(int);
    callback_t callback;
    const volatile struct inner *pointer;
    __u64 matrix[2][3];
    __u8 bytes[6];
    bool ok;
    double real64;
    __int128 wide;
    unsigned long flags : 7;
    unsigned long : 0;
    __s64 last;
    char tail[];
};
struct other { __u32 kind; __u64 value; };
RING_MAP(rb);
PERF_MAP(perf);
struct pair { __u32 a; __u16 b; };
HASH_MAP(counts, struct pair, __u64);
HASH_MAP(numbers, __u32, struct other);
struct { __uint(type, 7); __uint(key_size, 4); __uint(value_size, 1016); __uint(max_entries, 128); } stacks SEC(".maps");
struct stack_key { __u32 pid; int kern_stack_id; int user_stack_id; char comm[16]; };
HASH_MAP(samples, struct stack_key, __u64);

const volatile __u32 u32 = 5;
const volatile signed char i8 = -3;
const volatile __u8 u8 = 200;
const volatile __s16 i16 = 0;
const volatile __u16 u16 = 0;
const volatile __u64 u64 = 0;
const volatile __s64 i64 = 0;
const volatile bool on = 1;
const volatile bool off = 0;
const volatile char letter = 'x';
const volatile float f32 = 1.5f;
const volatile double f64 = 0;
const volatile enum mode mode = MODE_SLOW;
const volatile char text[8] = "abc";
const volatile char texts[3][8] = {"one", "two"};
const volatile int ints[4] = {1, 2};
const volatile __u8 matrix[2][2] = {{0}};
const volatile unsigned __int128 wide = 0;
const volatile point_t point = {0};
const volatile callback_t callback = 0;
volatile int counter = 7;
volatile int in_bss;
const volatile int special SEC(".rodata.custom") = 4;
volatile int special_data SEC(".data.custom") = 9;
static volatile int hidden = 3;
__attribute__((visibility("hidden"))) volatile int invisible = 4;
volatile int help = 1, version = 2;
extern int CONFIG_HZ __attribute__((weak, section(".kconfig")));
extern bool CONFIG_BPF __attribute__((weak, section(".kconfig")));
extern int LINUX_KERNEL_VERSION __attribute__((weak, section(".kconfig")));
EXPORT(event);
EXPORT(other);
EXPORT(stack_key);

__attribute__((noinline)) int subprogram(int x) { return x + hidden + invisible; }

PROG("?tp/sched/sched_process_exec", second) {
    return subprogram(u32 + i8 + u8 + i16 + u16 + on + off + letter + mode + text[0] + texts[0][0] + ints[0] + matrix[0][0]);
}
PROG("tp/sched/sched_process_exec", first) {
    return subprogram(u64 + i64 + wide + point.x + counter + in_bss + special + special_data + help + version + (callback != 0) +
                      CONFIG_HZ + CONFIG_BPF + LINUX_KERNEL_VERSION + *(volatile int *)&f32 + *(volatile int *)&f64);
}

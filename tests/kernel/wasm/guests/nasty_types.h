/* Types that nobody wishes for, each the value of a map in the test of generated definitions. No header is needed. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef signed char s8;
typedef unsigned long long u64;
typedef long long s64;
typedef _Bool bool;

enum color { RED, GREEN = 5, BLUE = -3 };
enum big64 { B64_A = 1ULL << 40, B64_B = 0xffffffffffffffffULL };
enum neg64 { N64_A = -(1LL << 40), N64_B = 1 };
typedef int a_t;
typedef a_t b_t;
typedef b_t c_t[3];
typedef c_t d_t[2];
typedef struct { int x; struct { short y; union { char z; long w; }; } in; } anon_td;
typedef const volatile anon_td cv_td;
struct fwd;
struct empty {};

struct task_struct___flavour { int pid; long x___y; };
struct flex { int n; struct { u8 a; u32 b; } __attribute__((packed)) items[]; };
struct keywords {
	int type, match, self, Self, super, crate, fn, impl, mod, func, chan, defer, go, package, range, select, var, map, interface,
		fallthrough, class, template, new, delete, this, private, namespace, operator, and, async, await, dyn, let, move, mut, pub,
		ref, trait, use, where, yield, try, gen, box, abstract, final, virtual, override, macro, unsized, loop, import, string, len,
		nil, make, append, error, any, uint8, int32, byte, std, core, eunomia, String, Vec, Option, Some, None, Ok, Err;
};
struct widths { int u8, u16, i32, f64, usize, str; };
struct bits {
	u32 a : 1, b : 2, c : 29;
	s32 d : 1, e : 7, : 3, f : 21;
	u64 g : 33, h : 31;
	s64 i : 63, j : 1;
	u8 k : 3, l : 5;
	bool m : 1, n : 1;
	enum color o : 4;
	s8 p : 4;
	u64 q : 64;
	u32 : 0;
	u16 r : 9;
	char s;
	u32 t : 24;
	enum big64 u : 50;
	unsigned __int128 huge;
};
struct packed_bits { u8 x; u64 a : 61; u64 b : 61; s32 c : 5; } __attribute__((packed));
struct aligned64 { int a; } __attribute__((aligned(64)));
struct holds_aligned { char c; struct aligned64 in; char d; };
struct deep {
	struct {
		union {
			struct { int a; union { long b; char c[3]; }; };
			struct { short d; struct { char e; } named; };
		};
		struct { int x; };
		struct { int y; } arr[2][3];
		union { int q; float r; } u[2];
	};
};
struct packed_in { char a; long b; int c[3]; struct bits bb; } __attribute__((packed));
struct pointers {
	void *p;
	int (*fp)(int, struct fwd *);
	struct fwd *f;
	const char *s;
	int (*arrp)[5];
	void (*fps[3])(void);
	struct pointers *next;
};
struct numbers {
	long l;
	unsigned long ul;
	long long ll;
	short sh;
	signed char sc;
	unsigned char uc;
	char c;
	bool b;
	float f;
	double d;
	__int128 i128;
	unsigned __int128 u128;
};
struct arrays {
	int a[2][3][4];
	char s[3][5];
	struct deep d[2];
	anon_td t[2];
	d_t dd;
	int z[0];
	enum color e[2];
	bool bb[3];
	double x[2];
};
union either { int a; long b; char c[17]; struct bits d; enum color e; };
struct holds_unions { union either u; union either us[2]; union { int a1; u64 b1 : 5; s32 c1 : 17; } named; };
struct Type { int a; };
struct holds_type { struct Type t; };
struct empties { struct empty a; int b; struct empty c; };
struct holds_flavour { struct task_struct___flavour t; };
struct only_anonymous { union { struct { int a; }; int b; }; };
struct constants { enum color a; enum big64 b; enum neg64 c; anon_td d; cv_td e; };
struct big { char x[100000]; long y; };

// A component's core module, the canonical ABI by hand: wasm-tools makes the component of it and wit/eunomia-bpf.wit.
#include <stddef.h>
#include <stdint.h>

#define FROM(module, name) __attribute__((import_module(module), import_name(name)))
#define OBJECTS(name) FROM("eunomia:bpf/objects@0.1.0", name)

typedef struct {
    const char *at;
    uint32_t size;
} text;
struct answer { // of result<T, error>: which, then the value or {errno, line}
    uint8_t is_error;
    uint32_t value;
    text words;
    uint32_t more;
};
struct sample {
    uint32_t size;
    text bytes;
};

OBJECTS("[static]object.open") void object_open(const void *elf, uint32_t size, uint32_t is_named, const char *, uint32_t, struct answer *);
OBJECTS("[method]object.load") void object_load(uint32_t self, struct answer *);
OBJECTS("[method]object.get-map") void object_map(uint32_t self, const char *, uint32_t, struct answer *);
OBJECTS("[method]object.get-program") void object_program(uint32_t self, const char *, uint32_t, struct answer *);
OBJECTS("[method]object.maps") void object_maps(uint32_t self, text *);
OBJECTS("[method]program.test-run") void program_test(uint32_t self, const void *, uint32_t, uint32_t repeat, struct answer *);
OBJECTS("[method]program.attach") void program_attach(uint32_t self, uint32_t has, const char *, uint32_t, struct answer *);
OBJECTS("[method]bpf-map.update") void map_update(uint32_t self, const void *, uint32_t, const void *, uint32_t, uint64_t, struct answer *);
OBJECTS("[method]bpf-map.lookup") void map_lookup(uint32_t self, const void *, uint32_t, struct answer *);
OBJECTS("[static]ring.open") void ring_open(uint32_t map, struct answer *);
OBJECTS("[method]ring.poll") void ring_poll(uint32_t self, int32_t timeout_ms, uint32_t room, struct answer *);
OBJECTS("[resource-drop]object") void object_drop(uint32_t self);
FROM("eunomia:bpf/console@0.1.0", "print") void print(const char *, uint32_t);

static char heap[1 << 20];
static uint32_t used;

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, uint32_t old_size, uint32_t align, uint32_t size) {
    used = (used + align - 1) & ~(align - 1);
    void *at = heap + used;
    used += size;
    return at;
}

static const unsigned char elf[] = {
#embed "object.o"
};

static uint32_t length(const char *words) {
    uint32_t n = 0;
    while (words[n])
        n++;
    return n;
}

static void say(const char *what, uint32_t number) {
    char line[64];
    uint32_t n = 0;
    for (; what[n]; n++)
        line[n] = what[n];
    line[n++] = ' ';
    for (uint32_t base = 1000000000, begun = 0; base; base /= 10)
        if ((begun |= number / base) || base == 1)
            line[n++] = '0' + number / base % 10;
    line[n++] = '\n';
    print(line, n);
}

static uint32_t need(const char *what, const struct answer *answer) {
    if (answer->is_error) {
        say(what, answer->value);
        print(answer->words.at, answer->words.size);
        print("\n", 1);
        __builtin_trap();
    }
    return answer->value;
}

__attribute__((export_name("run"))) uint32_t run(const text *args, uint32_t count) {
    struct answer answer;
    text maps;
    unsigned char packet[64] = {0};
    uint32_t key = 0, value = 77;
    say("arguments", count);
    if (count && args[0].at[0] == 'l') // loop
        for (volatile int i = 0;; i++)
            ;
    object_open("no ELF", 6, 0, "", 0, &answer);
    say("no ELF", answer.is_error);
    object_open(elf, sizeof(elf), 1, "name", 4, &answer);
    uint32_t object = need("open", &answer);
    object_maps(object, &maps);
    say("maps", maps.size);
    object_load(object, &answer);
    need("load", &answer);
    object_map(object, "nothing", 7, &answer);
    say("no map", answer.value);
    object_map(object, "first", 5, &answer);
    uint32_t map = need("map", &answer);
    object_map(object, "values", 6, &answer);
    uint32_t values = need("map", &answer);
    map_update(values, &key, 4, &value, 4, 0, &answer);
    need("update", &answer);
    map_lookup(values, &key, 4, &answer);
    need("lookup", &answer);
    say("value", *(const uint32_t *)(uintptr_t)answer.value);
    map_lookup(values, packet, 7, &answer);
    print(answer.words.at, answer.words.size);
    print("\n", 1);
    ring_open(map, &answer);
    uint32_t ring = need("ring", &answer);
    if (count && args[0].at[0] == 'w') { // wait
        ring_poll(ring, -1, 4096, &answer);
        say("polled", answer.value);
    }
    object_program(object, "emit", 4, &answer);
    uint32_t program = need("program", &answer);
    for (uint32_t i = 0; i < 3; i++) {
        program_test(program, packet, 60 + i, 1, &answer);
        need("test", &answer);
    }
    ring_poll(ring, 1000, 4096, &answer);
    need("poll", &answer);
    const struct sample *samples = (const struct sample *)(uintptr_t)answer.value;
    for (uint32_t i = 0; i < (uint32_t)(uintptr_t)answer.words.at; i++)
        say("sample", *(const uint32_t *)samples[i].bytes.at);
    program_attach(program, 1, "iface:lo", 8, &answer);
    say("attach", answer.is_error);
    object_drop(object);
    return 9;
}

/* Maps of all kinds through one call. */
#include "check.h"
#include "maps.skel.h"

static struct maps_bpf *skel;
static int of(const char *name)
{
    int fd = wasm_bpf_map_fd_by_name(skel->skeleton->obj, name);

    if (fd < 0)
        check(name, fd, 0);
    return fd;
}

static void hashes(void)
{
    int fd = of("hash");
    uint32_t key = 1, next = 99, missing = 77, sum = 0;
    uint64_t value = 11;

    check("hash: empty", bpf_map_get_next_key(fd, NULL, &next), -L_ENOENT);
    check("hash: lookup missing", bpf_map_lookup_elem(fd, &key, &value), -L_ENOENT);
    check("hash: delete missing", bpf_map_delete_elem(fd, &key), -L_ENOENT);
    check("hash: EXIST on missing", bpf_map_update_elem(fd, &key, &value, BPF_EXIST), -L_ENOENT);
    check("hash: update", bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
    check("hash: NOEXIST on existing", bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST), -L_EEXIST);
    value = 0;
    check("hash: lookup", bpf_map_lookup_elem(fd, &key, &value), 0);
    check("hash: value", (long long)value, 11);
    for (key = 2; key <= 4; key++)
        bpf_map_update_elem(fd, &key, &value, BPF_ANY);
    check("hash: full", bpf_map_update_elem(fd, &key, &value, BPF_ANY), -L_E2BIG);
    check("hash: first key of 0", bpf_map_get_next_key(fd, NULL, &next), 0);
    check("hash: first key of a missing one", bpf_map_get_next_key(fd, &missing, &key), 0);
    check("hash: the same", key, next);
    for (sum = next; bpf_map_get_next_key(fd, &next, &key) == 0; next = key)
        sum += key;
    check("hash: all keys", sum, 1 + 2 + 3 + 4);
    check("hash: end", bpf_map_get_next_key(fd, &next, &key), -L_ENOENT);
    key = 3;
    check("hash: lookup and delete", wasm_bpf_map_operate(fd, 21, &key, &value, NULL, 0), 0);
    check("hash: gone", bpf_map_lookup_elem(fd, &key, &value), -L_ENOENT);
    check("hash: no value", bpf_map_update_elem(fd, &key, (void *)0xfffffff0u, BPF_ANY), -L_EFAULT);
}

static void arrays(void)
{
    int fd = of("array");
    uint32_t key = 3, next;
    uint64_t value = 33;

    check("array: update", bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
    value = 0;
    check("array: lookup", bpf_map_lookup_elem(fd, &key, &value), 0);
    check("array: value", (long long)value, 33);
    check("array: last has no next", bpf_map_get_next_key(fd, &key, &next), -L_ENOENT);
    check("array: first", bpf_map_get_next_key(fd, NULL, &next), 0);
    check("array: first is 0", next, 0);
    key = 4;
    check("array: outside", bpf_map_update_elem(fd, &key, &value, BPF_ANY), -L_E2BIG);
    check("array: NOEXIST", (key = 0, bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST)), -L_EEXIST);
}

/* A value for each possible CPU, each padded to 8 bytes; nothing behind the last one is touched. */
static void per_cpu(void)
{
    static unsigned char values[16 * 1024];
    int fd = of("cpu_array"), cpus = 0, odd = 0, hash = of("cpu_hash");
    uint32_t key = 1;

    memset(values, 0xee, sizeof(values));
    check("per CPU: lookup", bpf_map_lookup_elem(fd, &key, values), 0);
    while (cpus < 1000 && values[cpus * 16] != 0xee)
        cpus++;
    check_between("per CPU: CPUs", cpus, 1, 1000);
    for (size_t at = (size_t)cpus * 16; at < sizeof(values); at++)
        odd += values[at] != 0xee;
    check("per CPU: nothing behind", odd, 0);
    for (int cpu = 0; cpu < cpus; cpu++)
        memset(values + cpu * 16, cpu + 1, 13);
    check("per CPU: update", bpf_map_update_elem(fd, &key, values, BPF_ANY), 0);
    memset(values, 0, sizeof(values));
    check("per CPU: lookup again", bpf_map_lookup_elem(fd, &key, values), 0);
    for (int cpu = 0; cpu < cpus; cpu++)
        odd += values[cpu * 16] != cpu + 1 || values[cpu * 16 + 12] != cpu + 1;
    check("per CPU: values", odd, 0);
    memset(values, 0xee, sizeof(values));
    for (int cpu = 0; cpu < cpus; cpu++)
        ((uint64_t *)values)[cpu] = 100 + (uint64_t)cpu;
    check("per CPU hash: update", bpf_map_update_elem(hash, &key, values, BPF_ANY), 0);
    memset(values, 0xee, sizeof(values));
    check("per CPU hash: lookup", bpf_map_lookup_elem(hash, &key, values), 0);
    for (int cpu = 0; cpu < cpus; cpu++)
        odd += ((uint32_t *)values)[2 * cpu] != 100 + (uint32_t)cpu;
    check("per CPU hash: values", odd, 0);
    check("per CPU hash: nothing behind", values[8 * cpus], 0xee);
    check("per CPU: value over the end",
          bpf_map_lookup_elem(fd, &key, (void *)((size_t)__builtin_wasm_memory_size(0) * 65536 - 16 * (size_t)cpus + 1)), -L_EFAULT);
}

static void keyless(void)
{
    int queue = of("queue"), stack = of("stack"), bloom = of("bloom");
    uint32_t value;

    for (value = 1; value <= 4; value++) {
        check("queue: push", bpf_map_update_elem(queue, NULL, &value, BPF_ANY), 0);
        check("stack: push", bpf_map_update_elem(stack, NULL, &value, BPF_ANY), 0);
    }
    check("queue: full", bpf_map_update_elem(queue, NULL, &value, BPF_ANY), -L_E2BIG);
    check("queue: full, oldest goes", bpf_map_update_elem(queue, NULL, &value, BPF_EXIST), 0);
    check("queue: peek", bpf_map_lookup_elem(queue, NULL, &value), 0);
    check("queue: oldest", value, 2);
    check("stack: peek", bpf_map_lookup_elem(stack, NULL, &value), 0);
    check("stack: newest", value, 4);
    check("stack: pop", wasm_bpf_map_operate(stack, 21, NULL, &value, NULL, 0), 0);
    check("stack: next", (bpf_map_lookup_elem(stack, NULL, &value), value), 3);
    for (int i = 0; i < 4; i++)
        wasm_bpf_map_operate(queue, 21, NULL, &value, NULL, 0);
    check("queue: last", value, 5);
    check("queue: empty", wasm_bpf_map_operate(queue, 21, NULL, &value, NULL, 0), -L_ENOENT);
    check("bloom: add", bpf_map_update_elem(bloom, NULL, &value, BPF_ANY), 0);
    check("bloom: there", bpf_map_lookup_elem(bloom, NULL, &value), 0);
    value = 123456;
    check("bloom: not there", bpf_map_lookup_elem(bloom, NULL, &value), -L_ENOENT);
}

static void tries(void)
{
    struct {
        uint32_t length;
        uint8_t address[4];
    } net = {8, {10}}, host = {32, {10, 1, 2, 3}}, next;
    int fd = of("trie");
    uint32_t value = 10;

    check("trie: update", bpf_map_update_elem(fd, &net, &value, BPF_ANY), 0);
    net.length = 16, net.address[1] = 1, value = 1001;
    check("trie: longer", bpf_map_update_elem(fd, &net, &value, BPF_ANY), 0);
    check("trie: lookup", bpf_map_lookup_elem(fd, &host, &value), 0);
    check("trie: longest prefix", value, 1001);
    host.address[1] = 2;
    check("trie: shorter prefix", (bpf_map_lookup_elem(fd, &host, &value), value), 10);
    host.address[0] = 11;
    check("trie: none", bpf_map_lookup_elem(fd, &host, &value), -L_ENOENT);
    check("trie: first key", bpf_map_get_next_key(fd, NULL, &next), 0);
}

/* Values of a map of maps are the guest's own descriptors going in, and ids coming out. */
static void map_in_map(void)
{
    int outer = of("outer"), inner = of("inner_a"), other = of("array"), foreign = 1;
    uint32_t key = 5, id = 0;

    check("maps in map: empty", bpf_map_lookup_elem(outer, &key, &id), -L_ENOENT);
    check("maps in map: update", bpf_map_update_elem(outer, &key, &inner, BPF_ANY), 0);
    check("maps in map: lookup", bpf_map_lookup_elem(outer, &key, &id), 0);
    check_between("maps in map: id", id, 1, 0xffffffffll);
    check_error("maps in map: of another shape", bpf_map_update_elem(outer, &key, &other, BPF_ANY));
    check_error("maps in map: a descriptor of the host", bpf_map_update_elem(outer, &key, &foreign, BPF_ANY));
    check("maps in map: delete", bpf_map_delete_elem(outer, &key), 0);
}

int main(void)
{
    skel = maps_bpf__open();
    if (!skel || maps_bpf__load(skel))
        return 1;
    hashes();
    arrays();
    per_cpu();
    keyless();
    tries();
    map_in_map();
    return checked();
}

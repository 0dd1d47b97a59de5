// SPDX-License-Identifier: GPL-2.0
/* As it would be written for a machine of 64 bits: tc, packet sockets, structures with pointers, batches. */
#include "network.h"
#include "network.skel.h"
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

static int watch(const char *name, int program) {
    struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int fd = socket(PF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
    place.sll_ifindex = if_nametoindex(name);
    if (fd < 0 || bind(fd, (struct sockaddr *)&place, sizeof(place)))
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program));
}

static void show_tasks(int fd) {
    struct key key;
    struct value value;
    char *pointer, **last = NULL;
    int deleted = 0;
    if (!bpf_map_get_next_key(fd, NULL, &key) && !bpf_map_lookup_elem(fd, &key, &value))
        printf("task: size %zx below %zd first %c last %d\n", value.size, value.below, value.first, value.last);
    while (!deleted && !bpf_map_get_next_key(fd, last, &pointer)) {
        deleted = !bpf_map_lookup_elem(fd, &pointer, &value) && value.last == 7 && !bpf_map_delete_elem(fd, &pointer);
        last = &pointer;
    }
    printf("by pointer: %d\n", deleted);
}

static void show_numbers(int fd) {
    __u32 keys[64], count, total = 0, guard = 1;
    __u64 values[64];
    void *in = NULL, *out;
    int err = 0;
    while (total < 60 && !err) {
        count = 4;
        err = bpf_map_lookup_and_delete_batch(fd, &in, &out, keys + total, values + total, &count, NULL);
        if (err < 0 && err != -ENOENT)
            break;
        total += count;
        in = out;
    }
    printf("batches: %u %d %u\n", total, err, guard);
}

int main(int argc, char **argv) {
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_INGRESS);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);
    struct network_bpf *skel = network_bpf__open();
    int err;
    if (!skel)
        return 1;
    skel->bss->my_pid = getpid();
    if (network_bpf__load(skel))
        return 1;
    err = bpf_tc_hook_create(&hook);
    opts.prog_fd = bpf_program__fd(skel->progs.on_tc);
    if (!err)
        err = bpf_tc_attach(&hook, &opts);
    printf("tc: %d, again: %d\n", err, bpf_tc_attach(&hook, &opts));
    printf("socket: %d\n", watch("lo", bpf_program__fd(skel->progs.on_socket)));
    printf("attach: %d\n", network_bpf__attach(skel));
    for (int i = 0; i < 600 && !(skel->bss->on_tc_seen && skel->bss->on_socket_seen); i++)
        usleep(50000);
    printf("seen: %d %d\n", skel->bss->on_tc_seen > 0, skel->bss->on_socket_seen > 0);
    show_tasks(bpf_map__fd(skel->maps.tasks));
    show_numbers(bpf_map__fd(skel->maps.numbers));
    opts.flags = opts.prog_fd = opts.prog_id = 0;
    err = bpf_tc_detach(&hook, &opts);
    printf("detach: %d, again: %d\n", err, bpf_tc_detach(&hook, &opts));
    network_bpf__destroy(skel);
    return 0;
}

#define _GNU_SOURCE
#include "tc_filters.h"
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_SIZE = 32768 };

/* 1 for the first message of a kind that is listed, of this interface; 0 at the end of the list, -1 for an error. */
static int first_listed(int fd, uint16_t kind, int ifindex) {
    char answer[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
    for (;;) {
        ssize_t size = recv(fd, answer, sizeof(answer), 0);
        if (size <= 0)
            return -1;
        for (struct nlmsghdr *head = (struct nlmsghdr *)answer; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size)) {
            const struct tcmsg *message = NLMSG_DATA(head);
            if (head->nlmsg_type == NLMSG_DONE)
                return 0;
            if (head->nlmsg_type == NLMSG_ERROR)
                return -1;
            if (head->nlmsg_type == kind && head->nlmsg_len >= NLMSG_LENGTH(sizeof(*message)) && message->tcm_ifindex == ifindex &&
                (kind != RTM_NEWQDISC || message->tcm_parent == TC_H_CLSACT))
                return 1;
        }
    }
}

static int is_listed(int ifindex, uint16_t ask, uint16_t kind, uint32_t parent) {
    struct {
        struct nlmsghdr head;
        struct tcmsg message;
    } request = {
        .head = {.nlmsg_len = sizeof(request), .nlmsg_type = ask, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .message = {.tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex, .tcm_parent = parent},
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return 1;
    int found = send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request) ? first_listed(fd, kind, ifindex) : -1;
    close(fd);
    return found != 0;
}

int eu_tc_has_filters(int ifindex) {
    return is_listed(ifindex, RTM_GETTFILTER, RTM_NEWTFILTER, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
           is_listed(ifindex, RTM_GETTFILTER, RTM_NEWTFILTER, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
}

int eu_tc_has_qdisc(int ifindex) {
    return is_listed(ifindex, RTM_GETQDISC, RTM_NEWQDISC, 0);
}

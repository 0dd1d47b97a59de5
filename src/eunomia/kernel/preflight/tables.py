"""Numbers and names of helpers, program, map and attach types, and the kernel that has each first.

Source: the order of `enum bpf_func_id`, `bpf_prog_type`, `bpf_map_type` and `bpf_attach_type` in
include/uapi/linux/bpf.h of each release, which only ever grow at the end.
"""

from __future__ import annotations

from eunomia.btf.object import MAP_TYPES

# Names by number, from 1.
HELPERS = [
    "map_lookup_elem", "map_update_elem", "map_delete_elem", "probe_read", "ktime_get_ns", "trace_printk",
    "get_prandom_u32", "get_smp_processor_id", "skb_store_bytes", "l3_csum_replace", "l4_csum_replace", "tail_call",
    "clone_redirect", "get_current_pid_tgid", "get_current_uid_gid", "get_current_comm", "get_cgroup_classid",
    "skb_vlan_push", "skb_vlan_pop", "skb_get_tunnel_key", "skb_set_tunnel_key", "perf_event_read", "redirect",
    "get_route_realm", "perf_event_output", "skb_load_bytes", "get_stackid", "csum_diff", "skb_get_tunnel_opt",
    "skb_set_tunnel_opt", "skb_change_proto", "skb_change_type", "skb_under_cgroup", "get_hash_recalc",
    "get_current_task", "probe_write_user", "current_task_under_cgroup", "skb_change_tail", "skb_pull_data",
    "csum_update", "set_hash_invalid", "get_numa_node_id", "skb_change_head", "xdp_adjust_head", "probe_read_str",
    "get_socket_cookie", "get_socket_uid", "set_hash", "setsockopt", "skb_adjust_room", "redirect_map",
    "sk_redirect_map", "sock_map_update", "xdp_adjust_meta", "perf_event_read_value", "perf_prog_read_value",
    "getsockopt", "override_return", "sock_ops_cb_flags_set", "msg_redirect_map", "msg_apply_bytes",
    "msg_cork_bytes", "msg_pull_data", "bind", "xdp_adjust_tail", "skb_get_xfrm_state", "get_stack",
    "skb_load_bytes_relative", "fib_lookup", "sock_hash_update", "msg_redirect_hash", "sk_redirect_hash",
    "lwt_push_encap", "lwt_seg6_store_bytes", "lwt_seg6_adjust_srh", "lwt_seg6_action", "rc_repeat", "rc_keydown",
    "skb_cgroup_id", "get_current_cgroup_id", "get_local_storage", "sk_select_reuseport", "skb_ancestor_cgroup_id",
    "sk_lookup_tcp", "sk_lookup_udp", "sk_release", "map_push_elem", "map_pop_elem", "map_peek_elem",
    "msg_push_data", "msg_pop_data", "rc_pointer_rel", "spin_lock", "spin_unlock", "sk_fullsock", "tcp_sock",
    "skb_ecn_set_ce", "get_listener_sock", "skc_lookup_tcp", "tcp_check_syncookie", "sysctl_get_name",
    "sysctl_get_current_value", "sysctl_get_new_value", "sysctl_set_new_value", "strtol", "strtoul",
    "sk_storage_get", "sk_storage_delete", "send_signal", "tcp_gen_syncookie", "skb_output", "probe_read_user",
    "probe_read_kernel", "probe_read_user_str", "probe_read_kernel_str", "tcp_send_ack", "send_signal_thread",
    "jiffies64", "read_branch_records", "get_ns_current_pid_tgid", "xdp_output", "get_netns_cookie",
    "get_current_ancestor_cgroup_id", "sk_assign", "ktime_get_boot_ns", "seq_printf", "seq_write", "sk_cgroup_id",
    "sk_ancestor_cgroup_id", "ringbuf_output", "ringbuf_reserve", "ringbuf_submit", "ringbuf_discard",
    "ringbuf_query", "csum_level", "skc_to_tcp6_sock", "skc_to_tcp_sock", "skc_to_tcp_timewait_sock",
    "skc_to_tcp_request_sock", "skc_to_udp6_sock", "get_task_stack", "load_hdr_opt", "store_hdr_opt",
    "reserve_hdr_opt", "inode_storage_get", "inode_storage_delete", "d_path", "copy_from_user", "snprintf_btf",
    "seq_printf_btf", "skb_cgroup_classid", "redirect_neigh", "per_cpu_ptr", "this_cpu_ptr", "redirect_peer",
    "task_storage_get", "task_storage_delete", "get_current_task_btf", "bprm_opts_set", "ktime_get_coarse_ns",
    "ima_inode_hash", "sock_from_file", "check_mtu", "for_each_map_elem", "snprintf", "sys_bpf",
    "btf_find_by_name_kind", "sys_close", "timer_init", "timer_set_callback", "timer_start", "timer_cancel",
    "get_func_ip", "get_attach_cookie", "task_pt_regs", "get_branch_snapshot", "trace_vprintk", "skc_to_unix_sock",
    "kallsyms_lookup_name", "find_vma", "loop", "strncmp", "get_func_arg", "get_func_ret", "get_func_arg_cnt",
    "get_retval", "set_retval", "xdp_get_buff_len", "xdp_load_bytes", "xdp_store_bytes", "copy_from_user_task",
    "skb_set_tstamp", "ima_file_hash", "kptr_xchg", "map_lookup_percpu_elem", "skc_to_mptcp_sock",
    "dynptr_from_mem", "ringbuf_reserve_dynptr", "ringbuf_submit_dynptr", "ringbuf_discard_dynptr", "dynptr_read",
    "dynptr_write", "dynptr_data", "tcp_raw_gen_syncookie_ipv4", "tcp_raw_gen_syncookie_ipv6",
    "tcp_raw_check_syncookie_ipv4", "tcp_raw_check_syncookie_ipv6", "ktime_get_tai_ns", "user_ringbuf_drain",
    "cgrp_storage_get", "cgrp_storage_delete",
]  # fmt: skip
# The last number that a release has, for releases that added some.
_HELPER_FLOORS = (
    (3, "3.19"), (11, "4.1"), (16, "4.2"), (22, "4.3"), (25, "4.4"), (26, "4.5"), (30, "4.6"), (36, "4.8"), (41, "4.9"),
    (44, "4.10"), (45, "4.11"), (47, "4.12"), (50, "4.13"), (53, "4.14"), (57, "4.15"), (59, "4.16"), (64, "4.17"),
    (80, "4.18"), (83, "4.19"), (90, "4.20"), (92, "5.0"), (98, "5.1"), (108, "5.2"), (110, "5.3"), (115, "5.5"),
    (118, "5.6"), (124, "5.7"), (135, "5.8"), (141, "5.9"), (155, "5.10"), (162, "5.11"), (163, "5.12"), (165, "5.13"),
    (168, "5.14"), (175, "5.15"), (179, "5.16"), (185, "5.17"), (193, "5.18"), (203, "5.19"), (207, "6.0"),
    (209, "6.1"), (211, "6.2"),
)  # fmt: skip
_MAP_FLOORS = (
    (2, "3.19"), (3, "4.2"), (4, "4.3"), (7, "4.6"), (8, "4.8"), (10, "4.10"), (11, "4.11"), (13, "4.12"), (15, "4.14"),
    (16, "4.15"), (18, "4.18"), (20, "4.19"), (23, "4.20"), (24, "5.2"), (25, "5.4"), (26, "5.6"), (27, "5.8"),
    (28, "5.10"), (29, "5.11"), (30, "5.16"), (31, "6.1"), (32, "6.2"), (33, "6.9"),
)  # fmt: skip
PROGRAM_TYPES = [
    "unspec", "socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp", "perf_event", "cgroup_skb",
    "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg",
    "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2", "sk_reuseport", "flow_dissector",
    "cgroup_sysctl", "raw_tracepoint_writable", "cgroup_sockopt", "tracing", "struct_ops", "ext", "lsm",
    "sk_lookup", "syscall", "netfilter",
]  # fmt: skip
_PROGRAM_FLOORS = (
    (1, "3.19"), (4, "4.1"), (5, "4.7"), (6, "4.8"), (7, "4.9"), (12, "4.10"), (13, "4.13"), (14, "4.14"), (15, "4.15"),
    (18, "4.17"), (20, "4.18"), (21, "4.19"), (22, "4.20"), (24, "5.2"), (25, "5.3"), (26, "5.5"), (28, "5.6"),
    (29, "5.7"), (30, "5.9"), (31, "5.14"), (32, "6.4"),
)  # fmt: skip
ATTACH_TYPES = [
    "cgroup_inet_ingress", "cgroup_inet_egress", "cgroup_inet_sock_create", "cgroup_sock_ops",
    "sk_skb_stream_parser", "sk_skb_stream_verdict", "cgroup_device", "sk_msg_verdict", "cgroup_inet4_bind",
    "cgroup_inet6_bind", "cgroup_inet4_connect", "cgroup_inet6_connect", "cgroup_inet4_post_bind",
    "cgroup_inet6_post_bind", "cgroup_udp4_sendmsg", "cgroup_udp6_sendmsg", "lirc_mode2", "flow_dissector",
    "cgroup_sysctl", "cgroup_udp4_recvmsg", "cgroup_udp6_recvmsg", "cgroup_getsockopt", "cgroup_setsockopt",
    "trace_raw_tp", "trace_fentry", "trace_fexit", "modify_return", "lsm_mac", "trace_iter",
    "cgroup_inet4_getpeername", "cgroup_inet6_getpeername", "cgroup_inet4_getsockname", "cgroup_inet6_getsockname",
    "xdp_devmap", "cgroup_inet_sock_release", "xdp_cpumap", "sk_lookup", "xdp", "sk_skb_verdict",
    "sk_reuseport_select", "sk_reuseport_select_or_migrate", "perf_event", "trace_kprobe_multi", "lsm_cgroup",
    "struct_ops", "netfilter", "tcx_ingress", "tcx_egress", "trace_uprobe_multi", "cgroup_unix_connect",
    "cgroup_unix_sendmsg", "cgroup_unix_recvmsg", "cgroup_unix_getpeername", "cgroup_unix_getsockname",
    "netkit_primary", "netkit_peer", "trace_kprobe_session", "trace_uprobe_session",
]  # fmt: skip
_ATTACH_FLOORS = (
    (2, "4.10"), (3, "4.13"), (5, "4.14"), (6, "4.15"), (13, "4.17"), (15, "4.18"), (16, "4.18"), (17, "4.20"),
    (20, "5.2"), (22, "5.3"), (25, "5.5"), (27, "5.7"), (33, "5.8"), (36, "5.9"), (37, "5.9"), (38, "5.13"),
    (40, "5.14"), (41, "5.15"), (42, "5.18"), (43, "6.0"), (45, "6.4"), (47, "6.6"), (48, "6.6"),
    (53, "6.7"), (55, "6.7"), (56, "6.10"), (57, "6.13"),
)  # fmt: skip
# Kinds of BPF numbers: the kernel's enum, the prefix of its names, our names, the floors.
KINDS = {
    "helper": ("bpf_func_id", "BPF_FUNC_", ["unspec", *HELPERS], _HELPER_FLOORS),
    "map type": ("bpf_map_type", "BPF_MAP_TYPE_", MAP_TYPES, _MAP_FLOORS),
    "program type": ("bpf_prog_type", "BPF_PROG_TYPE_", PROGRAM_TYPES, _PROGRAM_FLOORS),
    "attach type": ("bpf_attach_type", "BPF_", ATTACH_TYPES, _ATTACH_FLOORS),
}
# kfuncs that sources of other projects use often. Source: the kernel's history of BTF_ID_FLAGS(func, …).
KFUNCS = {
    "bpf_rdonly_cast": "6.2", "bpf_cast_to_kern_ctx": "6.2", "bpf_obj_new_impl": "6.2",
    "bpf_obj_drop_impl": "6.2", "bpf_task_acquire": "6.2", "bpf_task_release": "6.2",
    "bpf_task_from_pid": "6.2", "bpf_cgroup_acquire": "6.2", "bpf_cgroup_release": "6.2",
    "bpf_cgroup_ancestor": "6.2", "bpf_cgroup_from_id": "6.4", "bpf_rcu_read_lock": "6.2",
    "bpf_rcu_read_unlock": "6.2", "bpf_iter_num_new": "6.4", "bpf_iter_num_next": "6.4",
    "bpf_iter_num_destroy": "6.4", "bpf_dynptr_from_skb": "6.4", "bpf_dynptr_from_xdp": "6.4",
    "bpf_dynptr_slice": "6.4", "bpf_dynptr_slice_rdwr": "6.4", "bpf_dynptr_adjust": "6.5",
    "bpf_dynptr_size": "6.5", "bpf_dynptr_clone": "6.5", "bpf_task_under_cgroup": "6.5",
    "bpf_throw": "6.7", "bpf_iter_task_new": "6.7", "bpf_iter_task_vma_new": "6.7",
    "bpf_iter_css_new": "6.7", "bpf_cpumask_create": "6.3", "bpf_cpumask_release": "6.3",
    "bpf_arena_alloc_pages": "6.9", "bpf_arena_free_pages": "6.9", "bpf_wq_init": "6.10",
    "bpf_preempt_disable": "6.10", "bpf_iter_bits_new": "6.11", "bpf_copy_from_user_str": "6.12",
    "bpf_get_kmem_cache": "6.13", "bpf_local_irq_save": "6.14", "bpf_session_is_return": "6.10",
    "bpf_xdp_get_xfrm_state": "6.8", "bpf_xdp_metadata_rx_hash": "6.3", "bpf_xdp_metadata_rx_timestamp": "6.3",
    "bpf_skb_ct_lookup": "6.0", "bpf_xdp_ct_lookup": "6.0",
}  # fmt: skip


def name_of(kind: str, number: int) -> str:
    """Return the kernel's name of a number in lower case, the number where it is newer than this table."""
    names = KINDS[kind][2]
    return names[number] if 0 <= number < len(names) else str(number)


def since(kind: str, number: int) -> str:
    """Return the first kernel that has a number, "" where this table does not know."""
    return next((release for last, release in KINDS[kind][3] if number <= last), "")

"""Names in C, Rust and Go: what is reserved there, and how one is made that is free."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CPLUSPLUS = _words(
    "alignas alignof and and_eq asm bitand bitor bool catch char8_t char16_t char32_t class compl concept "
    "consteval constexpr constinit const_cast co_await co_return co_yield decltype delete dynamic_cast explicit "
    "export false friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected "
    "public reinterpret_cast requires static_assert static_cast template this thread_local throw true try typeid "
    "typename using virtual wchar_t xor xor_eq"
)
# structs that the headers of a guest's C library define
LIBC = _words(
    "cmsghdr dirent fd_set flock group hostent if_nameindex in6_addr in6_pktinfo in_addr iovec ip_mreq ipv6_mreq "
    "itimerspec itimerval lconv linger msghdr passwd pollfd rlimit rusage sched_param servent sigaction sigevent "
    "sockaddr sockaddr_in sockaddr_in6 sockaddr_storage sockaddr_un stat statvfs termios timespec timeval "
    "timezone tm tms utimbuf utsname winsize"
)
# structs and enums of linux/bpf.h and bpf/libbpf.h, which skeletons include, of any version
BPF = _words(
    "__sk_buff bpf_attr bpf_btf_info bpf_cgroup_dev_ctx bpf_cgroup_storage_key bpf_common_attr bpf_core_relo "
    "bpf_cpumap_val bpf_devmap_val bpf_dynptr bpf_fib_lookup bpf_flow_keys bpf_func_info bpf_insn "
    "bpf_insn_array_value bpf_iter_attach_opts bpf_iter_link_info bpf_iter_num bpf_kprobe_multi_opts "
    "bpf_kprobe_opts bpf_ksyscall_opts bpf_line_info bpf_link_info bpf_linker_file_opts bpf_linker_opts "
    "bpf_list_head bpf_list_node bpf_lpm_trie_key bpf_lpm_trie_key_hdr bpf_lpm_trie_key_u8 bpf_map_info "
    "bpf_map_skeleton bpf_netfilter_opts bpf_netkit_opts bpf_object_open_opts bpf_object_skeleton "
    "bpf_object_subskeleton bpf_perf_event_opts bpf_perf_event_value bpf_pidns_info bpf_prog_info "
    "bpf_prog_skeleton bpf_raw_tracepoint_args bpf_raw_tracepoint_opts bpf_rb_node bpf_rb_root bpf_redir_neigh "
    "bpf_refcount bpf_sk_lookup bpf_sock bpf_sock_addr bpf_sock_ops bpf_sock_tuple bpf_sockopt bpf_spin_lock "
    "bpf_stack_build_id bpf_sysctl bpf_task_work bpf_tc_hook bpf_tc_opts bpf_tcp_sock bpf_tcx_opts bpf_timer "
    "bpf_token_info bpf_trace_opts bpf_tracepoint_opts bpf_tunnel_key bpf_uprobe_multi_opts bpf_uprobe_opts "
    "bpf_usdt_opts bpf_var_skeleton bpf_wq bpf_xdp_attach_opts bpf_xdp_query_opts bpf_xdp_set_link_opts "
    "bpf_xdp_sock bpf_xfrm_state btf_ptr gen_loader_opts libbpf_prog_handler_opts perf_buffer_opts "
    "perf_buffer_raw_opts ring_buffer_opts sk_msg_md sk_reuseport_md user_ring_buffer_opts xdp_md"
)
BPF_ENUMS = _words(
    "bpf_addr_space_cast bpf_adj_room_mode bpf_attach_type bpf_cgroup_iter_order bpf_check_mtu_flags "
    "bpf_check_mtu_ret bpf_cmd bpf_cond_pseudo_jmp bpf_core_relo_kind bpf_func_id bpf_hdr_start_off "
    "bpf_kfunc_flags bpf_link_type bpf_lwt_encap_mode bpf_map_type bpf_perf_event_type bpf_prog_type bpf_ret_code "
    "bpf_stack_build_id_status bpf_stats_type bpf_task_fd_type sk_action tcx_action_base xdp_action"
)
LIBBPF_ENUMS = _words(
    "bpf_perf_event_ret bpf_tc_attach_point bpf_tc_flags libbpf_errno libbpf_print_level libbpf_tristate "
    "probe_attach_mode"
)
_RUST = _words(
    "abstract as async await become box break const continue do dyn else enum extern false final fn for gen if "
    "impl in let loop macro match mod move mut override priv pub ref return static struct trait true try type "
    "typeof unsafe unsized use virtual where while yield"
)
_RUST_NEVER = frozenset(("self", "Self", "super", "crate", "_"))  # not even as r#self
RUST_TYPES = _words("bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize")


def rust(name: str) -> str:
    """Return a name as Rust can have it: `type` becomes `r#type`."""
    if name in _RUST_NEVER:
        return f"{name}_"
    return f"r#{name}" if name in _RUST else name


def camel(name: str) -> str:
    """Return a name as Go exports it: `exit_code` becomes `ExitCode`."""
    words = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    return words if words[:1].isalpha() else f"X{words}"


class Free:
    """Names given out once each."""

    __slots__ = ("_taken",)

    def __init__(self, *taken: str) -> None:
        self._taken = set(taken)

    def take(self, wanted: str) -> str:
        """Return this name, or with a number behind it where it was given to another."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

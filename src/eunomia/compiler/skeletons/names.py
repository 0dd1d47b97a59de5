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

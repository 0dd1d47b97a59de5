/* The list of what WASI offers, for wasi_snapshot_preview1 and for its forerunner wasi_unstable. */
#include "wasi.h"

static int answer(struct eu_guest *guest, void *context, union eu_slot *slots) {
    int err = ((eu_wasi_function)context)(guest->wasi, slots);
    if (err == EU_WASI_STOP)
        return EU_STOP;
    slots[0] = (union eu_slot){.u32 = eu_wasi_errno(-err)};
    return EU_GO;
}

#define PREVIEW_1(name, type) {"wasi_snapshot_preview1", #name, type, answer, eu_wasi_##name},
#define UNSTABLE(name, type) {"wasi_unstable", #name, type, answer, eu_wasi_##name},
#define UNSTABLE_OLD(name, type) {"wasi_unstable", #name, type, answer, eu_wasi_old_##name},

const struct eu_host_function eu_wasi_functions[] = {
    /* clang-format off */
    EU_WASI_SAME(PREVIEW_1)
    EU_WASI_DIFFERENT(PREVIEW_1)
    EU_WASI_NEW(PREVIEW_1)
    EU_WASI_SAME(UNSTABLE)
    EU_WASI_DIFFERENT(UNSTABLE_OLD)
    {0},
    /* clang-format on */
};

/* Numbers of WASI by those of Linux, which are the same for x86-64 and arm64; what is not here is EIO. */
static const uint8_t numbers[] = {
    [0] = 0,          [EPERM] = 63,        [ENOENT] = 44,       [ESRCH] = 71,      [EINTR] = 27,    [EIO] = 29,
    [ENXIO] = 60,     [E2BIG] = 1,         [ENOEXEC] = 45,      [EBADF] = 8,       [ECHILD] = 12,   [EAGAIN] = 6,
    [ENOMEM] = 48,    [EACCES] = 2,        [EFAULT] = 21,       [EBUSY] = 10,      [EEXIST] = 20,   [EXDEV] = 75,
    [ENODEV] = 43,    [ENOTDIR] = 54,      [EISDIR] = 31,       [EINVAL] = 28,     [ENFILE] = 41,   [EMFILE] = 33,
    [ENOTTY] = 59,    [ETXTBSY] = 74,      [EFBIG] = 22,        [ENOSPC] = 51,     [ESPIPE] = 70,   [EROFS] = 69,
    [EMLINK] = 34,    [EPIPE] = 64,        [EDOM] = 18,         [ERANGE] = 68,     [EDEADLK] = 16,  [ENAMETOOLONG] = 37,
    [ENOLCK] = 46,    [ENOSYS] = 52,       [ENOTEMPTY] = 55,    [ELOOP] = 32,      [ENOLINK] = 47,  [EPROTO] = 65,
    [EBADMSG] = 9,    [EOVERFLOW] = 61,    [EILSEQ] = 25,       [ENOTSOCK] = 57,   [EMSGSIZE] = 35, [EOPNOTSUPP] = 58,
    [ENETDOWN] = 38,  [ENETUNREACH] = 40,  [ECONNABORTED] = 13, [ECONNRESET] = 15, [ENOBUFS] = 42,  [ENOTCONN] = 53,
    [ETIMEDOUT] = 73, [ECONNREFUSED] = 14, [EHOSTUNREACH] = 23, [ESTALE] = 72,     [EDQUOT] = 19,   [ECANCELED] = 11,
};

uint16_t eu_wasi_errno(int err) {
    if (err == EU_ENOTCAPABLE)
        return 76;
    if (err <= 0)
        return 0;
    uint8_t number = (size_t)err < sizeof(numbers) ? numbers[err] : 0;
    return number ? number : 29;
}

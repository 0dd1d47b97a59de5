/* The functions of WASI preview 1 with their types: i is i32, I is i64. */
#ifndef EUNOMIA_WASI_LIST_H
#define EUNOMIA_WASI_LIST_H

/* clang-format off */
#define EU_WASI_SAME(F) \
    F(args_get, "ii:i") F(args_sizes_get, "ii:i") F(environ_get, "ii:i") F(environ_sizes_get, "ii:i") \
    F(clock_res_get, "ii:i") F(clock_time_get, "iIi:i") \
    F(fd_advise, "iIIi:i") F(fd_allocate, "iII:i") F(fd_close, "i:i") F(fd_datasync, "i:i") F(fd_fdstat_get, "ii:i") \
    F(fd_fdstat_set_flags, "ii:i") F(fd_fdstat_set_rights, "iII:i") F(fd_filestat_set_size, "iI:i") \
    F(fd_filestat_set_times, "iIIi:i") F(fd_pread, "iiiIi:i") F(fd_prestat_get, "ii:i") F(fd_prestat_dir_name, "iii:i") \
    F(fd_pwrite, "iiiIi:i") F(fd_read, "iiii:i") F(fd_readdir, "iiiIi:i") F(fd_renumber, "ii:i") F(fd_sync, "i:i") \
    F(fd_tell, "ii:i") F(fd_write, "iiii:i") \
    F(path_create_directory, "iii:i") F(path_filestat_set_times, "iiiiIIi:i") F(path_link, "iiiiiii:i") \
    F(path_open, "iiiiiIIii:i") F(path_readlink, "iiiiii:i") F(path_remove_directory, "iii:i") F(path_rename, "iiiiii:i") \
    F(path_symlink, "iiiii:i") F(path_unlink_file, "iii:i") \
    F(proc_exit, "i:") F(proc_raise, "i:i") F(random_get, "ii:i") F(sched_yield, ":i") \
    F(sock_recv, "iiiiii:i") F(sock_send, "iiiii:i") F(sock_shutdown, "ii:i")
/* These differ in wasi_unstable, as it was until 2019: whence is counted otherwise, records are laid out otherwise. */
#define EU_WASI_DIFFERENT(F) \
    F(fd_seek, "iIii:i") F(fd_filestat_get, "ii:i") F(path_filestat_get, "iiiii:i") F(poll_oneoff, "iiii:i")
/* Not there before. */
#define EU_WASI_NEW(F) F(sock_accept, "iii:i")
/* clang-format on */
#endif

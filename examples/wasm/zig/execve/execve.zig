//! Shows who executes what. There is no SDK for Zig: these are the host's functions themselves.
const std = @import("std");

const object = @embedFile("execve.bpf.o");
const Event = extern struct { pid: u32, ppid: u32, parent: [16]u8, command: [256]u8 };
const Head = extern struct { size: u32, true_size: u32 };

const bpf = struct {
    extern "wasm_bpf" fn wasm_load_bpf_object(bytes: [*]const u8, size: u32) u64;
    extern "wasm_bpf" fn wasm_attach_bpf_program(object: u64, name: [*:0]const u8, target: ?[*:0]const u8) i32;
    extern "wasm_bpf" fn wasm_bpf_map_fd_by_name(object: u64, name: [*:0]const u8) i32;
    extern "wasm_bpf" fn wasm_bpf_buffer_poll_batch(fd: i32, data: [*]u8, size: u32, timeout_ms: i32) i32;
    extern "wasm_bpf" fn wasm_bpf_error(text: [*]u8, size: u32) i32;
};
const wasi = struct {
    const Text = extern struct { at: [*]const u8, size: usize };
    extern "wasi_snapshot_preview1" fn fd_write(fd: u32, texts: [*]const Text, count: usize, written: *usize) u16;
    extern "wasi_snapshot_preview1" fn proc_exit(code: u32) noreturn;
};

var batch: [64 * 1024]u8 align(8) = undefined;

fn print(fd: u32, comptime format: []const u8, args: anytype) void {
    var line: [1024]u8 = undefined;
    const shown = std.fmt.bufPrint(&line, format, args) catch return;
    var written: usize = 0;
    _ = wasi.fd_write(fd, &.{.{ .at = shown.ptr, .size = shown.len }}, 1, &written);
}

fn fail() noreturn {
    var line: [512]u8 = undefined;
    const size = bpf.wasm_bpf_error(&line, line.len);
    print(2, "execve: {s}\n", .{line[0..@min(@as(usize, @intCast(@max(size, 0))), line.len - 1)]});
    wasi.proc_exit(1);
}

fn text(bytes: []const u8) []const u8 {
    return std.mem.sliceTo(bytes, 0);
}

export fn _start() void {
    const loaded = bpf.wasm_load_bpf_object(object, object.len);
    if (loaded == 0 or bpf.wasm_attach_bpf_program(loaded, "on_execve", null) < 0) fail();
    const events = bpf.wasm_bpf_map_fd_by_name(loaded, "events");
    if (events < 0) fail();
    print(1, "waiting for programs to be executed\n", .{});
    while (true) {
        const size = bpf.wasm_bpf_buffer_poll_batch(events, &batch, batch.len, -1);
        if (size < 0) fail();
        var at: usize = 0;
        while (at < size) {
            const head: *const Head = @ptrCast(@alignCast(&batch[at]));
            const event: *const Event = @ptrCast(@alignCast(&batch[at + @sizeOf(Head)]));
            print(1, "[{d}] {s} -> {s}\n", .{ event.pid, text(&event.parent), text(&event.command) });
            at += @sizeOf(Head) + std.mem.alignForward(usize, head.size, 8);
        }
    }
}

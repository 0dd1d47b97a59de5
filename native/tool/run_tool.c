/* Load, attach, print events until something ends it, say what became of them: what src/eunomia/cli/run.py does. */
#define _GNU_SOURCE
#include "../error.h"
#include "../output.h"
#include "command.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BPF = 39, PERFMON = 38, SYS_ADMIN = 21, USUAL_ROWS = 24 };

static volatile sig_atomic_t has_run; /* the line about the events is due: no further Ctrl-C may cut it off */

static void on_signal(int number) {
    if (!has_run)
        _exit(0); /* an end like any other: what was attached goes with this process, or is undone by its guardian */
    (void)number;
}

/* SIGHUP that is ignored stays so (nohup); SIGINT does not, for shells without job control start background commands so. */
static void catch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}, before;
    for (int i = 0; i < 3; i++)
        if (numbers[i] != SIGHUP || (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN))
            sigaction(numbers[i], &action, NULL);
}

void eu_warn(const struct command *command, const char *format, ...) {
    char *text = NULL;
    struct eu_out line = {0};
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    eu_put_clean(&line, command->program);
    eu_out_text(&line, ": ");
    eu_put_clean(&line, text ? text : "out of memory");
    eu_out_char(&line, '\n');
    if (write(STDERR_FILENO, line.data, line.used) < 0) {
        /* that nobody listens there is no reason to end */
    }
    eu_out_free(&line);
    free(text);
}

static int format_of(const struct opt_value *v) {
    static const char *const names[] = {"text", "json", "raw", "folded", "csv"};
    const char *name = v[OPT_JSON].on ? "json" : v[OPT_FOLDED].on ? "folded" : v[OPT_FORMAT].text ? v[OPT_FORMAT].text : "text";
    int found = 0;
    while (found < 4 && strcmp(names[found], name))
        found++;
    return found;
}

/* Text has the wall clock unless told, JSON and CSV none. */
static int time_of(const struct opt_value *v, int format) {
    static const char *const names[] = {"none", "clock", "age", "iso"};
    for (int i = 0; v[OPT_TIME].text && i < 4; i++)
        if (!strcmp(v[OPT_TIME].text, names[i]))
            return i;
    return format == 1 || format == 4 ? v[OPT_TS].on ? 3 : 0 : 1;
}

static int rows_of(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) ? USUAL_ROWS : size.ws_row > 11 ? size.ws_row - 1 : 10;
}

static struct eu_format format_options(const struct opt_value *v, int out) {
    int terminal = isatty(out), format = format_of(v);
    return (struct eu_format){
        .format = format,
        .compat = v[OPT_COMPAT].on,
        .time = time_of(v, format),
        .header = !v[OPT_HEADER].on               ? 0
                  : terminal && !v[OPT_COMPAT].on ? 2
                                                  : 1,
        .screen_rows = terminal ? rows_of(out) : 0,
        .big_ints = !strcmp(v[OPT_BIG_INTS].text, "string"),
        .raw_values = v[OPT_RAW_VALUES].on,
        .symbols = v[OPT_SYMBOLS].on,
        .per_cpu = v[OPT_PER_CPU].on,
        .event_names = v[OPT_EVENT_NAMES].on,
        .fields = v[OPT_FIELDS].text,
    };
}

static int wakeup_of(const struct opt_value *v) {
    const char *name = v[OPT_WAKEUP].text;
    return name && !strcmp(name, "each") ? 1 : name && !strcmp(name, "batch") ? 2 : 0;
}

static struct eu_run_options run_options(const struct command *command, int out, const char *path) {
    const struct opt_value *v = command->values;
    const char *term = getenv("TERM");
    return (struct eu_run_options){
        .format = format_options(v, out),
        .out_fd = out,
        .duration = v[OPT_DURATION].real,
        .max_events = (uint64_t)v[OPT_MAX_EVENTS].number,
        .interval = v[OPT_INTERVAL].real,
        .clear = v[OPT_CLEAR].on,
        .take_signals = 1,
        .hold = 1,
        .trace_pipe = v[OPT_TRACE_PIPE].on,
        .wakeup = wakeup_of(v),
        .cpu = v[OPT_CPU].is_given ? (int)v[OPT_CPU].number : -1,
        .drill_loss = v[OPT_DRILL_LOSS].real,
        .sample = (uint64_t)v[OPT_SAMPLE].number,
        .rate_limit = v[OPT_RATE_LIMIT].real,
        .count_by = v[OPT_COUNT_BY].text,
        .hist = v[OPT_HIST].text,
        .sort = v[OPT_SORT].text,
        .top = (uint64_t)v[OPT_TOP].number,
        .live = isatty(out) && v[OPT_TOP].is_given && !(term && !strcmp(term, "dumb")),
        .path = path,
        .rotate_size = (uint64_t)v[OPT_ROTATE_SIZE].number,
        .rotate_after = v[OPT_ROTATE_AFTER].real,
        .rotate_keep = (int)v[OPT_ROTATE_KEEP].number,
        .queue = (uint64_t)v[OPT_QUEUE].number,
        .tell_fd = v[OPT_QUIET].on || v[OPT_COMPAT].on ? -1 : STDERR_FILENO,
        .warn_fd = STDERR_FILENO,
        .program = command->program,
    };
}

/* What the records of the plan must have for these options; refused before anything is loaded. */
static int check_plan(const struct command *command, struct eu_tool *tool) {
    static const int of_events[] = {OPT_SAMPLE, OPT_RATE_LIMIT, OPT_DRILL_LOSS};
    const struct opt_value *v = command->values;
    int err = eu_package_plan(&tool->package);
    struct eu_plan *plan = err ? NULL : eu_plan_read(tool->package.plan, tool->package.plan_size);
    if (!plan)
        return err ? err : -eu_errno();
    struct eu_run_options options = run_options(command, STDOUT_FILENO, NULL);
    for (int i = 0; i < 3 && !err; i++)
        if (v[of_events[i]].is_given && eu_plan_sources(plan) && !eu_plan_has_events(plan))
            err = eu_fail(EU_USAGE, "--%s is about events, the tool has sampled maps only", eu_opt_rows()[of_events[i]].name);
    if (!err && (v[OPT_COUNT_BY].is_given || v[OPT_HIST].is_given || v[OPT_SORT].is_given || v[OPT_TOP].is_given))
        err = eu_aggregate_check(plan, &options);
    if (!err && v[OPT_FIELDS].is_given)
        err = eu_fields_check(plan, "--fields", v[OPT_FIELDS].text);
    eu_plan_free(plan);
    return err && eu_errno() != EU_USAGE ? eu_fail(EU_USAGE, "%s", eu_keep_error(tool)) : err;
}

/* Loading cannot succeed without these; the few that need CAP_NET_ADMIN too say so when the kernel has refused them. */
static int check_privileges(const struct command *command, struct eu_tool *tool) {
    uint64_t held = eu_capabilities();
    if (held >> SYS_ADMIN & 1 || (held >> BPF & 1 && held >> PERFMON & 1))
        return 0;
    const char *needs = eu_lacking(tool, -1);
    return *needs ? eu_fail(EPERM, "run %s: needs %s [run with sudo]", tool->package.origin, needs) : 0;
}

static int open_output(struct command *command, int *out, const char **path) {
    struct opt_value *v = command->values;
    struct stat there;
    *path = v[OPT_OUTPUT].text;
    if (!*path || !strcmp(*path, "-")) {
        *path = NULL;
        return 0;
    }
    if (v[OPT_ROTATE_SIZE].is_given || v[OPT_ROTATE_AFTER].is_given) { /* the file is renamed, not a link to it */
        char *real = realpath(*path, NULL);
        *path = real ? eu_pool_print(&command->pool, "%s", real) : *path;
        free(real);
        if (!stat(*path, &there) && !S_ISREG(there.st_mode))
            return eu_fail(EU_USAGE, "--output: %s is no regular file: it cannot be rotated", *path);
    }
    *out = open(*path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return *out < 0 ? eu_fail(errno, "open output %s: %s", *path, eu_strerror(errno)) : 0;
}

static void tell_attached(const struct command *command, struct eu_tool *tool, const struct eu_run *run) {
    const char *wakeup = command->values[OPT_WAKEUP].text;
    int attached = 0, is_verbose = command->values[OPT_VERBOSE].on;
    if (!tool->nr_programs)
        eu_warn(command, "%s has no program: nothing is attached", tool->package.origin);
    if (wakeup && !strcmp(wakeup, "adaptive") && !eu_run_manages_wakeups(run))
        eu_warn(command, "--wakeup adaptive: the package has no wake-up flag, its programs wake as they do [compile it with ecc]");
    for (int i = 0; i < tool->nr_programs; i++) {
        const struct eu_program *p = &tool->programs[i];
        struct eu_prog_info info = {0};
        if (p->skipped)
            eu_warn(command, "program %s is optional and left out: %s", p->name, p->skipped);
        if (p->dormant)
            eu_warn(command, "program %s is attached and will never run: %s", p->name, p->dormant);
        if (is_verbose && p->passed)
            eu_warn(command, "program %s is left out, another does its work: %s", p->name, p->passed);
        eu_prog_get(tool->object, i, &info);
        attached += info.attached != 0;
        if (is_verbose && info.attached)
            eu_warn(command, "program %s is attached to %s", p->name, p->nr_targets ? p->targets[0] : p->section);
    }
    if (is_verbose)
        eu_warn(command, "%s: attached %d program%s", tool->package.origin, attached, attached == 1 ? "" : "s");
}

/* Say what became of the events; the exit code. */
static int account(const struct command *command, struct eu_tool *tool, struct eu_run *run, int ending) {
    enum { OUTPUT_CLOSED = 4, EXIT_LOST = 3 };
    const struct opt_value *v = command->values;
    struct eu_out line = {0};
    struct eu_ended ended = {0};
    uint64_t missed = 0, one;
    eu_put_accounts(&line, tool, run, &ended);
    int is_told = ended.lost || !(v[OPT_QUIET].on || v[OPT_COMPAT].on);
    if (ending < 0 && !ended.produced)
        is_told = 0; /* the failure says it all */
    if (is_told && line.used && ending != OUTPUT_CLOSED)
        eu_warn(command, "events: %s", eu_out_end(&line));
    eu_out_free(&line);
    for (int i = 0; i < tool->nr_programs; i++)
        if (!eu_prog_missed(tool->object, i, &one))
            missed += one;
    if (missed)
        eu_warn(command, "events: the kernel left out %llu runs of programs, which ran on that CPU already: in no account",
                (unsigned long long)missed);
    return ended.lost + missed && v[OPT_FAIL_ON_LOSS].on ? EXIT_LOST : 0;
}

static int has_iterators(const struct eu_tool *tool) {
    for (int i = 0; i < tool->nr_programs; i++)
        if (!strncmp(tool->programs[i].section, "iter", 4))
            return 1;
    return 0;
}

/* Attach, and print until something ends it. A failure ends in the same order as everything else: its accounts matter most. */
static int follow(struct command *command, struct eu_tool *tool, struct eu_run *run, int out) {
    int err = eu_tool_attach(tool);
    if (err)
        return err;
    tell_attached(command, tool, run);
    if (!command->values[OPT_KEEP_PRIVILEGES].on && ((err = eu_run_drop(run, tool->object)) < 0 || (err = eu_seccomp()) < 0))
        return err;
    if (has_iterators(tool) && (err = eu_show_iterators(command, tool, out, tool->package.plan_size && eu_run_accounts(run) > 0)))
        return err < 0 ? err : 0;
    int ending = eu_run_loop(run);
    const char *failure = ending < 0 ? eu_keep_error(tool) : NULL;
    int number = eu_errno();
    eu_tool_detach(tool); /* from here on nothing is produced, and accounts can balance */
    has_run = 1;
    int finished = eu_run_finish(run);
    if (finished < 0 && !failure) {
        failure = eu_keep_error(tool);
        number = eu_errno();
    }
    int code = account(command, tool, run, finished);
    if (!failure)
        return code;
    eu_fail(number ? number : EIO, "%s", failure);
    return -eu_errno();
}

static int load(struct command *command, struct eu_tool *tool) {
    int err = eu_adjust(command, tool);
    if (!err)
        err = eu_bind_targets(command, tool);
    if (!err)
        err = eu_tool_load(tool);
    return err ? err : eu_choose_targets(command, tool);
}

int eu_run_tool(struct command *command, struct eu_tool *tool) {
    int out = STDOUT_FILENO, err = eu_command_check(command);
    const char *path = NULL;
    struct eu_plan *plan = NULL;
    if (err || (err = check_plan(command, tool)))
        return err;
    catch_signals();
    if (command->values[OPT_VERBOSE].on)
        eu_log_to(STDERR_FILENO, command->values[OPT_VERBOSE].on > 1 ? 2 : 1);
    tool->plain_btf = command->values[OPT_PLAIN_BTF].on;
    err = eu_tool_prepare(tool, command->values[OPT_BTF].text);
    if (err || (err = check_privileges(command, tool)) || (err = open_output(command, &out, &path)) || (err = load(command, tool)))
        return err;
    struct eu_run_options options = run_options(command, out, path);
    struct eu_run *run = eu_tool_run(tool, &options, &plan);
    int code = run ? follow(command, tool, run, out) : -eu_errno();
    struct eu_out failure = {0};
    eu_out_text(&failure, code < 0 ? eu_error() : "");
    int number = eu_errno();
    eu_run_free(run);
    eu_plan_free(plan);
    if (code < 0)
        eu_fail(number, "%s", eu_out_end(&failure));
    eu_out_free(&failure);
    return code;
}

/* eunomia-run, and every standalone executable, which is this program with a package behind it. */
#define _GNU_SOURCE
#include "../digest.h"
#include "../error.h"
#include "command.h"
#include "licenses.h"
#include "payload.h"
#include "version.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 512 << 20, CHUNK = 1 << 16 };

/* ecc writes into it, in the file: the compiler must not know what it holds. */
__attribute__((used)) static volatile const struct eu_mark mark = {.magic = EU_MARK_MAGIC};

/* Where 0, 1 or 2 is closed, /dev/null takes its place: else a BPF map would become standard output. */
static void occupy_descriptors(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
            return;
}

static int fail(struct command *command) {
    eu_warn(command, "%s", *eu_error() ? eu_error() : "failed");
    return eu_errno() == EU_USAGE ? 2 : 1;
}

/* Its own file, mapped; 0 or -errno. */
static int map_self(const uint8_t **file, size_t *size) {
    struct stat facts;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* no /proc here: as it was called */
        fd = open((const char *)getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts))
        return eu_fail(errno, "open its own file: %s", eu_strerror(errno));
    *size = (size_t)facts.st_size;
    *file = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    return *file == MAP_FAILED ? eu_fail(errno, "read its own file: %s", eu_strerror(errno)) : 0;
}

static int find_payload(const uint8_t **payload, size_t *size) {
    struct eu_mark stated;
    const uint8_t *file;
    size_t length;
    uint8_t found[EU_DIGEST];
    struct eu_digest digest;
    for (size_t i = 0; i < sizeof(stated); i++)
        ((uint8_t *)&stated)[i] = ((const volatile uint8_t *)&mark)[i];
    if (map_self(&file, &length))
        return -eu_errno();
    if (length != stated.file_size || stated.payload > length)
        return eu_fail(EBADMSG, "this file has %zu bytes and had %llu when it was made: it was cut off or changed [copy it again]", length,
                       (unsigned long long)stated.file_size);
    *payload = file + stated.payload;
    *size = length - stated.payload;
    eu_digest_begin(&digest);
    eu_digest_add(&digest, *payload, *size);
    eu_digest_end(&digest, found);
    if (memcmp(found, stated.digest, sizeof(found)) || !eu_is_payload(*payload, *size))
        return eu_fail(EBADMSG, "the package in this file was changed or is damaged [copy it again]");
    return 0;
}

static uint8_t *read_file(const char *path, size_t *size) {
    struct eu_out bytes = {0};
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    ssize_t n = 1;
    if (fd < 0)
        return eu_fail_null(errno, "%s: %s", path, eu_strerror(errno));
    while (n && bytes.used <= MAX_FILE) {
        char *room = eu_out_room(&bytes, CHUNK);
        n = room ? read(fd, room, CHUNK) : -1;
        if (n < 0 && errno == EINTR && room)
            continue;
        if (n < 0)
            break;
        bytes.used += (size_t)n;
    }
    int err = errno;
    if (fd != STDIN_FILENO)
        close(fd);
    *size = bytes.used;
    if (!n && bytes.data)
        return (uint8_t *)bytes.data;
    eu_out_free(&bytes);
    return n > 0 ? eu_fail_null(EFBIG, "%s: more than %d bytes", path, MAX_FILE)
           : n   ? eu_fail_null(err, "read %s: %s", path, eu_strerror(err))
                 : eu_fail_null(EBADMSG, "read package: %s is empty", path);
}

static int show(struct eu_out *page) {
    size_t done = 0;
    while (done < page->used) {
        ssize_t n = write(STDOUT_FILENO, page->data + done, page->used - done);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    eu_out_free(page);
    return 0;
}

static void put_version(struct eu_out *page, const struct eu_tool *tool) {
    const char *version = tool ? eu_package_doc(&tool->package, "version") : EUNOMIA_VERSION;
    eu_put_clean(page, tool ? tool->package.name : "eunomia-run");
    eu_out_char(page, ' ');
    eu_put_clean(page, *version ? version : "0.1.0");
    eu_out_char(page, '\n');
}

static void put_own_help(struct eu_out *page, int columns) {
    eu_put_paragraphs(page, "Run an eBPF tool from a package file that ecc made: load, attach, and print its events.", columns);
    eu_out_text(page, "\nUsage: eunomia-run [OPTIONS] FILE [ARGS]\n\n");
    eu_put_paragraphs(page,
                      "FILE is a package (JSON) that carries a plan, or - for standard input. After it come the tool's own options; those "
                      "below are understood there too. `eunomia-run FILE --help` shows the tool's.",
                      columns);
    eu_put_options(page, columns);
}

/* A page that was asked for instead of a run. */
static int answer(const struct command *command, const struct eu_tool *tool) {
    struct eu_out page = {0};
    if (command->asked == ASKED_VERSION)
        put_version(&page, tool);
    else if (command->asked == ASKED_LICENSES)
        eu_out_text(&page, licenses);
    else if (tool)
        eu_put_help(&page, command, tool, eu_columns());
    else
        put_own_help(&page, eu_columns());
    return show(&page);
}

static int run(struct command *command, const uint8_t *bytes, size_t size, const char *origin, char **words, int count) {
    struct eu_tool *tool = eu_tool_open(bytes, size, origin);
    int code = tool ? eu_take_arguments(command, tool, words, count) : -eu_errno();
    if (!code)
        code = command->asked ? answer(command, tool) : eu_run_tool(command, tool);
    code = code < 0 ? fail(command) : code;
    eu_tool_close(tool);
    return code;
}

/* Its own options, up to FILE. */
static int run_file(struct command *command, char **words, int count) {
    int own = 0;
    while (own < count && words[own][0] == '-' && words[own][1] && strcmp(words[own], "--")) {
        int before = own, err = eu_take_words(command, words, count, &own);
        if (err)
            return fail(command);
        if (command->asked)
            return answer(command, NULL);
        if (own == before)
            break;
    }
    own += own < count && !strcmp(words[own], "--");
    if (own >= count) {
        eu_fail(EU_USAGE, "no package given [eunomia-run FILE, see eunomia-run --help]");
        return fail(command);
    }
    size_t size = 0;
    const char *name = strcmp(words[own], "-") ? words[own] : "standard input";
    uint8_t *bytes = read_file(words[own], &size);
    command->title = eu_pool_print(&command->pool, "eunomia-run %s", words[own]);
    int code = bytes ? run(command, bytes, size, name, words + own + 1, count - own - 1) : fail(command);
    free(bytes);
    return code;
}

int main(int argc, char **argv) {
    struct command command;
    const uint8_t *payload = NULL;
    size_t size = 0;
    occupy_descriptors();
    eu_command_begin(&command);
    const char *slash = argc ? strrchr(argv[0], '/') : NULL;
    command.program = command.title = slash ? slash + 1 : argc && *argv[0] ? argv[0] : "eunomia-run";
    int code;
    if (!mark.file_size) {
        command.program = command.title = "eunomia-run";
        code = run_file(&command, argv + 1, argc - 1);
    } else
        code = find_payload(&payload, &size) ? fail(&command) : run(&command, payload, size, command.program, argv + 1, argc - 1);
    eu_pool_free(&command.pool);
    return code;
}

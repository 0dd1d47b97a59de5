/* What libeunomia promises, one case a run: api CASE PACKAGE.json. Prints what the test compares; a failed check ends with 1. */
#define _GNU_SOURCE
#include <errno.h>
#include <eunomia/eunomia-bpf.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                                                                   \
    do {                                                                                                                                   \
        if (!(condition)) {                                                                                                                \
            printf("line %d: %s: %s\n", __LINE__, #condition, eunomia_error());                                                            \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

static char *bytes;
static size_t size;
static struct eunomia_bpf *interrupted;

struct seen {
    struct eunomia_bpf *tool;
    int events, stop_after, close_after, print, result;
    size_t longest;
};

/* What the tool is to see: a signal that nobody minds. */
static void provoke(void) {
    syscall(SYS_kill, getpid(), SIGURG);
}

static void *provoke_for_ever(void *stop) {
    while (!*(volatile int *)stop) {
        provoke();
        usleep(2000);
    }
    return NULL;
}

static void on_event(void *context, const char *data, size_t length) {
    struct seen *seen = context;
    if (seen->print && seen->events < seen->print)
        printf("%.*s\n", (int)length, data);
    if (length > seen->longest)
        seen->longest = length;
    seen->events++;
    if (seen->stop_after && seen->events == seen->stop_after)
        eunomia_stop(seen->tool);
    if (seen->close_after && seen->events == seen->close_after)
        eunomia_close(seen->tool);
}

static struct eunomia_bpf *started(void) {
    char *words[] = {"sigsnoop", "--signal", "23", NULL};
    struct eunomia_bpf *tool = eunomia_open(bytes, size);
    CHECK(tool);
    CHECK(!eunomia_set_arguments(tool, 3, words));
    CHECK(!eunomia_load_and_attach(tool));
    return tool;
}

static void *poll_in_thread(void *context) {
    struct seen *seen = context;
    seen->result = eunomia_poll(seen->tool, NULL, on_event, seen);
    return NULL;
}

static void wrong_arguments(void) {
    struct eunomia_poll_options options = {.size = sizeof(options), .format = 7};
    struct eunomia_account account = {.size = sizeof(account)};
    char payload[128] = "EUTOOL\r\n", small[4] = "xyz", *words[] = {"x", "--no-such", NULL};
    CHECK(!eunomia_open(NULL, 5) && strstr(eunomia_error(), "NULL"));
    CHECK(!eunomia_open("{}", 2) && strstr(eunomia_error(), "missing"));
    CHECK(!eunomia_open("", 0) && *eunomia_error());
    CHECK(!eunomia_open(payload, sizeof(payload)) && strstr(eunomia_error(), "not JSON"));
    CHECK(eunomia_load_and_attach(NULL) == -EINVAL && eunomia_poll(NULL, NULL, on_event, NULL) == -EINVAL);
    CHECK(eunomia_fd(NULL, "x") < 0 && eunomia_account(NULL, &account) == -EINVAL && eunomia_detach(NULL) == -EINVAL);
    CHECK(eunomia_set(NULL, "a", "b") == -EINVAL && eunomia_set_btf(NULL, "x") == -EINVAL &&
          eunomia_set_arguments(NULL, 0, NULL) == -EINVAL);
    eunomia_stop(NULL);
    eunomia_pause(NULL, 1);
    eunomia_close(NULL);
    get_error_message(NULL, 4);
    struct eunomia_bpf *tool = eunomia_open(bytes, size);
    CHECK(tool);
    CHECK(eunomia_poll(tool, NULL, on_event, NULL) == -EINVAL && !strcmp(eunomia_error(), "poll: not loaded"));
    CHECK(eunomia_poll(tool, &options, on_event, NULL) == -EINVAL && strstr(eunomia_error(), "format 7"));
    CHECK(eunomia_fd(tool, "events") == -EINVAL && eunomia_account(tool, &account) == -EINVAL && eunomia_detach(tool) == -EINVAL);
    eunomia_close(tool);
    tool = eunomia_open(bytes, size);
    CHECK(eunomia_set_arguments(tool, 2, words) == -EINVAL && strstr(eunomia_error(), "unknown option --no-such"));
    CHECK(eunomia_set(tool, "no_such", "1") == -EINVAL && strstr(eunomia_error(), "no such variable"));
    CHECK(eunomia_set(tool, NULL, "1") == -EINVAL && eunomia_set(tool, "x", NULL) == -EINVAL);
    get_error_message(small, sizeof(small));
    CHECK(strlen(small) == 3);
    eunomia_close(tool);
}

/* A package that is relocated against the kernel's types, and a file that has none. */
static void refused(void) {
    struct eunomia_bpf *tool = eunomia_open(bytes, size);
    CHECK(tool && eunomia_set_btf(tool, "/nonexistent/btf") == -ENOENT && strstr(eunomia_error(), "types /nonexistent/btf: no such file"));
    CHECK(!eunomia_set_btf(tool, NULL) && !eunomia_set_btf(tool, "/dev/null") && eunomia_load_and_attach(tool) < 0 && *eunomia_error());
    CHECK(eunomia_load_and_attach(tool) == -EINVAL && !strcmp(eunomia_error(), "load: it failed before"));
    eunomia_close(tool);
}

/* No bytes do harm. */
static void damaged_packages(void) {
    unsigned state = 12345;
    for (int round = 0; round < 400; round++) {
        char *copy = malloc(size);
        size_t length = round % 3 ? size : size * (size_t)(round % 97) / 97;
        memcpy(copy, bytes, length);
        for (int i = 0; i < 1 + round % 8 && length; i++) {
            state = state * 1103515245u + 12345u;
            copy[state % length] = (char)(state >> 16);
        }
        struct eunomia_bpf *tool = eunomia_open(copy, length);
        free(copy); /* it has its own */
        CHECK(tool || *eunomia_error());
        if (tool)
            eunomia_set(tool, "no_such", "1");
        eunomia_close(tool);
    }
}

static void formats(void) {
    int stop = 0;
    pthread_t thread;
    struct seen seen = {.print = 1, .stop_after = 3};
    struct eunomia_poll_options options = {.size = sizeof(options), .duration = 20};
    seen.tool = started();
    CHECK(eunomia_fd(seen.tool, "no_such") == -ENOENT);
    pthread_create(&thread, NULL, provoke_for_ever, &stop);
    for (int format = EXPORT_PLAIN_TEXT; format <= EXPORT_JSON; format++) {
        options.format = format;
        seen.events = 0;
        CHECK(!eunomia_poll(seen.tool, &options, on_event, &seen));
        CHECK(seen.events >= 3);
    }
    options.format = EXPORT_RAW_EVENT;
    seen.events = seen.print = 0;
    seen.longest = 0;
    CHECK(!eunomia_poll(seen.tool, &options, on_event, &seen) && seen.events >= 3);
    printf("raw %zu\n", seen.longest);
    options.max_events = 2;
    options.format = EXPORT_JSON;
    seen.events = seen.stop_after = 0;
    CHECK(!eunomia_poll(seen.tool, &options, on_event, &seen) && seen.events == 2);
    stop = 1;
    pthread_join(thread, NULL);
    eunomia_close(seen.tool);
}

static void balances(void) {
    struct eunomia_account account = {.size = sizeof(account)};
    struct eunomia_poll_options options = {.size = sizeof(options), .format = EXPORT_JSON, .duration = 0.2};
    struct seen seen = {.tool = started()};
    for (int i = 0; i < 50; i++)
        provoke();
    CHECK(!eunomia_poll(seen.tool, &options, on_event, &seen));
    for (int i = 0; i < 50; i++)
        provoke();
    CHECK(!eunomia_detach(seen.tool) && !eunomia_account(seen.tool, &account));
    CHECK(account.is_known && account.produced >= 100 && account.produced == account.delivered + account.filtered + account.discarded);
    CHECK(!account.lost && !account.pending && seen.events >= 100);
    CHECK(eunomia_poll(seen.tool, &options, on_event, &seen) == -EINVAL && !strcmp(eunomia_error(), "poll: it was detached"));
    CHECK(eunomia_detach(seen.tool) == -EINVAL && eunomia_load_and_attach(seen.tool) == -EINVAL);
    eunomia_close(seen.tool);
}

static void stops_and_threads(void) {
    struct seen seen = {.tool = started()};
    pthread_t thread, cause;
    int stop = 0;
    eunomia_stop(seen.tool); /* before it begins: the next one ends at once */
    CHECK(!eunomia_poll(seen.tool, NULL, on_event, &seen));
    pthread_create(&thread, NULL, poll_in_thread, &seen);
    usleep(100000);
    CHECK(eunomia_poll(seen.tool, NULL, on_event, &seen) == -EBUSY && strstr(eunomia_error(), "another thread"));
    CHECK(eunomia_detach(seen.tool) == -EBUSY);
    eunomia_pause(seen.tool, 1);
    pthread_create(&cause, NULL, provoke_for_ever, &stop);
    usleep(300000);
    int before = *(volatile int *)&seen.events;
    CHECK(before <= 1);
    eunomia_pause(seen.tool, 0);
    for (int i = 0; i < 500 && *(volatile int *)&seen.events < before + 10; i++)
        usleep(10000);
    CHECK(*(volatile int *)&seen.events >= before + 10);
    eunomia_pause(seen.tool, 1); /* one that is paused can be stopped */
    usleep(50000);
    eunomia_stop(seen.tool);
    pthread_join(thread, NULL);
    CHECK(!seen.result);
    stop = 1;
    pthread_join(cause, NULL);
    eunomia_close(seen.tool);
}

static void closes_while_it_polls(void) {
    struct seen seen = {.tool = started()}, own = {.tool = started(), .close_after = 1};
    pthread_t thread, cause;
    int stop = 0;
    pthread_create(&thread, NULL, poll_in_thread, &seen);
    usleep(100000);
    eunomia_close(seen.tool); /* ends the poll, and waits for it */
    pthread_join(thread, NULL);
    CHECK(!seen.result);
    pthread_create(&cause, NULL, provoke_for_ever, &stop);
    CHECK(!eunomia_poll(own.tool, NULL, on_event, &own)); /* closed by its own handler */
    stop = 1;
    pthread_join(cause, NULL);
}

static void on_alarm(int number) {
    eunomia_stop(interrupted);
    (void)number;
}

static void several_at_once(void) {
    enum { MANY = 4 };
    struct seen seen[MANY];
    pthread_t threads[MANY];
    for (int i = 0; i < MANY; i++) {
        seen[i] = (struct seen){.tool = started()};
        pthread_create(&threads[i], NULL, poll_in_thread, &seen[i]);
    }
    usleep(100000);
    for (int i = 0; i < 20; i++)
        provoke();
    usleep(300000);
    for (int i = 0; i < MANY; i++)
        eunomia_stop(seen[i].tool);
    for (int i = 0; i < MANY; i++) {
        pthread_join(threads[i], NULL);
        CHECK(seen[i].events >= 20 && !seen[i].result);
        eunomia_close(seen[i].tool);
    }
    interrupted = started();
    signal(SIGALRM, on_alarm);
    alarm(1);
    struct seen last = {.tool = interrupted};
    CHECK(!eunomia_poll(interrupted, NULL, on_event, &last));
    eunomia_close(interrupted);
}

/* A program as those that were written for the first system. */
static void by_upstreams_names(void) {
    char *words[] = {"sigsnoop", "--signal", "23"}, why[256] = "";
    struct seen seen = {.print = 1, .stop_after = 1};
    int stop = 0;
    pthread_t cause;
    CHECK(!open_eunomia_skel_from_json_package("nonsense"));
    get_error_message(why, sizeof(why));
    CHECK(!strncmp(why, "read package: ", 14));
    struct eunomia_bpf *skel = open_eunomia_skel_from_json_package_with_args(bytes, words, 3, NULL);
    CHECK(skel && !load_and_attach_eunomia_skel(skel));
    CHECK(load_and_attach_eunomia_skel(skel) == -1 && get_bpf_fd(skel, "nope") == -1);
    struct eunomia_polling_handle *handle = handle_create(skel);
    seen.tool = skel;
    pthread_create(&cause, NULL, provoke_for_ever, &stop);
    CHECK(!wait_and_poll_events_to_handler(skel, EXPORT_JSON, on_event, &seen));
    stop = 1;
    pthread_join(cause, NULL);
    handle_set_pause_state(handle, 1);
    handle_set_pause_state(handle, 0);
    handle_terminate(handle);
    handle_destroy(handle);
    stop_ebpf_program(skel);
    destroy_eunomia_skel(skel);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"wrong_arguments", wrong_arguments},
                 {"refused", refused},
                 {"damaged_packages", damaged_packages},
                 {"formats", formats},
                 {"balances", balances},
                 {"stops_and_threads", stops_and_threads},
                 {"closes_while_it_polls", closes_while_it_polls},
                 {"several_at_once", several_at_once},
                 {"by_upstreams_names", by_upstreams_names}};
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!file)
        return 2;
    bytes = calloc(1, 1 << 20);
    size = fread(bytes, 1, (1 << 20) - 1, file);
    fclose(file);
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (!strcmp(argv[1], cases[i].name)) {
            cases[i].run();
            free(bytes);
            puts("passed");
            return 0;
        }
    return 2;
}

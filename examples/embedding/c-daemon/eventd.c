/* A daemon that runs several packages at once, each in a thread, and writes their events as JSON lines.
 *
 *     eventd PACKAGE.json [OPTION...] [, PACKAGE.json [OPTION...]]...
 *
 * Where it prints a line, a service would hand the event to its own queue.
 */
#include <eunomia/eunomia-bpf.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16, MAX_PACKAGE = 64 << 20 };

struct running {
	const char *name;
	struct eunomia_bpf *tool;
	pthread_t thread;
	int failed;
};

static struct running all[MOST];
static int nr_all;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void on_event(void *context, const char *event, size_t size)
{
	struct running *one = context;

	pthread_mutex_lock(&output);
	printf("{\"tool\":\"%s\",\"event\":%.*s}\n", one->name, (int)size, event);
	fflush(stdout);
	pthread_mutex_unlock(&output);
}

/* Errors are of the thread in which they happened, and so is their line. */
static void complain(const char *name)
{
	fprintf(stderr, "eventd: %s: %s\n", name, eunomia_error());
}

static void *follow(void *context)
{
	struct running *one = context;
	struct eunomia_account account = {.size = sizeof(account)};

	one->failed = eunomia_poll(one->tool, NULL, on_event, one) < 0 || eunomia_detach(one->tool) < 0;
	if (one->failed)
		complain(one->name);
	if (!eunomia_account(one->tool, &account))
		fprintf(stderr, "eventd: %s: produced %llu, delivered %llu, lost %llu\n", one->name,
			(unsigned long long)account.produced, (unsigned long long)account.delivered,
			(unsigned long long)account.lost);
	return NULL;
}

static struct eunomia_bpf *open_file(const char *path)
{
	char *bytes = malloc(MAX_PACKAGE);
	FILE *file = fopen(path, "rb");
	size_t size = bytes && file ? fread(bytes, 1, MAX_PACKAGE, file) : 0;
	struct eunomia_bpf *tool = NULL;

	if (!file)
		perror(path);
	else if (!(tool = eunomia_open(bytes, size)))
		complain(path);
	if (file)
		fclose(file);
	free(bytes);
	return tool;
}

/* Load the package of words[0] with the options behind it. */
static int start(char **words, int count)
{
	struct running *one = &all[nr_all];

	if (nr_all == MOST || !(one->tool = open_file(words[0])))
		return -1;
	nr_all++;
	one->name = words[0];
	if (eunomia_set_arguments(one->tool, count, words) || eunomia_load_and_attach(one->tool)) {
		complain(words[0]);
		return -1;
	}
	return 0;
}

static int start_all(char **words)
{
	int count;

	for (; *words; words += count + (words[count] != NULL)) {
		for (count = 0; words[count] && strcmp(words[count], ","); count++)
			;
		if (count && start(words, count))
			return -1;
	}
	return nr_all ? 0 : -1;
}

int main(int argc, char **argv)
{
	sigset_t endings;
	int number, failed = 0;

	sigemptyset(&endings); /* threads inherit it: signals come to sigwait alone */
	sigaddset(&endings, SIGINT);
	sigaddset(&endings, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &endings, NULL);
	if (argc < 2)
		fprintf(stderr, "usage: eventd PACKAGE.json [OPTION...] [, PACKAGE.json [OPTION...]]...\n");
	failed = start_all(argv + 1);
	if (!failed) {
		for (int i = 0; i < nr_all; i++)
			pthread_create(&all[i].thread, NULL, follow, &all[i]);
		fprintf(stderr, "eventd: %d tools attached\n", nr_all);
		sigwait(&endings, &number);
		for (int i = 0; i < nr_all; i++)
			eunomia_stop(all[i].tool);
		for (int i = 0; i < nr_all; i++)
			pthread_join(all[i].thread, NULL);
	}
	for (int i = 0; i < nr_all; i++) {
		failed |= all[i].failed;
		eunomia_close(all[i].tool);
	}
	return failed ? 1 : 0;
}

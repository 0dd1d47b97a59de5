/* The code of <argp.h>: help texts first, then parsing. */
#ifndef EUNOMIA_ARGP_H
#define EUNOMIA_ARGP_H
#pragma GCC system_header
#include <eunomia/base.h>
#include <argp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { EU_ARGP_MAX = 256, EU_ARGP_LEFT = 29, EU_ARGP_WIDTH = 79, EU_ARGP_HELP = '?', EU_ARGP_USAGE = -3, EU_ARGP_VERSION = 'V' };

/* An option with what is known of it: whose parser takes it, the header of its child, the group it stands in. */
struct eu_argp_entry {
	const struct argp_option *option, *real; /* real: of an alias */
	const struct argp *owner;
	const char *header;
	int group, child, place;
	void *input;
};

struct eu_argp {
	struct eu_argp_entry entries[EU_ARGP_MAX];
	const struct argp *owners[32];
	void *inputs[32];
	int nr_entries, nr_owners;
};

EU_API const struct argp_option *eu_argp_standard(void)
{
	static const struct argp_option options[] = {
		{"help", EU_ARGP_HELP, 0, 0, "Give this help list", -1},
		{"usage", EU_ARGP_USAGE, 0, 0, "Give a short usage message", 0},
		{"version", EU_ARGP_VERSION, 0, 0, "Print program version", -1},
		{0, 0, 0, 0, 0, 0},
	};
	return options;
}

EU_API bool eu_argp_ends(const struct argp_option *o)
{
	return !o->name && !o->key && !o->doc && !o->group;
}

EU_API bool eu_argp_is_short(int key)
{
	return key > 0 && key <= 255 && isprint(key);
}

EU_API void eu_argp_add_options(struct eu_argp *all, const struct argp_option *option, const struct argp *owner, const char *header,
				int group, int child)
{
	const struct argp_option *real = option;
	int current = 0;

	for (; option && !eu_argp_ends(option) && all->nr_entries < EU_ARGP_MAX; option++) {
		struct eu_argp_entry *entry = &all->entries[all->nr_entries];

		if (option->group)
			current = option->group;
		else if (!option->name && !option->key)
			current++; /* a header begins a group */
		if (!(option->flags & OPTION_ALIAS))
			real = option;
		*entry = (struct eu_argp_entry){option, real, owner, header, child ? group : current, child, all->nr_entries, NULL};
		all->nr_entries++;
	}
}

EU_API void eu_argp_add(struct eu_argp *all, const struct argp *argp, const char *header, int group, int depth)
{
	const struct argp_child *child = argp->children;
	int index = all->nr_owners;

	if (index >= 32 || depth > 8)
		return;
	all->owners[all->nr_owners++] = argp;
	eu_argp_add_options(all, argp->options, argp, header, group, depth ? index : 0);
	for (; child && child->argp; child++)
		eu_argp_add(all, child->argp, child->header, child->group, depth + 1);
}

/* Groups 0, 1, 2 … come first, then …, -2, -1, as glibc has it; within one, by name. */
EU_API int eu_argp_rank(int group)
{
	return group < 0 ? INT_MAX + group : group;
}

EU_API const char *eu_argp_sort_name(const struct eu_argp_entry *entry, char *letter)
{
	if (!eu_argp_is_short(entry->real->key) || entry->real->flags & OPTION_DOC)
		return entry->real->name ? entry->real->name : "";
	letter[0] = (char)entry->real->key;
	letter[1] = '\0';
	return entry->real->name && !letter[0] ? entry->real->name : letter;
}

EU_API int eu_argp_compare(const void *left, const void *right)
{
	const struct eu_argp_entry *a = (const struct eu_argp_entry *)left, *b = (const struct eu_argp_entry *)right;
	bool is_header_a = !a->option->name && !a->option->key, is_header_b = !b->option->name && !b->option->key;
	char one[2], other[2];
	int order;

	if (a->child != b->child)
		return eu_argp_rank(a->group) != eu_argp_rank(b->group) ? eu_argp_rank(a->group) - eu_argp_rank(b->group) : a->child - b->child;
	if (a->group != b->group)
		return eu_argp_rank(a->group) < eu_argp_rank(b->group) ? -1 : 1;
	if (is_header_a != is_header_b)
		return is_header_a ? -1 : 1;
	if (a->real == b->real)
		return a->place - b->place;
	order = strcasecmp(eu_argp_sort_name(a, one), eu_argp_sort_name(b, other));
	if (!order) /* lower case first */
		order = -strcmp(eu_argp_sort_name(a, one), eu_argp_sort_name(b, other));
	return order ? order : a->place - b->place;
}

/* Words from column `left` on, broken before `EU_ARGP_WIDTH`; what has line ends keeps them. Returns the column at the end. */
EU_API int eu_argp_fill(FILE *out, const char *text, int column, int left)
{
	while (*text) {
		size_t spaces = strspn(text, " \t"), word = strcspn(text + spaces, " \t\n");

		if (column > left && column + (int)(spaces + word) > EU_ARGP_WIDTH && word) {
			fprintf(out, "\n%*s", left, "");
			column = left;
			text += spaces;
			spaces = 0;
		}
		fprintf(out, "%.*s", (int)(spaces + word), text);
		column += (int)(spaces + word);
		text += spaces + word;
		if (*text == '\n') {
			text++;
			putc('\n', out);
			column = 0;
			if (*text && *text != '\n')
				column = fprintf(out, "%*s", left, "");
		}
	}
	return column;
}

EU_API int eu_argp_print_names(FILE *out, const struct eu_argp_entry *entries, int nr)
{
	const struct argp_option *real = entries->real;
	int column = fprintf(out, "  "), i;
	bool any = false, any_short = false;

	for (i = 0; i < nr; i++)
		if (eu_argp_is_short(entries[i].option->key) && !(entries[i].option->flags & (OPTION_HIDDEN | OPTION_DOC))) {
			column += fprintf(out, "%s-%c", any ? ", " : "", entries[i].option->key);
			any = any_short = true;
			if (real->arg && !real->name)
				column += fprintf(out, real->flags & OPTION_ARG_OPTIONAL ? "[%s]" : " %s", real->arg);
		}
	for (i = 0; i < nr; i++)
		if (entries[i].option->name && !(entries[i].option->flags & OPTION_HIDDEN)) {
			if (entries[i].real->flags & OPTION_DOC)
				column += fprintf(out, "%s%s", any ? ", " : "", entries[i].option->name);
			else
				column += fprintf(out, "%s--%s", any_short || !any ? (any ? ", " : "    ") : ", ", entries[i].option->name);
			any = true;
			if (real->arg)
				column += fprintf(out, real->flags & OPTION_ARG_OPTIONAL ? "[=%s]" : "=%s", real->arg);
		}
	return column;
}

EU_API void eu_argp_print_options(FILE *out, struct eu_argp *all)
{
	int i, next, group = 0, child = 0;
	bool any = false;

	for (i = 0; i < all->nr_entries; i = next) {
		struct eu_argp_entry *entry = &all->entries[i];
		int column;

		for (next = i + 1; next < all->nr_entries && all->entries[next].real == entry->real; next++)
			;
		if (entry->real->flags & OPTION_HIDDEN)
			continue;
		if (any && (group != entry->group || child != entry->child))
			putc('\n', out);
		if (entry->child != child && entry->header && *entry->header)
			fprintf(out, "%s\n", entry->header);
		any = true;
		group = entry->group;
		child = entry->child;
		if (!entry->option->name && !entry->option->key && !*entry->option->doc)
			continue; /* a group without a title */
		if (!entry->option->name && !entry->option->key) {
			eu_argp_fill(out, " ", 0, 1);
			eu_argp_fill(out, entry->option->doc, 1, 1);
			putc('\n', out);
			continue;
		}
		column = eu_argp_print_names(out, entry, next - i);
		if (entry->real->doc && *entry->real->doc) {
			if (column >= EU_ARGP_LEFT - 1)
				column = fprintf(out, "\n") * 0;
			fprintf(out, "%*s", EU_ARGP_LEFT - column, "");
			eu_argp_fill(out, entry->real->doc, EU_ARGP_LEFT, EU_ARGP_LEFT);
		}
		putc('\n', out);
	}
}

/* "Usage: NAME [-ab] [-p PID] [--long=X] ARGS", or the short form. */
EU_API void eu_argp_print_usage(FILE *out, struct eu_argp *all, const char *name, bool is_short)
{
	const char *args = all->owners[0]->args_doc ? all->owners[0]->args_doc : "", *end = strchr(args, '\n');
	int column = fprintf(out, "Usage: %s", name), i, left = 12;
	char text[256], letters[EU_ARGP_MAX + 1];
	size_t nr = 0;

#define EU_USAGE_WORD(...)                                                                                                                 \
	do {                                                                                                                               \
		snprintf(text, sizeof(text), __VA_ARGS__);                                                                                 \
		if (column + 1 + (int)strlen(text) > EU_ARGP_WIDTH)                                                                        \
			column = fprintf(out, "\n%*s", left - 1, "") - 1;                                                                  \
		column += fprintf(out, " %s", text);                                                                                       \
	} while (0)
	if (is_short)
		EU_USAGE_WORD("[OPTION...]");
	for (i = 0; !is_short && i < all->nr_entries; i++) {
		const struct argp_option *o = all->entries[i].option;

		if (eu_argp_is_short(o->key) && !all->entries[i].real->arg && !(o->flags & (OPTION_HIDDEN | OPTION_NO_USAGE | OPTION_DOC)))
			letters[nr++] = (char)o->key;
	}
	letters[nr] = '\0';
	if (!is_short && nr)
		EU_USAGE_WORD("[-%s]", letters);
	for (i = 0; !is_short && i < all->nr_entries; i++) {
		const struct argp_option *o = all->entries[i].option, *real = all->entries[i].real;

		if (eu_argp_is_short(o->key) && real->arg && !(o->flags & (OPTION_HIDDEN | OPTION_NO_USAGE | OPTION_DOC)))
			EU_USAGE_WORD(real->flags & OPTION_ARG_OPTIONAL ? "[-%c[%s]]" : "[-%c %s]", o->key, real->arg);
	}
	for (i = 0; !is_short && i < all->nr_entries; i++) {
		const struct argp_option *o = all->entries[i].option, *real = all->entries[i].real;

		if (!o->name || o->flags & (OPTION_HIDDEN | OPTION_NO_USAGE) || real->flags & OPTION_DOC)
			continue;
		if (real->arg)
			EU_USAGE_WORD(real->flags & OPTION_ARG_OPTIONAL ? "[--%s[=%s]]" : "[--%s=%s]", o->name, real->arg);
		else
			EU_USAGE_WORD("[--%s]", o->name);
	}
	if (*args)
		EU_USAGE_WORD("%.*s", (int)(end ? end - args : (long)strlen(args)), args);
#undef EU_USAGE_WORD
	putc('\n', out);
	for (; end; end = strchr(args, '\n')) {
		args = end + 1;
		fprintf(out, "  or:  %s %s%.*s\n", name, is_short ? "[OPTION...] " : "", (int)strcspn(args, "\n"), args);
	}
}

EU_API void eu_argp_collect(struct eu_argp *all, const struct argp *argp, unsigned flags)
{
	const struct argp_option *standard = eu_argp_standard();
	int nr;

	memset(all, 0, sizeof(*all));
	eu_argp_add(all, argp, NULL, 0, 0);
	if (flags & ARGP_NO_HELP)
		return;
	nr = all->nr_entries;
	eu_argp_add_options(all, standard, NULL, NULL, 0, 0);
	for (; nr < all->nr_entries; nr++)
		all->entries[nr].group = -1;
	if (!((&argp_program_version && argp_program_version) || (&argp_program_version_hook && argp_program_version_hook)))
		all->nr_entries--;
}

EU_API void eu_argp_help(const struct argp *argp, FILE *out, unsigned what, const char *name, unsigned parse_flags)
{
	struct eu_argp *all = (struct eu_argp *)malloc(sizeof(*all));
	const char *doc = argp->doc ? argp->doc : "", *after = strchr(doc, '\v');
	bool any = false;

	if (!all || !out)
		return free(all);
	eu_argp_collect(all, argp, parse_flags);
	qsort(all->entries, all->nr_entries, sizeof(*all->entries), eu_argp_compare);
	if (what & (ARGP_HELP_USAGE | ARGP_HELP_SHORT_USAGE)) {
		eu_argp_print_usage(out, all, name, what & ARGP_HELP_SHORT_USAGE);
		any = true;
	}
	if (what & ARGP_HELP_PRE_DOC && *doc && doc != after) {
		char *text = strndup(doc, after ? (size_t)(after - doc) : strlen(doc));

		if (text && eu_argp_fill(out, text, 0, 0))
			putc('\n', out);
		free(text);
		any = true;
	}
	if (what & ARGP_HELP_SEE) {
		fprintf(out, "Try `%s --help' or `%s --usage' for more information.\n", name, name);
		any = true;
	}
	if (what & ARGP_HELP_LONG && all->nr_entries) {
		if (any)
			putc('\n', out);
		eu_argp_print_options(out, all);
		if (what & ARGP_HELP_LONG)
			fputs("\nMandatory or optional arguments to long options are also mandatory or optional\nfor any corresponding short "
			      "options.\n",
			      out);
		any = true;
	}
	if (what & ARGP_HELP_POST_DOC && after) {
		putc('\n', out);
		if (eu_argp_fill(out, after + 1, 0, 0))
			putc('\n', out);
	}
	if (what & ARGP_HELP_BUG_ADDR && &argp_program_bug_address && argp_program_bug_address)
		fprintf(out, "\nReport bugs to %s.\n", argp_program_bug_address);
	fflush(out);
	free(all);
}

EU_API int eu_argp_failure_status(void)
{
	return &argp_err_exit_status && argp_err_exit_status ? argp_err_exit_status : 64; /* EX_USAGE */
}

EU_API void argp_state_help(const struct argp_state *state, FILE *out, unsigned what)
{
	if (!state || (state->flags & ARGP_NO_ERRS && out == state->err_stream) || !out)
		return;
	eu_argp_help(state->root_argp, out, what, state->name, state->flags);
	if (state->flags & ARGP_NO_EXIT)
		return;
	if (what & ARGP_HELP_EXIT_ERR)
		exit(eu_argp_failure_status());
	if (what & ARGP_HELP_EXIT_OK)
		exit(0);
}

EU_API void argp_help(const struct argp *argp, FILE *out, unsigned what, char *name)
{
	eu_argp_help(argp, out, what, name, 0);
}

EU_API void argp_usage(const struct argp_state *state)
{
	argp_state_help(state, state->err_stream, ARGP_HELP_STD_USAGE);
}

EU_API void argp_error(const struct argp_state *state, const char *format, ...)
{
	va_list words;

	if (state->flags & ARGP_NO_ERRS)
		return;
	fprintf(state->err_stream, "%s: ", state->name);
	va_start(words, format);
	vfprintf(state->err_stream, format, words);
	va_end(words);
	putc('\n', state->err_stream);
	argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
}

EU_API void argp_failure(const struct argp_state *state, int status, int number, const char *format, ...)
{
	va_list words;

	if (state->flags & ARGP_NO_ERRS)
		return;
	fprintf(state->err_stream, "%s", state->name);
	if (format) {
		fputs(": ", state->err_stream);
		va_start(words, format);
		vfprintf(state->err_stream, format, words);
		va_end(words);
	}
	if (number)
		fprintf(state->err_stream, ": %s", strerror(number));
	putc('\n', state->err_stream);
	if (status && !(state->flags & ARGP_NO_EXIT))
		exit(status);
}
#include <eunomia/argp_parse.h>
#endif

/* argp_parse(): words to keys. */
#ifndef EUNOMIA_ARGP_PARSE_H
#define EUNOMIA_ARGP_PARSE_H
#pragma GCC system_header
#include <eunomia/argp.h>

/* Ask one parser, with its own input in the state. */
EU_API error_t eu_argp_call(struct eu_argp *all, struct argp_state *state, int owner, int key, char *arg)
{
	void *input = state->input, **child_inputs = state->child_inputs;
	const struct argp *argp = all->owners[owner];
	error_t error;
	int i, at = owner + 1;

	if (!argp->parser)
		return ARGP_ERR_UNKNOWN;
	state->input = all->inputs[owner];
	state->child_inputs = (void **)calloc(33, sizeof(void *));
	error = argp->parser(key, arg, state);
	/* With ARGP_KEY_INIT a parser says what its children get; children follow their parent in the list. */
	for (i = 0; key == ARGP_KEY_INIT && argp->children && argp->children[i].argp && state->child_inputs; i++)
		for (; at < all->nr_owners; at++)
			if (all->owners[at] == argp->children[i].argp) {
				all->inputs[at++] = state->child_inputs[i];
				break;
			}
	free(state->child_inputs);
	state->input = input;
	state->child_inputs = child_inputs;
	return error;
}

EU_API error_t eu_argp_call_all(struct eu_argp *all, struct argp_state *state, int key)
{
	error_t error = 0;
	int i;

	for (i = 0; i < all->nr_owners && (!error || error == ARGP_ERR_UNKNOWN); i++)
		error = eu_argp_call(all, state, i, key, NULL);
	return error == ARGP_ERR_UNKNOWN ? 0 : error;
}

EU_API error_t eu_argp_standard_option(struct argp_state *state, int key)
{
	if (key == EU_ARGP_HELP) {
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
	} else if (key == EU_ARGP_USAGE) {
		argp_state_help(state, state->out_stream, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
	} else if (&argp_program_version_hook && argp_program_version_hook) {
		argp_program_version_hook(state->out_stream, state);
		exit(0);
	} else {
		fprintf(state->out_stream, "%s\n", argp_program_version);
		if (!(state->flags & ARGP_NO_EXIT))
			exit(0);
	}
	return 0;
}

EU_API error_t eu_argp_option(struct eu_argp *all, struct argp_state *state, const struct eu_argp_entry *entry, char *arg)
{
	const char *name = entry->option->name;
	int owner = 0, key = entry->option->key ? entry->option->key : entry->real->key;
	error_t error;

	if (!entry->owner)
		return eu_argp_standard_option(state, key);
	while (all->owners[owner] != entry->owner)
		owner++;
	error = eu_argp_call(all, state, owner, key, arg);
	if (error != ARGP_ERR_UNKNOWN)
		return error;
	if (eu_argp_is_short(key))
		argp_error(state, "-%c: (PROGRAM ERROR) Option should have been recognized!?", key);
	else
		argp_error(state, "--%s: (PROGRAM ERROR) Option should have been recognized!?", name ? name : "");
	return EINVAL;
}

EU_API const struct eu_argp_entry *eu_argp_short(struct eu_argp *all, int letter)
{
	int i;

	for (i = 0; i < all->nr_entries; i++)
		if (all->entries[i].option->key == letter && eu_argp_is_short(letter) && !(all->entries[i].option->flags & OPTION_DOC))
			return &all->entries[i];
	return NULL;
}

/* A long option by its name, or by the beginning that only one has; -1 in *ambiguous where several do. */
EU_API const struct eu_argp_entry *eu_argp_long(struct eu_argp *all, const char *word, size_t length, bool *ambiguous)
{
	const struct eu_argp_entry *found = NULL;
	int i;

	*ambiguous = false;
	for (i = 0; i < all->nr_entries; i++) {
		const char *name = all->entries[i].option->name;

		if (!name || all->entries[i].option->flags & OPTION_DOC || strncmp(name, word, length))
			continue;
		if (!name[length]) {
			*ambiguous = false;
			return &all->entries[i];
		}
		*ambiguous = *ambiguous || (found && found->real != all->entries[i].real);
		found = &all->entries[i];
	}
	return found;
}

EU_API error_t eu_argp_take_long(struct eu_argp *all, struct argp_state *state, char *word)
{
	size_t length = strcspn(word, "=");
	bool ambiguous;
	const struct eu_argp_entry *entry = eu_argp_long(all, word, length, &ambiguous);
	char *arg = word[length] ? word + length + 1 : NULL;

	if (!entry || ambiguous) {
		fprintf(state->err_stream, ambiguous ? "%s: option '--%.*s' is ambiguous\n" : "%s: unrecognized option '--%.*s'\n", state->name,
			(int)length, word);
	} else if (arg && !entry->real->arg) {
		fprintf(state->err_stream, "%s: option '--%s' doesn't allow an argument\n", state->name, entry->option->name);
		entry = NULL;
	} else if (!arg && entry->real->arg && !(entry->real->flags & OPTION_ARG_OPTIONAL)) {
		if (state->next < state->argc)
			return eu_argp_option(all, state, entry, state->argv[state->next++]);
		fprintf(state->err_stream, "%s: option '--%s' requires an argument\n", state->name, entry->option->name);
		entry = NULL;
	}
	if (entry && !ambiguous)
		return eu_argp_option(all, state, entry, arg);
	argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
	return EINVAL;
}

/* The letters of one word: -abc, -p5. */
EU_API error_t eu_argp_take_letters(struct eu_argp *all, struct argp_state *state, char *letters)
{
	error_t error = 0;

	while (*letters && !error) {
		const struct eu_argp_entry *entry = eu_argp_short(all, (unsigned char)*letters);
		char letter = *letters++, *arg = NULL;

		if (!entry) {
			fprintf(state->err_stream, "%s: invalid option -- '%c'\n", state->name, letter);
			argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
			return EINVAL;
		}
		if (entry->real->arg && *letters) {
			arg = letters;
			letters = (char *)"";
		} else if (entry->real->arg && !(entry->real->flags & OPTION_ARG_OPTIONAL)) {
			if (state->next >= state->argc) {
				fprintf(state->err_stream, "%s: option requires an argument -- '%c'\n", state->name, letter);
				argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
				return EINVAL;
			}
			arg = state->argv[state->next++];
		}
		error = eu_argp_option(all, state, entry, arg);
	}
	return error;
}

/* A word that is no option: the first parser that takes it. */
EU_API error_t eu_argp_take_argument(struct eu_argp *all, struct argp_state *state, char *word)
{
	error_t error = ARGP_ERR_UNKNOWN;
	int i, next = state->next;

	for (i = 0; i < all->nr_owners && error == ARGP_ERR_UNKNOWN; i++) {
		error = eu_argp_call(all, state, i, ARGP_KEY_ARG, word);
		if (error == ARGP_ERR_UNKNOWN) {
			state->next = next - 1; /* all that are left, at once */
			error = eu_argp_call(all, state, i, ARGP_KEY_ARGS, NULL);
			if (error == ARGP_ERR_UNKNOWN)
				state->next = next;
			else if (!error && state->next == next - 1)
				state->next = state->argc;
		}
	}
	if (!error)
		state->arg_num++;
	return error;
}

EU_API error_t eu_argp_words(struct eu_argp *all, struct argp_state *state, int *end)
{
	char **kept = (char **)calloc(state->argc + 1, sizeof(char *));
	int nr_kept = 0, at = 0;
	error_t error = kept ? 0 : ENOMEM;
	bool only_arguments = false;

	/* Options first, arguments in their order after them, unless ARGP_IN_ORDER. */
	while (!error && state->next < state->argc) {
		char *word = state->argv[state->next++];

		if (only_arguments || word[0] != '-' || !word[1]) {
			if (state->flags & ARGP_NO_ARGS)
				break;
			if (state->flags & ARGP_IN_ORDER)
				error = eu_argp_take_argument(all, state, word);
			else
				kept[nr_kept++] = word;
		} else if (!strcmp(word, "--")) {
			only_arguments = true;
			state->quoted = state->next;
		} else if (word[1] == '-') {
			error = eu_argp_take_long(all, state, word + 2);
		} else {
			error = eu_argp_take_letters(all, state, word + 1);
		}
	}
	if (!error && nr_kept) { /* where argv says they are, for parsers that look there */
		memcpy(state->argv + state->argc - nr_kept, kept, nr_kept * sizeof(*kept));
		state->next = state->argc - nr_kept;
		while (!error && state->next < state->argc)
			error = eu_argp_take_argument(all, state, state->argv[state->next++]);
		if (error == ARGP_ERR_UNKNOWN)
			state->next--;
	}
	at = state->next;
	if (end)
		*end = at;
	free(kept);
	return error;
}

EU_API error_t argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags, int *end, void *input)
{
	struct eu_argp *all = (struct eu_argp *)malloc(sizeof(*all));
	struct argp_state state = {};
	char *slash;
	error_t error;

	if (!all)
		return ENOMEM;
	state.root_argp = argp;
	state.argc = argc;
	state.argv = argv;
	state.next = flags & ARGP_PARSE_ARGV0 ? 0 : 1;
	state.flags = flags;
	state.input = input;
	slash = argc > 0 && argv[0] ? strrchr(argv[0], '/') : NULL;
	state.name = flags & ARGP_PARSE_ARGV0 || argc < 1 ? (char *)"program" : slash ? slash + 1 : argv[0];
	state.err_stream = stderr;
	state.out_stream = stdout;
	eu_argp_collect(all, argp, flags);
	all->inputs[0] = input;
	error = eu_argp_call_all(all, &state, ARGP_KEY_INIT);
	if (!error)
		error = eu_argp_words(all, &state, end);
	if (error == ARGP_ERR_UNKNOWN && !end) {
		argp_error(&state, "Too many arguments");
		error = EINVAL;
	} else if (error == ARGP_ERR_UNKNOWN) {
		error = 0;
	}
	if (!error && !state.arg_num)
		error = eu_argp_call_all(all, &state, ARGP_KEY_NO_ARGS);
	if (!error)
		error = eu_argp_call_all(all, &state, ARGP_KEY_END);
	eu_argp_call_all(all, &state, error ? ARGP_KEY_ERROR : ARGP_KEY_SUCCESS);
	eu_argp_call_all(all, &state, ARGP_KEY_FINI);
	free(all);
	return error;
}
#endif

#include <argp.h>

const char *argp_program_version = "options 1.0";
const char *argp_program_bug_address = "nobody";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case ARGP_KEY_INIT:
		puts("init");
		return 0;
	case 'n':
		printf("number %ld\n", strtol(arg, &end, 10));
		if (*end)
			argp_error(state, "%s is no number", arg);
		return 0;
	case 'v':
		puts("verbose");
		return 0;
	case 1000:
		printf("wide %s\n", arg ? arg : "-");
		return 0;
	case 'x':
		puts("x");
		return 0;
	case 1001:
		puts("alias");
		return 0;
	case ARGP_KEY_ARG:
		printf("arg %s\n", arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		puts("no args");
		return 0;
	case ARGP_KEY_END:
		printf("end %u\n", state->arg_num);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"verbose", 'v', 0, 0, "say more", 0},
		{"number", 'n', "N", 0, "how many", 0},
		{"wide", 1000, "COLUMNS", OPTION_ARG_OPTIONAL,
		 "a long option alone, whose argument may be left out, with words that need a second line", 0},
		{"secret", 's', 0, OPTION_HIDDEN, "not shown", 0},
		{0, 0, 0, 0, "Others:", 0},
		{0, 'x', 0, 0, "a short one alone", 0},
		{"alias", 1001, 0, 0, "two names", 0},
		{"by-name", 1001, 0, OPTION_ALIAS, 0, 0},
		{},
	};
	static const struct argp argp = {options, parse, "FILE...", "Does what options say.\vWhat comes after."};

	return argp_parse(&argp, argc, argv, 0, 0, 0);
}

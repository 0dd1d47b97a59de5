/* A package as a running tool: open, set options, load, attach, read events; the core of eunomia-run, of standalone executables and of
 * libeunomia. No global state, nothing exits. Functions return 0 or more, or -errno, and then eu_error() has the line to show and
 * eu_errno() its number: EU_USAGE where the command line is to blame (exit code 2). One thread at a time uses a tool. */
#ifndef EUNOMIA_TOOL_H
#define EUNOMIA_TOOL_H
#include "../eunomia.h"
#include "option.h"

struct eu_program {
    const char *name, *section;
    const struct eu_json *settings; /* its entry in bpf_skel.progs, NULL: none */
    int is_off;                     /* 1: left out, 0: loaded; as chosen */
    int is_optional;
    int group;            /* programs of which one is enough have one number, from 1 on; 0: none */
    int rank;             /* its place in the group */
    int frequency;        /* samples a second, 0: as annotated */
    const char *bound;    /* the program that it attaches to, before load; NULL: none */
    const char *skipped;  /* optional, and why it was left out */
    const char *passed;   /* another of its group runs, and why */
    const char *dormant;  /* attached, and why the kernel never runs it */
    const char **targets; /* to attach to, in place of what its section and annotations say */
    int nr_targets;
};

struct eu_tool {
    struct eu_package package;
    struct eu_options options;
    struct eu_pool pool; /* what lives as long as the tool */
    struct eu_object *object;
    struct eu_program *programs;
    int nr_programs, nr_groups, nr_maps;
    uint32_t *entries; /* per map: chosen, 0: nobody did */
    int *pages;
    const char *kconfig, *btf;
    int plain_btf, no_rings, is_loaded;
};

/* Read a package (JSON, or a standalone payload whose bytes must stay). NULL: it is none, eu_error() says why. `origin` is what
 * messages call it, and must stay. */
struct eu_tool *eu_tool_open(const void *bytes, size_t size, const char *origin);
/* Detach, unload and free; NULL is allowed. */
void eu_tool_close(struct eu_tool *tool);
/* Choose a variable's value by its name and text; before eu_tool_prepare(). */
int eu_tool_set(struct eu_tool *tool, const char *variable, const char *text);
/* Open its object with libbpf and write what was chosen, and the package's own values; programs[] is filled. btf: file with types to
 * relocate against, NULL: the running kernel's. */
int eu_tool_prepare(struct eu_tool *tool, const char *btf);
/* Between preparing and loading: */
int eu_tool_find(const struct eu_tool *tool, const char *program); /* its index, or -ENOENT */
int eu_tool_switch(struct eu_tool *tool, int program, int on);
int eu_tool_resize(struct eu_tool *tool, int map, uint32_t entries);
int eu_tool_set_pages(struct eu_tool *tool, int map, int pages);
int eu_tool_bind(struct eu_tool *tool, int program, const char *target);
/* Load programs and maps; optional programs that the kernel refuses are left out (programs[].skipped). */
int eu_tool_load(struct eu_tool *tool);
/* A run over its sources; options as eu_run_new() takes them. Open it before attaching: what goes into a perf buffer that nobody has
 * opened is lost. *plan is to be freed after the run. */
struct eu_run *eu_tool_run(struct eu_tool *tool, const struct eu_run_options *options, struct eu_plan **plan);
/* Attach what the package lists, but what was left out. */
int eu_tool_attach(struct eu_tool *tool);
void eu_tool_detach(struct eu_tool *tool);

/* Parts: groups.c, settings.c, arrays.c, failure.c, verifier.c. */
int eu_tool_find_groups(struct eu_tool *tool);
/* Another program that may still run in this one's place: its index, -1: none. */
int eu_tool_other(const struct eu_tool *tool, int program);
/* Fill `order` with the programs to attach, as many as there are. */
int eu_tool_order(struct eu_tool *tool, int *order);
int eu_tool_fill_arrays(struct eu_tool *tool);
int eu_program_settings(struct eu_tool *tool, int program, struct eu_attach_options *options);
/* The targets that its annotation names, into targets[] where nobody chose others. */
int eu_program_targets(struct eu_tool *tool, int program, const char ***targets);
/* The object did not open, or did not load: -errno and the line. */
int eu_open_failure(struct eu_tool *tool);
int eu_load_failure(struct eu_tool *tool);
/* A program did not attach; `others`: there are more. */
int eu_attach_failure(struct eu_tool *tool, int program, int others);
/* The program that made loading fail, by libbpf's log; -1: none. */
int eu_tool_culprit(const struct eu_tool *tool);
int eu_tool_lacks_rings(const struct eu_tool *tool);
/* libbpf's last line that says a cause, "" where it said nothing; valid as long as the tool. */
const char *eu_last_words(struct eu_tool *tool);
/* What a verifier's log says, as the line about a program. */
int eu_verifier_failure(struct eu_tool *tool, int program, int number);
/* The capabilities that are missing to load these programs, as words, "" where none is. */
const char *eu_lacking(struct eu_tool *tool, int program);
/* Keep eu_error()'s line as long as the tool. */
const char *eu_keep_error(struct eu_tool *tool);
#endif

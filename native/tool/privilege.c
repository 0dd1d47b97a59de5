/* The capabilities that programs need to be loaded: src/eunomia/package/privileges.py. */
#define _GNU_SOURCE
#include "tool.h"
#include <string.h>

struct privilege {
    const char *section;
    uint64_t load;
};
#define TOOL_PRIVILEGES
#include "tables.h"

enum { NET_ADMIN = 12, NET_RAW = 13, SYS_ADMIN = 21, PERFMON = 38, BPF = 39 };

/* By the longest beginning of its section's name. */
static uint64_t needed(const char *section) {
    size_t longest = 0;
    uint64_t found = 1ull << BPF;
    section += *section == '?';
    for (size_t i = 0; i < sizeof(privileges) / sizeof(privileges[0]); i++) {
        size_t size = strlen(privileges[i].section);
        if (size > longest && !strncmp(section, privileges[i].section, size) && (!section[size] || strchr("/._", section[size]))) {
            longest = size;
            found = privileges[i].load;
        }
    }
    return found;
}

const char *eu_lacking(struct eu_tool *tool, int program) {
    static const struct {
        int number;
        const char *name;
    } names[] = {{BPF, "CAP_BPF"}, {NET_ADMIN, "CAP_NET_ADMIN"}, {NET_RAW, "CAP_NET_RAW"}, {PERFMON, "CAP_PERFMON"}};
    uint64_t wanted = tool->nr_programs ? 0 : 1ull << BPF, held = eu_capabilities();
    const char *words = "", *last = NULL;
    for (int i = 0; i < tool->nr_programs; i++)
        if (program < 0 || program == i)
            wanted |= needed(tool->programs[i].section);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int admin = (names[i].number == BPF || names[i].number == PERFMON) && held >> SYS_ADMIN & 1;
        if (!(wanted >> names[i].number & 1) || held >> names[i].number & 1 || admin)
            continue;
        if (last)
            words = *words ? eu_pool_print(&tool->pool, "%s, %s", words, last) : last;
        last = names[i].name;
    }
    return !last ? "" : *words ? eu_pool_print(&tool->pool, "%s and %s", words, last) : last;
}

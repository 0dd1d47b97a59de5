/* What became of all events, in one line: src/eunomia/cli/losses.py. */
#define _GNU_SOURCE
#include "command.h"
#include <stdlib.h>
#include <string.h>

enum { RING = 1, PERF = 2, USUAL_RING = 8 << 20, USUAL_PERF = 64 };
static const char *const why[] = {"package without accounting", "a call learns its map at run time", "more was read than counted",
                                  "the recording was cut short", "the replay ended before the recording"};

static int is_buffer(const struct eu_account *a) {
    return a->kind == RING || a->kind == PERF;
}

static uint64_t lost_of(const struct eu_account *a) {
    uint64_t all = 0;
    for (int i = 0; i < EU_CAUSES; i++)
        all += a->lost[i];
    return all;
}

static void put_causes(struct eu_out *out, const struct eu_account *a) {
    const char *comma = "";
    for (int i = 0; i < EU_CAUSES; i++) {
        if (!a->lost[i])
            continue;
        eu_out_format(out, "%s%s %llu", comma, eu_cause_name(i, a->kind), (unsigned long long)a->lost[i]);
        comma = ", ";
    }
}

/* One source's account in words that add up. */
static void put_segment(struct eu_out *out, const struct eu_account *a) {
    const struct {
        const char *word;
        uint64_t count;
    } terms[] = {{"filtered", a->filtered}, {"discarded", a->discarded}, {"pending", a->pending}};
    uint64_t lost = lost_of(a);
    struct eu_out rest = {0};
    if (!is_buffer(a)) {
        eu_out_format(out, "lost %llu (", (unsigned long long)lost);
        put_causes(out, a);
        eu_out_char(out, ')');
        return;
    }
    for (int i = 0; i < 3; i++)
        if (terms[i].count)
            eu_out_format(&rest, " + %s %llu", terms[i].word, (unsigned long long)terms[i].count);
    int is_alone = !rest.used;
    if (a->known && (lost || !is_alone))
        eu_out_format(out, "produced %llu = ", (unsigned long long)a->produced);
    eu_out_format(out, is_alone && !lost ? "%llu delivered" : "delivered %llu", (unsigned long long)a->delivered);
    eu_out_put(out, rest.data, rest.used);
    if (lost) {
        eu_out_format(out, " + lost %llu%s (", (unsigned long long)lost, a->known ? "" : " or more");
        put_causes(out, a);
        eu_out_format(out, "%s%s)", a->known ? "" : "; ", a->known ? "" : why[a->why]);
    } else if (a->known)
        eu_out_text(out, ", none lost");
    else
        eu_out_format(out, ", lost unknown (%s)", why[a->why]);
    eu_out_free(&rest);
}

/* One account for several that lost nothing, unless only some of them can know. */
static int merge(struct eu_account *list, int count) {
    for (int i = 0; i < count; i++)
        if (lost_of(&list[i]) || list[i].pending || list[i].known != list[0].known)
            return count;
    for (int i = 1; i < count; i++) {
        list[0].produced += list[i].produced;
        list[0].delivered += list[i].delivered;
        list[0].filtered += list[i].filtered;
        list[0].discarded += list[i].discarded;
    }
    return count ? 1 : 0;
}

/* The largest buffer of those that lost by a cause, 0: none did. */
static uint64_t largest(struct eu_tool *tool, const struct eu_account *list, int count, int kind) {
    uint64_t most = 0;
    for (int i = 0; i < count; i++) {
        struct eu_map_info info;
        int map = list[i].kind == kind && list[i].lost[EU_NO_ROOM] ? eu_map_find(tool->object, list[i].map) : -1;
        if (map < 0 || eu_map_get(tool->object, map, &info))
            continue;
        uint64_t size = kind == RING ? info.max_entries : tool->pages[map] ? (uint64_t)tool->pages[map] : USUAL_PERF;
        most = size > most ? size : most;
    }
    return most;
}

static void put_hint(struct eu_out *out, int *count) {
    eu_out_text(out, (*count)++ ? "; " : " [");
}

/* What helps against these losses, in brackets. */
static void put_hints(struct eu_out *out, struct eu_tool *tool, const struct eu_account *list, int count) {
    uint64_t ring = 4 * largest(tool, list, count, RING), perf = 4 * largest(tool, list, count, PERF);
    const char *full = NULL;
    int hints = 0, slow = 0;
    for (int i = 0; i < count; i++) {
        slow |= list[i].lost[EU_QUEUE_FULL] > 0;
        if (list[i].lost[EU_MAP_FULL])
            full = list[i].map;
    }
    if (ring) {
        put_hint(out, &hints);
        eu_out_format(out, "--ring-size %lluM", (unsigned long long)(ring > USUAL_RING ? ring : USUAL_RING) >> 20);
    }
    if (perf) {
        put_hint(out, &hints);
        eu_out_format(out, "--perf-pages %llu", (unsigned long long)(perf > USUAL_PERF ? perf : USUAL_PERF));
    }
    if (slow) {
        put_hint(out, &hints);
        eu_out_text(out, "the output's reader is slow: --queue SIZE, -o FILE");
    }
    struct eu_map_info info;
    int map = full ? eu_map_find(tool->object, full) : -1;
    if (map >= 0 && !eu_map_get(tool->object, map, &info)) {
        put_hint(out, &hints);
        eu_out_format(out, "map %s holds %u elements", full, info.max_entries);
    }
    eu_out_text(out, hints ? "]" : "");
}

void eu_put_accounts(struct eu_out *out, struct eu_tool *tool, struct eu_run *run, struct eu_ended *ended) {
    int count = eu_run_accounts(run), told = 0;
    struct eu_account *list = eu_pool_get(&tool->pool, ((size_t)count + 1) * 2 * sizeof(*list)), *chosen = list + count + 1;
    for (int i = 0; list && i < count; i++) {
        if (eu_run_account(run, i, &list[i]) < 0)
            continue;
        ended->produced += list[i].produced;
        ended->lost += lost_of(&list[i]) - list[i].lost[EU_SAMPLED_OUT] - list[i].lost[EU_RATE_LIMITED];
        if (is_buffer(&list[i]) || lost_of(&list[i]))
            chosen[told++] = list[i];
    }
    if (told > 1)
        told = merge(chosen, told);
    for (int i = 0; i < told; i++) {
        eu_out_text(out, i ? "; " : "");
        if (told > 1) {
            eu_put_clean(out, chosen[i].map);
            eu_out_text(out, ": ");
        }
        put_segment(out, &chosen[i]);
    }
    if (told && ended->lost)
        put_hints(out, tool, list, count);
}

#include "stack.h"
#include "error.h"
#include "facts.h"
#include "number.h"
#include "symbols.h"
#include "text.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>

enum { FRAMES = 1024, FOLDED_LIMIT = 1 << 20 };

struct folded {
    char *stack;
    uint64_t count;
    size_t hash;
};

struct eu_stacks {
    struct eu_show show;
    const struct eu_plan_source *source;
    uint32_t key_type, value_type; /* value_type EU_PLAN_NONE: an event, its struct is the key */
    int symbols, by_id;
    struct eu_object *object;
    int map;
    uint32_t map_value_size;
    struct folded *folded; /* open addressing, capacity a power of two */
    size_t nr_folded, room_folded;
};

struct trace {
    const uint64_t *frames;
    uint64_t copy[FRAMES];
    size_t count;
    int missing; /* an id that has no stack: the negative errno, or 1 */
};

struct eu_stacks *eu_stacks_new(const struct eu_show *show, const struct eu_plan_source *source) {
    struct eu_stacks *s = calloc(1, sizeof(*s));
    if (!s)
        return eu_fail_null(ENOMEM, "show stacks: out of memory");
    s->show = *show;
    s->source = source;
    s->key_type = source->kind == EU_SAMPLE ? source->key_type : show->plan->records[source->first_record].type;
    s->value_type = source->kind == EU_SAMPLE ? source->value_type : EU_PLAN_NONE;
    s->symbols = show->format.symbols > 1 || (show->format.symbols && (source->flags & EU_SYMBOLS || show->format.format == 3));
    s->by_id = source->role[EU_ROLE_STACK_MAP] != EU_PLAN_NONE;
    s->map = -1;
    return s;
}

void eu_stacks_use(struct eu_stacks *s, struct eu_object *object) {
    struct eu_map_info info;
    if (!s->by_id)
        return;
    int map = eu_map_find(object, plan_string(s->show.plan, s->source->role[EU_ROLE_STACK_MAP]));
    if (map < 0 || eu_map_get(object, map, &info) || info.type != BPF_MAP_TYPE_STACK_TRACE || info.key_size != 4 || info.value_size % 8 ||
        info.value_size / 8 > FRAMES)
        return;
    s->object = object;
    s->map = map;
    s->map_value_size = info.value_size;
}

void eu_stacks_free(struct eu_stacks *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->room_folded; i++)
        free(s->folded[i].stack);
    free(s->folded);
    free(s);
}

static const struct eu_plan_member *member_of(const struct eu_stacks *s, int role) {
    uint32_t at = s->source->role[role];
    if (at == EU_PLAN_NONE)
        return NULL;
    uint32_t type = at & EU_IN_VALUE ? s->value_type : s->key_type;
    return &s->show.plan->members[s->show.plan->types[type].first + (at & ~EU_IN_VALUE)];
}

static const uint8_t *base_of(const struct eu_stacks *s, int role, const uint8_t *key, const uint8_t *value) {
    return s->source->role[role] & EU_IN_VALUE ? value : key;
}

static int64_t number_of(const struct eu_stacks *s, int role, const uint8_t *key, const uint8_t *value, int64_t otherwise) {
    const struct eu_plan_member *member = member_of(s, role);
    if (!member)
        return otherwise;
    const struct eu_plan_type *type = &s->show.plan->types[member->type];
    const uint8_t *base = base_of(s, role, key, value);
    if (!plan_is_scalar(type) || type->kind == EU_FLOAT || type->size > 8)
        return otherwise;
    if (member->bit_size)
        return eu_bits(type, base, member->bit_offset, member->bit_size);
    int64_t number = eu_scalar(type, base + member->bit_offset / 8);
    /* ids and sizes are errnos when negative, whatever the type says */
    return type->kind == EU_UINT && type->size == 4 ? (int32_t)number : number;
}

static void load_by_id(struct eu_stacks *s, struct trace *t, int64_t id) {
    uint32_t key = (uint32_t)id;
    t->count = 0;
    t->missing = id < 0 ? (int)id : 0;
    if (id < 0)
        return;
    struct eu_fact fact = {.kind = EU_FACT_STACK, .owner = s->source->role[EU_ROLE_STACK_MAP], .key = key};
    if (eu_facts_ask(&fact)) { /* a replay: the stack map is not there */
        t->count = fact.size / 8 < FRAMES ? fact.size / 8 : FRAMES;
        t->missing = !fact.value;
        memcpy(t->copy, fact.value ? fact.value : (const uint8_t *)"", t->count * 8);
        return;
    }
    t->missing = s->map < 0 || eu_map_lookup(s->object, s->map, &key, t->copy, 0);
    while (!t->missing && t->count < s->map_value_size / 8 && t->copy[t->count])
        t->count++;
    fact.value = t->missing ? NULL : (const uint8_t *)t->copy;
    fact.size = t->count * 8;
    eu_facts_tell(&fact);
}

static void load(struct eu_stacks *s, struct trace *t, int role, int size_role, const uint8_t *key, const uint8_t *value, size_t key_size) {
    const struct eu_plan_member *member = member_of(s, role);
    t->frames = t->copy;
    t->count = 0;
    t->missing = 0;
    if (!member)
        return;
    if (s->by_id) {
        load_by_id(s, t, number_of(s, role, key, value, -1));
        return;
    }
    const struct eu_plan_type *type = &s->show.plan->types[member->type];
    size_t offset = member->bit_offset / 8;
    size_t room = type->size ? type->size : key_size > offset ? key_size - offset : 0;
    int64_t size = number_of(s, size_role, key, value, (int64_t)room);
    if (size < 0) {
        t->missing = (int)size;
        return;
    }
    t->count = (size_t)size < room ? (size_t)size / 8 : room / 8;
    t->count = t->count > FRAMES ? FRAMES : t->count;
    memcpy(t->copy, base_of(s, role, key, value) + offset, t->count * 8);
    if (!member_of(s, size_role) || !s->show.format.compat) /* a chain of frame pointers ends in 0 */
        while (t->count && !t->copy[t->count - 1])
            t->count--;
}

static const char *name_of(const struct eu_stacks *s, int user, int pid, uint64_t address, uint64_t *offset) {
    if (!s->symbols)
        return NULL;
    return user ? eu_user_name(pid, address, offset) : eu_kernel_name(address, offset);
}

static void put_name(struct eu_out *out, const char *name) {
    size_t size = strnlen(name, 1024), hidden = 0;
    char *w = eu_out_room(out, size * EU_TEXT_GROWTH + EU_STRING_SLACK);
    if (w)
        out->used = eu_text_string(w, (const uint8_t *)name, size, &hidden) - out->data;
}

static void put_role(const struct eu_stacks *s, struct eu_out *out, int role, const uint8_t *key, const uint8_t *value,
                     const char *otherwise) {
    const struct eu_plan_member *member = member_of(s, role);
    if (member)
        eu_member_text(&s->show, out, member, base_of(s, role, key, value));
    else
        eu_out_text(out, otherwise);
}

/* The first system's layout. */
static void compatible(const struct eu_stacks *s, struct eu_out *out, const uint8_t *key, const uint8_t *value, const struct trace *kernel,
                       const struct trace *user, int pid) {
    static const char *const titles[2][2] = {{"Kernel:\n", "No Kernel Stack\n"}, {"Userspace:\n", "No Userspace Stack\n"}};
    const struct trace *traces[2] = {kernel, user};
    eu_out_text(out, "COMM: ");
    put_role(s, out, EU_ROLE_COMM, key, value, "");
    eu_out_format(out, " (pid=%d) @ CPU ", pid);
    put_role(s, out, EU_ROLE_CPU, key, value, "0");
    eu_out_char(out, '\n');
    for (int part = 0; part < 2; part++) {
        eu_out_text(out, titles[part][traces[part]->count == 0]);
        for (size_t i = 0; i < traces[part]->count; i++) {
            uint64_t offset = 0, address = traces[part]->frames[i];
            const char *name = name_of(s, part, pid, address, &offset);
            eu_out_format(out, "  %zu [<%016llx>]", i, (unsigned long long)address);
            if (name) {
                eu_out_char(out, ' ');
                put_name(out, name);
                eu_out_format(out, "+0x%llx", (unsigned long long)offset);
            }
            eu_out_char(out, '\n');
        }
    }
    eu_out_char(out, '\n');
}

static int has_role(const struct eu_stacks *s, uint32_t member, int in_value) {
    for (int role = 0; role < EU_ROLE_STACK_MAP; role++)
        if (s->source->role[role] != EU_PLAN_NONE && s->source->role[role] == (member | (in_value ? EU_IN_VALUE : 0)))
            return 1;
    return 0;
}

/* What else the record or element has, as "name=value". */
static void put_others(const struct eu_stacks *s, struct eu_out *out, uint32_t index, const uint8_t *p, int in_value) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = &plan->types[index];
    if (type->kind != EU_STRUCT) {
        eu_out_text(out, in_value ? " count=" : " key=");
        eu_value_text(&s->show, out, index, p, p + type->size, 0);
        return;
    }
    for (uint32_t i = 0; i < type->count; i++) {
        const struct eu_plan_member *member = &plan->members[type->first + i];
        if (!member->name || has_role(s, i, in_value) || plan->flexible[member->type])
            continue;
        eu_out_char(out, ' ');
        eu_out_text(out, plan_string(plan, member->name));
        eu_out_char(out, '=');
        eu_member_text(&s->show, out, member, p);
    }
}

static void put_frames(const struct eu_stacks *s, struct eu_out *out, const struct trace *t, int user, int pid) {
    for (size_t i = 0; i < t->count; i++) {
        uint64_t offset = 0;
        const char *name = name_of(s, user, pid, t->frames[i], &offset);
        eu_out_format(out, "    %016llx ", (unsigned long long)t->frames[i]);
        if (name) {
            put_name(out, name);
            eu_out_format(out, "+0x%llx\n", (unsigned long long)offset);
        } else {
            eu_out_text(out, s->symbols ? "[unknown]\n" : "\n");
        }
    }
    if (t->missing == -EEXIST || t->missing == -ENOMEM || t->missing > 0)
        eu_out_format(out, "    [missing %s stack: the stack map is full or its id was reused]\n", user ? "user" : "kernel");
}

static void text(const struct eu_stacks *s, struct eu_out *out, const char *time, size_t time_size, const uint8_t *key,
                 const uint8_t *value, const struct trace *kernel, const struct trace *user, int pid) {
    if (time_size) {
        eu_out_put(out, time, time_size);
        eu_out_char(out, ' ');
    }
    if (member_of(s, EU_ROLE_COMM)) {
        put_role(s, out, EU_ROLE_COMM, key, value, "");
        eu_out_char(out, ' ');
    }
    if (member_of(s, EU_ROLE_PID))
        eu_out_format(out, "pid=%d", pid);
    if (member_of(s, EU_ROLE_CPU)) {
        eu_out_text(out, " cpu=");
        put_role(s, out, EU_ROLE_CPU, key, value, "");
    }
    put_others(s, out, s->key_type, key, 0);
    if (value)
        put_others(s, out, s->value_type, value, 1);
    eu_out_char(out, '\n');
    put_frames(s, out, kernel, 0, pid);
    if ((kernel->count || kernel->missing > 0) && user->count)
        eu_out_text(out, "    --\n");
    put_frames(s, out, user, 1, pid);
    eu_out_char(out, '\n');
}

static void json_frames(const struct eu_stacks *s, struct eu_out *out, const struct trace *t, int user, int pid) {
    struct eu_out frame = {0};
    eu_out_char(out, '[');
    for (size_t i = 0; i < t->count; i++) {
        uint64_t offset = 0;
        const char *name = name_of(s, user, pid, t->frames[i], &offset);
        frame.used = 0;
        eu_out_format(&frame, "0x%llx", (unsigned long long)t->frames[i]);
        if (name)
            eu_out_format(&frame, " %.1024s+0x%llx", name, (unsigned long long)offset);
        if (i)
            eu_out_char(out, ',');
        eu_quoted(out, frame.data, frame.used);
    }
    eu_out_char(out, ']');
    if (frame.failed)
        out->failed = 1;
    eu_out_free(&frame);
}

/* A struct's members with stacks in place of addresses or ids. */
static void json_part(const struct eu_stacks *s, struct eu_out *out, uint32_t index, const uint8_t *p, size_t size, int in_value, int comma,
                      const struct trace *kernel, const struct trace *user, int pid) {
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = &plan->types[index];
    for (uint32_t i = 0; i < type->count; i++) {
        const struct eu_plan_member *member = &plan->members[type->first + i];
        const struct eu_plan_type *of = &plan->types[member->type];
        uint32_t place = i | (in_value ? EU_IN_VALUE : 0);
        int is_kernel = s->source->role[EU_ROLE_KSTACK] == place, is_user = s->source->role[EU_ROLE_USTACK] == place;
        if (!member->name) {
            const uint8_t *inner = p + member->bit_offset / 8;
            if (of->kind == EU_STRUCT || of->kind == EU_UNION)
                comma |= eu_members_json(&s->show, out, member->type, inner, inner + of->size, !comma) > 0;
            continue;
        }
        const char *name = plan_string(plan, member->name);
        if (comma)
            eu_out_char(out, ',');
        comma = 1;
        eu_quoted(out, name, strlen(name));
        eu_out_char(out, ':');
        if (is_kernel || is_user)
            json_frames(s, out, is_user ? user : kernel, is_user, pid);
        else
            eu_member_json(&s->show, out, member, p, p + size);
    }
}

static void json(const struct eu_stacks *s, struct eu_out *out, const char *time, size_t time_size, const uint8_t *key, size_t key_size,
                 const uint8_t *value, size_t value_size, const struct trace *kernel, const struct trace *user, int pid) {
    const struct eu_plan *plan = s->show.plan;
    eu_out_char(out, '{');
    if (time_size)
        eu_out_format(out, "\"ts\":%.*s", (int)time_size, time);
    if (!value) {
        json_part(s, out, s->key_type, key, key_size, 0, time_size > 0, kernel, user, pid);
        eu_out_text(out, "}\n");
        return;
    }
    for (int part = 0; part < 2; part++) {
        uint32_t index = part ? s->value_type : s->key_type;
        const uint8_t *p = part ? value : key;
        eu_out_text(out, part ? ",\"value\":" : time_size ? ",\"key\":" : "\"key\":");
        if (plan->types[index].kind != EU_STRUCT) {
            eu_value_json(&s->show, out, index, p, p + plan->types[index].size, 0);
            continue;
        }
        eu_out_char(out, '{');
        json_part(s, out, index, p, part ? value_size : key_size, part, 0, kernel, user, pid);
        eu_out_char(out, '}');
    }
    eu_out_text(out, "}\n");
}

/* Folded: "comm;outermost;...;innermost count", kernel frames marked as flame graph tools expect. */

static void fold_name(struct eu_out *out, const char *name, uint64_t address) {
    size_t start = out->used;
    if (name)
        put_name(out, name);
    else
        eu_out_format(out, "0x%llx", (unsigned long long)address);
    for (size_t i = start; i < out->used; i++)
        if (out->data[i] == ';' || out->data[i] == '\n')
            out->data[i] = ':';
}

static int is_room(struct eu_stacks *s) {
    if (2 * (s->nr_folded + 1) <= s->room_folded)
        return 1;
    size_t room = s->room_folded ? 2 * s->room_folded : 256;
    struct folded *larger = room <= FOLDED_LIMIT ? calloc(room, sizeof(*larger)) : NULL;
    if (!larger)
        return s->nr_folded + 1 < s->room_folded;
    for (size_t i = 0; i < s->room_folded; i++)
        if (s->folded[i].stack) {
            size_t at = s->folded[i].hash & (room - 1);
            while (larger[at].stack)
                at = (at + 1) & (room - 1);
            larger[at] = s->folded[i];
        }
    free(s->folded);
    s->folded = larger;
    s->room_folded = room;
    return 1;
}

static int count_folded(struct eu_stacks *s, const char *stack, size_t size, uint64_t count) {
    size_t hash = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)stack[i]) * 1099511628211u;
    int room = is_room(s);
    if (!s->room_folded)
        return eu_fail(ENOMEM, "fold stacks: out of memory");
    size_t at = hash & (s->room_folded - 1);
    while (s->folded[at].stack) {
        if (s->folded[at].hash == hash && !strncmp(s->folded[at].stack, stack, size) && !s->folded[at].stack[size]) {
            s->folded[at].count += count;
            return 0;
        }
        at = (at + 1) & (s->room_folded - 1);
    }
    char *copy = room ? strndup(stack, size) : NULL;
    if (!copy)
        return eu_fail(ENOMEM, "fold stacks: out of memory");
    s->folded[at] = (struct folded){copy, count, hash};
    s->nr_folded++;
    return 0;
}

static uint64_t weight_of(const struct eu_stacks *s, const uint8_t *value) {
    if (!value)
        return 1;
    const struct eu_plan *plan = s->show.plan;
    const struct eu_plan_type *type = &plan->types[s->value_type];
    if (plan_is_scalar(type) && type->kind != EU_FLOAT && type->size <= 8)
        return (uint64_t)eu_scalar(type, value);
    for (uint32_t i = 0; type->kind == EU_STRUCT && i < type->count; i++) {
        const struct eu_plan_member *member = &plan->members[type->first + i];
        const struct eu_plan_type *of = &plan->types[member->type];
        if (!has_role(s, i, 1) && (of->kind == EU_UINT || of->kind == EU_INT) && of->size <= 8 && !member->bit_size)
            return (uint64_t)eu_scalar(of, value + member->bit_offset / 8);
    }
    return 1;
}

static int fold(struct eu_stacks *s, const uint8_t *key, const uint8_t *value, const struct trace *kernel, const struct trace *user,
                int pid) {
    struct eu_out line = {0};
    uint64_t offset;
    if (member_of(s, EU_ROLE_COMM)) {
        put_role(s, &line, EU_ROLE_COMM, key, value, "");
        for (size_t i = 0; i < line.used; i++)
            if (line.data[i] == ';')
                line.data[i] = ':';
    } else {
        eu_out_format(&line, "pid-%d", pid);
    }
    for (size_t i = user->count; i-- > 0;) {
        eu_out_char(&line, ';');
        fold_name(&line, name_of(s, 1, pid, user->frames[i], &offset), user->frames[i]);
    }
    for (size_t i = kernel->count; i-- > 0;) {
        eu_out_char(&line, ';');
        fold_name(&line, name_of(s, 0, pid, kernel->frames[i], &offset), kernel->frames[i]);
        eu_out_text(&line, "_[k]");
    }
    if (kernel->missing > 0 || kernel->missing == -EEXIST || user->missing > 0 || user->missing == -EEXIST)
        eu_out_text(&line, ";[missing]");
    int err = line.failed ? -ENOMEM : count_folded(s, line.data, line.used, weight_of(s, value));
    eu_out_free(&line);
    return err ? err : 1;
}

int eu_stacks_show(struct eu_stacks *s, struct eu_out *out, const char *time, size_t time_size, const uint8_t *key, size_t key_size,
                   const uint8_t *value, size_t value_size) {
    struct trace kernel, user;
    int pid = (int)number_of(s, EU_ROLE_PID, key, value, 0);
    load(s, &kernel, EU_ROLE_KSTACK, EU_ROLE_KSTACK_SIZE, key, value, key_size);
    load(s, &user, EU_ROLE_USTACK, EU_ROLE_USTACK_SIZE, key, value, key_size);
    if (s->show.format.format == 3)
        return fold(s, key, value, &kernel, &user, pid);
    if (s->show.format.format == 1) {
        json(s, out, time, time_size, key, key_size, value, value_size, &kernel, &user, pid);
        return 1;
    }
    if (s->show.format.compat) {
        if (!kernel.count && !user.count)
            return 0;
        compatible(s, out, key, value, &kernel, &user, pid);
        return 1;
    }
    text(s, out, time, time_size, key, value, &kernel, &user, pid);
    return 1;
}

static int by_stack(const void *a, const void *b) {
    return strcmp(((const struct folded *)a)->stack, ((const struct folded *)b)->stack);
}

void eu_stacks_finish(struct eu_stacks *s, struct eu_out *out) {
    size_t count = 0;
    for (size_t i = 0; i < s->room_folded; i++)
        if (s->folded[i].stack)
            s->folded[count++] = s->folded[i];
    if (count)
        qsort(s->folded, count, sizeof(*s->folded), by_stack);
    for (size_t i = 0; i < count; i++) {
        eu_out_text(out, s->folded[i].stack);
        eu_out_format(out, " %llu\n", (unsigned long long)s->folded[i].count);
        free(s->folded[i].stack);
    }
    free(s->folded);
    s->folded = NULL;
    s->nr_folded = s->room_folded = 0;
}

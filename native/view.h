/* How the records of one source look in one format: compiled from the plan once, then walked for each record. */
#ifndef EUNOMIA_VIEW_H
#define EUNOMIA_VIEW_H
#include "out.h"
#include "value.h"

struct eu_view;
/* name_types: lines say of which type they are, where the run has events of several. */
struct eu_view *eu_view_new(const struct eu_plan *plan, int source, const struct eu_format *format, int name_types);
void eu_view_free(struct eu_view *view);

/* Which of the source's record types this record is, or -1: too short for all of them. */
int eu_view_match(const struct eu_view *view, const uint8_t *record, size_t size);
/* Append the record as a line; `time` is what the time column or "ts" shows ("" none). -EBADMSG: not decodable, nothing appended. */
int eu_view_record(struct eu_view *view, struct eu_out *out, const char *time, size_t time_size, int match, const uint8_t *record,
                   size_t size);
/* Append the header of a record type, time column included; nothing in JSON. */
void eu_view_header(const struct eu_view *view, struct eu_out *out, int match);
/* Look up stack ids in this object's maps. */
void eu_view_use(struct eu_view *view, struct eu_object *object);
/* Append what was gathered over the run: folded stacks. */
void eu_view_finish(struct eu_view *view, struct eu_out *out);
int eu_view_types(const struct eu_view *view);
#endif

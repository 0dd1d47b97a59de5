/* Tables: cells are gathered row by row, then written in columns as wide as their widest cell, or as CSV. */
#ifndef EUNOMIA_TABLE_H
#define EUNOMIA_TABLE_H
#include "out.h"

struct eu_table_column {
    char *name;
    size_t width;
    int right; /* numbers stand at the right */
};

struct eu_table {
    struct eu_table_column *columns;
    size_t nr_columns, room_columns;
    struct eu_out cells; /* the text of a cell is appended here, then eu_table_cell() ends it */
    uint32_t *ends;
    size_t nr_cells, room_cells, column; /* column: of the next cell */
    int failed;
};

/* Columns come before cells. */
void eu_table_column(struct eu_table *table, const char *name, int right);
/* End a cell: the next of its row, or the first of the next row. */
void eu_table_cell(struct eu_table *table);
/* Append header (if asked) and rows; a table that ran out of memory fails the output. */
void eu_table_text(struct eu_table *table, struct eu_out *out, int header);
/* The same as CSV (RFC 4180), with a first column `ts` where its size is not 0. */
void eu_table_csv(struct eu_table *table, struct eu_out *out, int header, const char *time, size_t time_size);
void eu_table_free(struct eu_table *table);
#endif

"""The kinds of types and of sources in a plan. Source: native/plan.h."""

UINT, INT, BOOL, FLOAT, POINTER, STRING, ARRAY, STRUCT, UNION, ENUM, OPAQUE = range(1, 12)
RING, PERF, SAMPLE = 1, 2, 3

"""The kinds of types in a plan. Source: native/plan.h."""

UINT, INT, BOOL, FLOAT, POINTER, STRING, ARRAY, STRUCT, UNION, ENUM, OPAQUE = range(1, 12)

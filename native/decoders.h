/* Values by what they mean: the registry of decoders. docs/reference/decoders.md. */
#ifndef EUNOMIA_DECODERS_H
#define EUNOMIA_DECODERS_H
#include "value.h"

/* Show the value at p as its decoder says: JSON, or (text) as a table shows it. 0: does not apply to this type or value. */
int eu_decode(const struct eu_show *show, struct eu_out *out, int decoder, uint32_t type, const uint8_t *p, const uint8_t *end, int text);
/* The same for a number that was read already (bit fields). */
int eu_decode_number(const struct eu_show *show, struct eu_out *out, int decoder, uint32_t type, int64_t number, int text);
/* 1: what it shows is not in the value: the machine is asked, and a recording keeps the answer (facts.h). */
int eu_decoder_asks(int decoder);
/* 1: the number alone says what it shows. */
int eu_decoder_is_pure(int decoder);
/* Columns a decoder's values usually take in text; 0: as the type. */
int eu_decoder_width(int decoder);
/* Whether its values are still quantities: tables put them to the right. */
int eu_decoder_is_quantity(int decoder);
#endif

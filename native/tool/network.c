/* Networks: __be32 address[4]; __u8 length, family (4, 6; 0: none); two bytes of padding. */
#define _GNU_SOURCE
#include "option.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 64 };

static int has_host_bits(const uint8_t *address, unsigned bits, unsigned all) {
    for (unsigned i = bits; i < all; i++)
        if (address[i / 8] >> (7 - i % 8) & 1)
            return 1;
    return 0;
}

int eu_network_encode(const char *text, uint8_t bytes[20], struct eu_out *out) {
    char address[LONGEST];
    size_t size = strcspn(text, "/");
    uint8_t found[16] = {0};
    const char *length = text[size] ? text + size + 1 : NULL;
    int is_six = 0, is_one = 0;
    if (size < sizeof(address)) {
        memcpy(address, text, size);
        address[size] = 0;
        is_six = inet_pton(AF_INET6, address, found) == 1;
        is_one = is_six || inet_pton(AF_INET, address, found) == 1;
    }
    unsigned all = is_six ? 128 : 32, bits = all;
    if (length) {
        is_one &= *length && strlen(length) < 4 && !length[strspn(length, "0123456789")];
        bits = (unsigned)strtoul(length, NULL, 10);
    }
    if (!is_one || bits > all) {
        eu_put_quoted(out, text, 60);
        eu_out_text(out, " does not appear to be an IPv4 or IPv6 network");
        return -1;
    }
    if (has_host_bits(found, bits, all)) {
        eu_put_clean(out, text);
        eu_out_text(out, " has host bits set");
        return -1;
    }
    memset(bytes, 0, 20);
    memcpy(bytes, found, all / 8);
    bytes[16] = (uint8_t)bits;
    bytes[17] = is_six ? 6 : 4;
    return 0;
}

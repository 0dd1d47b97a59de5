/* Hashing of keys that come from outside: seeded, so that nobody can choose keys that collide. */
#ifndef EUNOMIA_HASH_H
#define EUNOMIA_HASH_H
#include <stdint.h>
#include <sys/random.h>

/* Multiply and fold: every bit of both changes about half of the result's. */
static inline uint64_t eu_fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Random, or where the kernel has no random bytes yet what address space randomisation makes of a pointer. */
static inline uint64_t eu_hash_seed(const void *pointer) {
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = (uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15u;
    return seed;
}
#endif

/* Octets and columns of numbers that somebody else owns.  Every read goes through the functions here, which look
 * whether it stays inside: what lies beyond the end reads as 0, and a part is never longer than the whole. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INLINED static inline __attribute__((always_inline))
#define EXPORTED __attribute__((visibility("default")))

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

typedef struct {
    const u8 *at;
    u64 size;
} Octets;

static inline u32 octet(Octets text, u64 place) {
    return place < text.size ? text.at[place] : 0;
}

static inline u32 two_octets(Octets text, u64 place) {
    return octet(text, place) << 8 | octet(text, place + 1);
}

static inline u32 four_octets(Octets text, u64 place) {
    if (text.size < 4 || place > text.size - 4) return two_octets(text, place) << 16 | two_octets(text, place + 2);
    const u8 *at = text.at + place;
    return (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
}

static inline Octets from(Octets text, u64 place) {
    if (place > text.size) place = text.size;
    return (Octets){text.at + place, text.size - place};
}

enum { LINE = 64 }; /* octets that a processor fetches at a time */

/* Has the processor fetch an octet that will be read soon: a large file does not lie in its cache.  (GCC leaves out what
 * does nothing else, where it is not part of its caller.) */
INLINED void expect(Octets text, u64 place) {
    if (place < text.size) __builtin_prefetch(text.at + place);
}

static inline Octets upto(Octets text, u64 size) {
    return (Octets){text.at, size < text.size ? size : text.size};
}

/* Where an octet stands first; the size where it does not. */
static inline u64 find(Octets text, u8 wanted) {
    const u8 *found = text.size ? memchr(text.at, wanted, text.size) : NULL;
    return found ? (u64)(found - text.at) : text.size;
}

static inline bool same(Octets one, Octets other) {
    return one.size == other.size && (!one.size || !memcmp(one.at, other.at, one.size));
}

/* `capitals` holds no small letters. */
static inline bool begins(Octets text, const char *capitals) {
    u64 place = 0;
    for (; capitals[place]; place++) {
        u32 letter = octet(text, place);
        if (letter >= 'a' && letter <= 'z') letter -= 'a' - 'A';
        if (letter != (u8)capitals[place]) return false;
    }
    return place <= text.size;
}

/* Numbers of 1, 2, 4 or 8 octets, in the machine's own byte order, `stride` octets apart. */
typedef struct {
    const u8 *at;
    u64 count, width, stride;
} Column;

static inline u64 number(const Column *column, u64 row) {
    if (row >= column->count) return 0;
    const u8 *at = column->at + row * column->stride;
    uint16_t two;
    u32 four;
    u64 eight;
    switch (column->width) {
    case 1: return *at;
    case 2: memcpy(&two, at, 2); return two;
    case 4: memcpy(&four, at, 4); return four;
    case 8: memcpy(&eight, at, 8); return eight;
    default: return 0;
    }
}

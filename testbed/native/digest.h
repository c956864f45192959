/* SipHash-1-3 of whole words (Aumasson, Bernstein): with a secret key, nobody can make two sequences that look alike. */
#pragma once

#include "octets.h"

typedef struct {
    u64 a, b, c, d;
} Digest;

static inline u64 rotated(u64 word, int bits) {
    return word << bits | word >> (64 - bits);
}

static inline void round_of(Digest *s) {
    s->a += s->b, s->c += s->d;
    s->b = rotated(s->b, 13) ^ s->a, s->d = rotated(s->d, 16) ^ s->c;
    s->a = rotated(s->a, 32);
    s->c += s->b, s->a += s->d;
    s->b = rotated(s->b, 17) ^ s->c, s->d = rotated(s->d, 21) ^ s->a;
    s->c = rotated(s->c, 32);
}

static inline Digest keyed(u64 low, u64 high) {
    return (Digest){
        low ^ 0x736f6d6570736575, high ^ 0x646f72616e646f6d, low ^ 0x6c7967656e657261, high ^ 0x7465646279746573};
}

static inline void absorb(Digest *digest, u64 word) {
    digest->d ^= word;
    round_of(digest);
    digest->a ^= word;
}

static inline u64 finished(Digest digest) {
    digest.c ^= 0xff;
    for (int again = 0; again < 3; again++) round_of(&digest);
    return digest.a ^ digest.b ^ digest.c ^ digest.d;
}

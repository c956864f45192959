/* Which packets go between the same two ends. */
#include <stdlib.h>

#include "columns.h"
#include "digest.h"

enum { UDP = 17, TCP = 6, FEWEST_SLOTS = 1 << 10 };

/* Two ends, the lower one first, and how many packets went between them so far. */
typedef struct {
    u64 low, high;
    u32 packets;
} Pair;

/* `pairs` are in order of their first packets; `slots` tells where a pair stands, by a hash. */
typedef struct {
    Pair *pairs;
    u32 *slots;
    u64 count, mask;
    const u64 *key;
} Pairs;

static u64 slot_of(const Pairs *known, u64 low, u64 high) {
    Digest digest = keyed(known->key[0], known->key[1]);
    absorb(&digest, low), absorb(&digest, high);
    return finished(digest);
}

static bool has_grown(Pairs *known) {
    u64 slots = known->slots ? (known->mask + 1) * 2 : FEWEST_SLOTS;
    Pair *pairs = realloc(known->pairs, slots / 2 * sizeof *pairs);
    if (!pairs) return false;
    known->pairs = pairs;
    free(known->slots);
    known->slots = calloc(slots, sizeof *known->slots), known->mask = slots - 1;
    if (!known->slots) return false;
    for (u64 at = 0; at < known->count; at++) {
        u64 slot = slot_of(known, pairs[at].low, pairs[at].high);
        while (known->slots[slot & known->mask]) slot++;
        known->slots[slot & known->mask] = (u32)at + 1;
    }
    return true;
}

/* The number of the pair that a row belongs to, from 1; 0 for none, or where there is no memory. */
static u32 pair_of(Pairs *known, const Ends *ends, u64 row) {
    u64 kind = (number(&ends->protocol, row) == UDP) << 1 | (number(&ends->v6, row) != 0);
    u64 one = kind << 48 | number(&ends->sender, row) << 16 | number(&ends->source_port, row);
    u64 other = kind << 48 | number(&ends->receiver, row) << 16 | number(&ends->destination_port, row);
    u64 low = one < other ? one : other, high = one < other ? other : one;
    for (u64 slot = slot_of(known, low, high);; slot++) {
        u32 found = known->slots[slot & known->mask];
        if (found && (known->pairs[found - 1].low != low || known->pairs[found - 1].high != high)) continue;
        if (found) return found;
        known->pairs[known->count] = (Pair){low, high, 0};
        known->slots[slot & known->mask] = (u32)known->count + 1;
        if (++known->count > known->mask / 2 && !has_grown(known)) return 0;
        return (u32)known->count;
    }
}

static bool numbered(Pairs *known, const Ends *ends, u32 *of_row) {
    if (!has_grown(known)) return false;
    for (u64 row = 0; row < ends->protocol.count; row++) {
        u64 protocol = number(&ends->protocol, row);
        of_row[row] = 0;
        if (protocol != TCP && protocol != UDP) continue;
        u32 pair = of_row[row] = pair_of(known, ends, row);
        if (!pair) return false;
        known->pairs[pair - 1].packets++;
    }
    return true;
}

/* Fills `order` with the rows of TCP and UDP, those of one pair together and in order, the pairs in order of their first
 * rows, and `start` with where each pair begins; both have room for as many as there are rows.  Gives the number of
 * pairs, -1 where there is no memory. */
EXPORTED i64 conversations(const Ends *ends, const u64 *key, u32 *order, i64 *start) {
    Pairs known = {.key = key};
    u64 rows = ends->protocol.count, next = 0;
    u32 *of_row = malloc((rows ? rows : 1) * sizeof *of_row);
    bool done = of_row && numbered(&known, ends, of_row);
    for (u64 at = 0; done && at < known.count; at++) {
        start[at] = (i64)next;
        next += known.pairs[at].packets;
        known.pairs[at].packets = (u32)start[at];
    }
    for (u64 row = 0; done && row < rows; row++)
        if (of_row[row]) order[known.pairs[of_row[row] - 1].packets++] = (u32)row;
    free(of_row), free(known.pairs), free(known.slots);
    return done ? (i64)known.count : -1;
}

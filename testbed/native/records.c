/* The packets of a capture file, as columns that say where each lies. */
#include "columns.h"

enum { RECORD_HEADER = 16, LEAST_BLOCK = 12, PACKET_HEADER = 28, END_OF_OPTIONS = 0, COMMENT = 1 };
/* Kinds of blocks. */
enum { STATISTICS = 5, PACKET_BLOCK, JOURNAL = 9, SECRETS = 10, CUSTOM = 0xbad, CUSTOM_LOCAL = 0x40000bad };
static const u32 SECTION = 0x0a0d0d0a;

static const i64 SECOND = 1000000000, FAR = 1ll << 62;

static u32 word(Octets data, u64 place, bool big) {
    u32 value = four_octets(data, place);
    return big ? value : value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff0000) | value << 24;
}

static u64 padded(u64 size) {
    return (size + 3) / 4 * 4;
}

/* Nanoseconds since the epoch, held within 146 years of it. */
static i64 time_of(u64 ticks, u64 units, i64 since) {
    __int128 time = (__int128)since * SECOND;
    if (units <= (u64)SECOND) time += (__int128)(ticks / units) * SECOND + (i64)(ticks % units * (u64)SECOND / units);
    else time += (__int128)((unsigned __int128)ticks * (u64)SECOND / units);
    return time > FAR ? FAR : time < -FAR ? -FAR : (i64)time;
}

/* Of a pcap file: the packets from `position` on, which is moved behind the last whole record among them.  A fraction of
 * a second has units of so many nanoseconds. */
EXPORTED u64 packets_of_pcap(const Octets *data, bool big, u64 unit, u64 *position, Packets *found) {
    u64 count = 0, at = *position;
    for (; count < found->room && at + RECORD_HEADER <= data->size; count++) {
        u32 captured = word(*data, at + 8, big);
        if (captured > data->size - at - RECORD_HEADER) break;
        found->time[count] = word(*data, at, big) * SECOND + (i64)(word(*data, at + 4, big) * unit);
        found->offset[count] = at + RECORD_HEADER;
        found->captured[count] = captured;
        found->original[count] = word(*data, at + 12, big);
        at += RECORD_HEADER + captured;
    }
    *position = at;
    return count;
}

/* Whether one of the options of a block is a comment. */
static bool has_comment(Octets options, bool big) {
    while (options.size >= 4) {
        u32 first = word(options, 0, big), code = big ? first >> 16 : first & 0xffff, size = big ? first & 0xffff : first >> 16;
        if (code == COMMENT) return true;
        if (code == END_OF_OPTIONS) return false;
        options = from(options, 4 + padded(size));
    }
    return false;
}

/* Whether nobody asks for what is in a block; `counts` whether it has a frame number all the same. */
static bool is_passed_over(u32 kind, bool *counts) {
    *counts = kind == CUSTOM || kind == CUSTOM_LOCAL;
    return !kind || kind == STATISTICS || (kind > PACKET_BLOCK && kind != SECTION && kind != JOURNAL && kind != SECRETS);
}

/* How many octets a block takes, 0 where it is damaged. */
static u64 size_of(Octets data, const Section *s) {
    u32 length = word(data, s->position + 4, s->big);
    if (length < LEAST_BLOCK || padded(length) > data.size - s->position) return 0;
    return word(data, s->position + padded(length) - 4, s->big) == length ? padded(length) : 0;
}

/* Whether a block is a packet about which there is nothing to remark. */
static bool is_plain(Octets block, const Section *s) {
    u64 captured = word(block, 20, s->big), options = PACKET_HEADER + padded(captured);
    if (word(block, 0, s->big) != PACKET_BLOCK || PACKET_HEADER + captured + 4 > block.size) return false;
    if (word(block, 8, s->big) >= s->known - s->first) return false;
    return options + 4 >= block.size || !has_comment(upto(from(block, options), block.size - 4 - options), s->big);
}

/* Of a pcapng file: the packets from the section's position on, up to a block that somebody else must read. */
EXPORTED u64 packets_of_pcapng(const Octets *data, Section *s, Packets *found) {
    u64 count = 0, length;
    while (count < found->room && s->position + LEAST_BLOCK <= data->size && (length = size_of(*data, s))) {
        Octets block = upto(from(*data, s->position), length);
        bool counts = false;
        if (is_passed_over(word(block, 0, s->big), &counts)) {
            s->frame += counts, s->position += length;
            continue;
        }
        if (!is_plain(block, s)) break;
        u64 interface = s->first + word(block, 8, s->big), units = number(&s->units, interface);
        u64 ticks = (u64)word(block, 12, s->big) << 32 | word(block, 16, s->big);
        found->frame[count] = ++s->frame;
        found->time[count] = time_of(ticks, units ? units : 1, (i64)number(&s->since, interface));
        found->offset[count] = s->position + PACKET_HEADER;
        found->captured[count] = word(block, 20, s->big);
        found->original[count] = word(block, 24, s->big);
        found->interface[count++] = (uint16_t)interface;
        s->position += length;
    }
    return count;
}

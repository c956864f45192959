/* From a capture file to its packet table: the columns that are filled.  `pcap/records.py`, `pcap/headers.py` and
 * `trace/flows.py` have the same structures. */
#pragma once

#include "octets.h"

/* Columns with room for so many packets. */
typedef struct {
    u64 room;
    u32 *frame;
    i64 *time;
    u64 *offset;
    u32 *captured, *original;
    uint16_t *interface;
} Packets;

/* Where a section of a pcapng file is read.  Its interfaces are those from `first` up to `known`; clocks tell of each
 * its units per second, and the second they count from. */
typedef struct {
    bool big;
    u64 position;
    u32 frame, first, known;
    Column units, since;
} Section;

/* Columns to be filled, one number for each packet that is kept. */
typedef struct {
    u32 *row;
    u8 *protocol, *v6;
    u32 *sender, *receiver;
    uint16_t *source_port, *destination_port, *headers;
    u8 *header;
    u32 *length;
    u8 *flags;
} Table;

/* The addresses of IPv6 that were met, each once, and where each stands, by a hash; `mask` is one less than the number
 * of slots, of which there are more than there can be addresses. */
typedef struct {
    u8 *at;
    u32 *slots;
    u64 mask, count, key[2];
} Addresses;

typedef struct {
    Octets data;
    Column offset, captured, original, interface, link; /* `link` has a number per interface, the others per packet */
} Frames;

/* What is not in the columns: why packets are left out, those whose link type nobody reads by their interface, and for
 * each fragment its packet, and where its IP header, its end and its transport header are. */
typedef struct {
    u64 cut_short, no_ip, cut;
    u64 *unread, *fragments;
    u64 fragmented;
} Rest;

/* A number per row of the packet table. */
typedef struct {
    Column protocol, v6, sender, receiver, source_port, destination_port;
} Ends;

u64 packets_of_pcap(const Octets *data, bool big, u64 unit, u64 *position, Packets *found);
u64 packets_of_pcapng(const Octets *data, Section *section, Packets *found);
u64 headers(const Frames *frames, u64 first, u64 after, Table *table, Addresses *known, Rest *rest);
i64 conversations(const Ends *ends, const u64 *key, u32 *order, i64 *start);

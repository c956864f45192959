/* After testbed/pcap/link.py and decode.py: from the link layer to the transport header, one packet after the other. */
#include "columns.h"
#include "digest.h"

enum { IPV4 = 0x0800, IPV6 = 0x86dd, PPPOE = 0x8864, PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };
enum { MPLS = 0x8847, MPLS_MULTICAST = 0x8848, MOST_TAGS = 4, MOST_LABELS = 8, MOST_EXTENSIONS = 8 };
enum { ICMP = 1, TCP = 6, UDP = 17, FRAGMENT = 44, ICMPV6 = 58, IP_HEADER = 20, V6_HEADER = 40, ADDRESS = 16 };

static const i64 NO_IP = -1, UNREAD = -2;

static bool is_tag(u32 kind) {
    return kind == 0x8100 || kind == 0x88a8 || kind == 0x9100;
}

static i64 raw(Octets data, u64 at, u64 end) {
    u32 version = octet(data, at) >> 4;
    return (version == 4 || version == 6) && at < end ? (i64)at : NO_IP;
}

static i64 below_labels(Octets data, u64 at, u64 end) {
    for (int label = 0; label < MOST_LABELS; label++) {
        bool bottom = octet(data, at + 2) & 1;
        at += 4;
        if (bottom) return raw(data, at, end);
    }
    return NO_IP;
}

/* `at` is where the EtherType stands; `end` is moved where PPPoE tells of a shorter length. */
static i64 by_ethertype(Octets data, u64 at, u64 *end) {
    u32 kind = two_octets(data, at);
    for (int tag = 0; tag < MOST_TAGS && is_tag(kind); tag++) kind = two_octets(data, at += 4);
    if (kind == PPPOE) {
        at += 8; /* the last two octets of PPPoE's header and PPP's protocol number take the EtherType's place */
        u32 inner = two_octets(data, at);
        if (inner == PPP_IPV4) kind = IPV4;
        if (inner == PPP_IPV6) kind = IPV6;
        u64 told = at + two_octets(data, at - 2); /* PPPoE's own length counts the protocol number */
        if (told < *end) *end = told;
    }
    if (kind == MPLS || kind == MPLS_MULTICAST) return below_labels(data, at + 2, *end);
    return (kind == IPV4 || kind == IPV6) && at + 2 < *end ? (i64)at + 2 : NO_IP;
}

/* BSD null and loop: a 32-bit address family, in the byte order of the machine that captured. */
static i64 loopback(Octets data, u64 at, u64 end) {
    u32 first = octet(data, at), family = first ? first : octet(data, at + 3);
    bool known = family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
    return known && at + 4 < end ? (i64)at + 4 : NO_IP;
}

static i64 ip_behind(Octets data, u64 link, u64 at, u64 *end) {
    u32 kind;
    switch (link) {
    case 1: return by_ethertype(data, at + 12, end);
    case 113: return by_ethertype(data, at + 14, end);
    case 276: kind = two_octets(data, at); return (kind == IPV4 || kind == IPV6) && at + 20 < *end ? (i64)at + 20 : NO_IP;
    case 0: case 108: return loopback(data, at, *end);
    case 12: case 14: case 101: case 228: case 229: return raw(data, at, *end);
    default: return UNREAD;
    }
}

/* Steps over IPv6 extension headers, up to the header of a fragment that is not the whole. */
static u32 extensions(Octets data, u32 protocol, u64 *position, u64 end) {
    for (int step = 0; step < MOST_EXTENSIONS && *position + 8 <= end; step++) {
        bool fragment = protocol == FRAGMENT;
        if (!fragment && protocol != 0 && protocol != 43 && protocol != 60) break;
        if (fragment && two_octets(data, *position + 2) & 0xfff9) break;
        u64 size = fragment ? 8 : (octet(data, *position + 1) + 1) * 8;
        protocol = octet(data, *position);
        *position += size;
    }
    return protocol;
}

static u64 least_header(u32 protocol) {
    return protocol == TCP ? 20 : protocol == UDP || protocol == ICMP || protocol == ICMPV6 ? 8 : 0;
}

/* The number of an address of IPv6. */
static u32 numbered(Addresses *known, Octets data, u64 place) {
    u8 address[ADDRESS];
    u64 halves[2];
    for (u64 at = 0; at < ADDRESS; at++) address[at] = (u8)octet(data, place + at);
    memcpy(halves, address, ADDRESS);
    Digest digest = keyed(known->key[0], known->key[1]);
    absorb(&digest, halves[0]), absorb(&digest, halves[1]);
    for (u64 slot = finished(digest);; slot++) {
        u32 found = known->slots[slot & known->mask];
        if (found && memcmp(known->at + (u64)(found - 1) * ADDRESS, address, ADDRESS)) continue;
        if (found) return found - 1;
        memcpy(known->at + known->count * ADDRESS, address, ADDRESS);
        known->slots[slot & known->mask] = (u32)++known->count;
        return (u32)known->count - 1;
    }
}

static u64 least_of(u64 one, u64 other) {
    return one < other ? one : other;
}

/* Where the parts of a packet are, and what it carries. */
typedef struct {
    u64 packet, start, caught, on_wire, ip, end, total, transport;
    u32 protocol;
    bool v6;
} Found;

/* Adds a packet to the columns, and gives how many they have then. */
static u64 add(const Found *f, Octets data, Table *table, u64 count, Addresses *known) {
    bool tcp = f->protocol == TCP, ported = tcp || f->protocol == UDP;
    u64 offset = octet(data, f->transport + 12) >> 4, header = !tcp ? 8 : offset < 5 ? 20 : offset * 4;
    u64 payload = f->transport + header, stop = f->ip + f->total;
    table->row[count] = (u32)f->packet;
    table->protocol[count] = (u8)f->protocol;
    table->v6[count] = f->v6;
    table->sender[count] = f->v6 ? numbered(known, data, f->ip + 8) : four_octets(data, f->ip + 12);
    table->receiver[count] = f->v6 ? numbered(known, data, f->ip + 24) : four_octets(data, f->ip + 16);
    table->source_port[count] = ported ? (uint16_t)two_octets(data, f->transport) : 0;
    table->destination_port[count] = ported ? (uint16_t)two_octets(data, f->transport + 2) : 0;
    table->headers[count] = (uint16_t)(f->transport - f->start);
    table->header[count] = (u8)header;
    table->length[count] = stop > payload ? (u32)(stop - payload) : 0;
    table->flags[count] = tcp ? (u8)octet(data, f->transport + 13) : 0;
    return count + 1;
}

static u64 decoded(Found *f, Octets data, Table *table, u64 count, Addresses *known, Rest *rest) {
    u32 version = octet(data, f->ip) >> 4;
    f->v6 = version == 6;
    u64 size = f->v6 ? V6_HEADER : (octet(data, f->ip) & 15) * 4, room = f->on_wire - f->ip;
    f->total = f->v6 ? two_octets(data, f->ip + 4) + V6_HEADER : two_octets(data, f->ip + 2);
    if (f->total < size || f->total > room) f->total = room; /* 0 where the sender's card did the segmenting */
    f->protocol = octet(data, f->ip + (f->v6 ? 6 : 9));
    f->transport = f->ip + size;
    if (f->v6) f->protocol = extensions(data, f->protocol, &f->transport, f->end);
    rest->no_ip += version != 4 && version != 6;
    if (f->v6 ? f->protocol == FRAGMENT : (two_octets(data, f->ip + 6) & 0x3fff) != 0) {
        u64 fragment[] = {f->packet, f->ip, f->end, f->v6, f->transport};
        memcpy(rest->fragments + 5 * rest->fragmented++, fragment, sizeof fragment);
        return count;
    }
    u64 least = least_header(f->protocol);
    if (!least || size < IP_HEADER) return count;
    if (f->transport + least > f->end) return rest->cut_short++, count;
    rest->cut += least_of(f->ip + f->total, f->on_wire) > f->caught;
    return add(f, data, table, count, known);
}

/* Fills the columns with the packets among those from `first` up to `after`, and gives their number. */
EXPORTED u64 headers(const Frames *frames, u64 first, u64 after, Table *table, Addresses *known, Rest *rest) {
    u64 count = 0;
    for (u64 packet = first; packet < after; packet++) {
        u64 start = number(&frames->offset, packet), captured = number(&frames->captured, packet);
        u64 original = number(&frames->original, packet), interface = number(&frames->interface, packet);
        Found f = {.packet = packet, .start = start, .caught = start + captured};
        f.on_wire = start + (captured > original ? captured : original);
        i64 ip = ip_behind(frames->data, number(&frames->link, interface), start, &f.on_wire);
        if (ip == UNREAD && interface < frames->link.count) rest->unread[interface]++;
        f.ip = (u64)ip, f.end = least_of(f.on_wire, f.caught);
        if (ip < 0 || f.ip + IP_HEADER > f.end) continue;
        count = decoded(&f, frames->data, table, count, known, rest);
    }
    return count;
}

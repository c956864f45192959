/* The packets of a connection: where each lies, and whether it has come as it was sent. */
#include "tcp.h"

enum { V4_HEADER = 20, V6_HEADER = 40, PROTOCOL = 6, CHECKSUM_AT = 16, FULL = 65535 };

Packet packet_at(const Scene *s, u64 connection, u64 place) {
    u64 row = number(&s->order, place), packet = number(&s->packet, row), headers = number(&s->headers, row);
    u64 first = number(&s->order, number(&s->start, connection));
    u64 offset = number(&s->offset, packet), captured = number(&s->captured, packet);
    u64 size = number(&s->header, row), length = number(&s->length, row);
    Octets transport = from(upto(from(s->data, offset), captured), headers);
    bool forward = number(&s->sender, row) == number(&s->sender, first) &&
                   number(&s->port, row) == number(&s->port, first);
    return (Packet){
        .scene = s,
        .number = connection,
        .time = (i64)number(&s->time, packet),
        .row = row,
        .place = place,
        .sequence = four_octets(transport, 4),
        .ack = four_octets(transport, 8),
        .window = two_octets(transport, 14),
        .length = (u32)length,
        .flags = (u32)number(&s->flags, row),
        .side = forward == (number(&s->from_client, connection) != 0) ? CLIENT : SERVER,
        .header = upto(transport, size),
        .payload = upto(from(transport, size), length),
    };
}

void expect_packet(const Scene *s, u64 place, u64 octets) {
    u64 row = number(&s->order, place), packet = number(&s->packet, row);
    u64 start = number(&s->offset, packet) + number(&s->headers, row), size = number(&s->captured, packet);
    for (u64 at = 0; at < size && at < octets; at += LINE) expect(s->data, start + at);
}

/* The sum of 16-bit words modulo 65,535 is also that of 32-bit words (RFC 1071). */
static u64 sum_of(Octets text) {
    u64 sum = 0;
    for (u64 at = 0; at < text.size; at += 4) sum += four_octets(text, at);
    return sum;
}

/* After testbed/pcap/condition.py. */
bool is_sound(const Packet *p) {
    const Scene *s = p->scene;
    u64 packet = number(&s->packet, p->row), headers = number(&s->headers, p->row);
    bool v6 = number(&s->v6, p->row);
    u64 size = v6 ? V6_HEADER : V4_HEADER;
    Octets ip = upto(from(s->data, number(&s->offset, packet)), number(&s->captured, packet));
    if (headers < size) return false;
    ip = from(ip, headers - size);
    u64 total = v6 ? two_octets(ip, 4) + V6_HEADER : two_octets(ip, 2);
    if ((v6 ? octet(ip, 0) >> 4 != 6 : octet(ip, 0) != 0x45) || total <= size || total > ip.size) return false;
    Octets segment = from(upto(ip, total), size);
    u64 pseudo = PROTOCOL + (v6 ? sum_of(upto(from(ip, 8), 32)) : sum_of(upto(from(ip, 12), 8)));
    u64 field = two_octets(segment, CHECKSUM_AT);
    if ((sum_of(segment) + pseudo + segment.size) % FULL == 0) return true;
    return !field || field % FULL == pseudo % FULL || field % FULL == (pseudo + segment.size) % FULL; /* left to the card */
}

/* Many connections at once: what those that went alike have in common is two digests (testbed/trace/glance). */
#include "glance.h"
#include "smtp.h"
#include "tcp.h"

enum { AHEAD = 8, BEGINNING = 2 * LINE, WHOLE = 1536 }; /* packets; octets of one */

/* Whether the first octets of a side may be those of a protocol that is recognised by them. */
static bool is_telling(const Scene *s, Octets text) {
    if (!octet(text, 7)) return true;
    for (Octets left = s->telling; left.size >= 9; left = from(left, 9)) {
        u64 size = octet(left, 0), at = 0;
        for (; at < size && at < 8; at++) {
            u32 letter = octet(text, at);
            if (letter >= 'a' && letter <= 'z') letter -= 'a' - 'A';
            if (letter != octet(left, at + 1)) break;
        }
        if (at == size) return true;
    }
    return false;
}

typedef struct {
    Tcp tcp;
    Smtp talk;
    Digest transport, said;
    bool heard[2]; /* octets of a side */
} Connection;

static enum Odd take(Connection *c, const Packet *p, bool spoken, Row *row, Questions *refusals) {
    bool fresh = false;
    enum Odd odd = tcp_packet(&c->tcp, p, &fresh);
    if (odd) return odd;
    u64 mark = tcp_mark(&c->tcp, p), lost = c->tcp.holes.lost;
    tcp_note(&c->tcp, p, &c->transport);
    if (lost && !spoken) return HOLE;
    if (lost && (odd = smtp_hole(&c->talk, lost, &c->said))) return odd;
    row->gaps += lost > 0;
    if (mark) smtp_mark(&c->talk, p, mark, &c->said);
    c->talk.begun |= (p->flags & SYN) != 0;
    if (!fresh) return REGULAR;
    row->octets[p->side] += p->length;
    bool first = !c->heard[p->side];
    c->heard[p->side] = true;
    if (spoken) return smtp_packet(&c->talk, p, &c->said, refusals);
    return first && is_telling(p->scene, upto(p->payload, 8)) ? TELLING : REGULAR;
}

static enum Odd one(const Scene *s, u64 connection, Row *row, Questions *refusals) {
    u64 start = number(&s->start, connection), stop = number(&s->stop, connection);
    bool spoken = number(&s->spoken, connection);
    if (number(&s->left_out, connection) || start >= stop) return LEFT_OUT;
    Packet p = packet_at(s, connection, start);
    Connection c = {.tcp = {.opened = -1}, .transport = keyed(s->key[0], s->key[1]), .said = keyed(s->key[2], s->key[3])};
    smtp_begin(&c.talk, p.time);
    absorb(&c.transport, number(&s->service, connection) << 1 | (u64)p.side);
    row->start_ns = row->end_ns = p.time;
    for (u64 place = start; place < stop; place++) {
        expect_packet(s, place + AHEAD, spoken && c.talk.mode != SEALED ? WHOLE : BEGINNING);
        if (place > start) p = packet_at(s, connection, place);
        if (p.time < row->start_ns) row->start_ns = p.time;
        if (p.time > row->end_ns) row->end_ns = p.time;
        enum Odd odd = take(&c, &p, spoken, row, refusals);
        if (odd) return odd;
    }
    enum Odd odd = tcp_end(&c.tcp, p.time, s->end_ns);
    if (!odd) odd = smtp_end(&c.talk, row->end_ns, &c.said);
    absorb(&c.transport, (u64)c.tcp.repeated_data << 1 | c.tcp.repeated);
    row->transport = finished(c.transport), row->said = finished(c.said);
    row->retransmissions = c.tcp.retransmissions;
    row->rtt_ns = c.tcp.opened;
    return odd;
}

/* Fills a row for each connection from `first` up to `after`, and tells of the lines of refusals, in order, that those
 * met that are not odd. */
EXPORTED void glance(const Scene *scene, u64 first, u64 after, Row *rows, Questions *refusals) {
    for (u64 connection = first; connection < after; connection++) {
        u64 refused = refusals->count;
        Row row = {.rtt_ns = -1};
        row.odd = one(scene, connection, &row, refusals);
        if (row.odd) refusals->count = refused;
        rows[connection - first] = row;
    }
}

/* The checksum of the sources this was made of. */
EXPORTED u32 made_of(void) {
    return SOURCES;
}

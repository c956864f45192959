/* After testbed/trace/tcp/events.py and zeek.py, for connections without surprises.  What the exact code would look at
 * more closely makes a connection odd. */
#include "tcp.h"

enum { SACK = 5, NO_OPERATION = 1, END_OF_OPTIONS = 0, OPTIONS_AT = 20 };

static const i64 FAST_NS = 20 * MILLISECOND, USUAL_RTT_NS = 3 * MILLISECOND, SOONEST_NS = 200 * MILLISECOND;
static const i64 INITIAL_RTO_NS = SECOND, FARTHEST = 1 << 30, MOST_HELD = 1 << 20;
static const u32 MOST_REPEATED = 64, MOST_HOLES = 8;
static const u64 CONTROL = 1ull << 56, LETTER = 2ull << 56;

static u32 after(const Packet *p) {
    return p->sequence + p->length + ((p->flags & (SYN | FIN)) != 0);
}

/* The IP identification, 0 where there is none. */
static u32 identification(const Packet *p) {
    const Scene *s = p->scene;
    u64 headers = number(&s->headers, p->row);
    if (number(&s->v6, p->row) || headers < 20) return 0;
    Octets ip = from(s->data, number(&s->offset, number(&s->packet, p->row)) + headers - 20);
    return octet(ip, 0) == 0x45 ? two_octets(ip, 4) : 0;
}

/* Whether a selective acknowledgement tells of octets below the acknowledgement itself (RFC 2883). */
static bool tells_of_both(const Packet *p) {
    Octets options = from(p->header, OPTIONS_AT);
    while (options.size) {
        u32 kind = octet(options, 0), size = octet(options, 1);
        if (kind == END_OF_OPTIONS) return false;
        if (kind == NO_OPERATION) {
            options = from(options, 1);
            continue;
        }
        if (size < 2 || size > options.size) return false;
        for (u64 at = 2; kind == SACK && at + 8 <= size; at += 8)
            if (distance(four_octets(options, at + 4), p->ack) <= 0) return true;
        options = from(options, size);
    }
    return false;
}

/* The packet of the same side that sent data from the same sequence number last; false where there is none. */
static bool sent_before(const Packet *p, Packet *found) {
    u64 start = number(&p->scene->start, p->number);
    for (u64 place = p->place; place-- > start;) {
        *found = packet_at(p->scene, p->number, place);
        if (found->side == p->side && found->length && found->sequence == p->sequence) return true;
    }
    return false;
}

/* Data that was sent once more, when it had not been acknowledged: else there is more to say of it. */
static enum Odd sent_again(Tcp *tcp, const Packet *p, const Direction *peer) {
    Packet first, earlier;
    if (++tcp->alike > MOST_REPEATED || !sent_before(p, &first) || sent_before(&first, &earlier)) return REPEATED;
    if (peer->seen && distance(peer->farthest_ack, first.sequence) > 0) return REPEATED;
    u64 both = p->payload.size < first.payload.size ? p->payload.size : first.payload.size;
    if (!same(upto(p->payload, both), upto(first.payload, both))) return REPEATED;
    if (elapsed(p->time, first.time) < SOONEST_NS) {
        tcp->soon = true;
        if (identification(p) && identification(p) == identification(&first)) return REPEATED;
    }
    tcp->repeated_data = true;
    return is_sound(&first) ? REGULAR : DAMAGED;
}

enum Kind { NEW, RETRANSMISSION, OUT_OF_ORDER };

/* What kind of repetition a packet with data, SYN or FIN is. */
static enum Kind repetition(const Tcp *tcp, const Packet *p, const Direction *mine, const Direction *peer) {
    u32 end = p->sequence + p->length;
    if (p->length && peer->seen && peer->last_ack && distance(end, peer->last_ack) <= 0) return RETRANSMISSION;
    if (!mine->seen || distance(p->sequence, mine->next) >= 0) return NEW;
    if (p->length > 1 && p->sequence == mine->next - 1) return NEW;
    bool recent = elapsed(p->time, peer->seen ? peer->last_time : 0) < FAST_NS;
    if (peer->duplicates >= 2 && recent && p->sequence == peer->last_ack) return RETRANSMISSION;
    bool in_time = elapsed(p->time, mine->next_time) < (tcp->rtt ? tcp->rtt : USUAL_RTT_NS);
    return in_time && after(p) != mine->next ? OUT_OF_ORDER : RETRANSMISSION;
}

/* What the exact code has to judge, as the packet stands to what both sides sent before. */
static enum Odd surprise(const Packet *p, const Direction *mine, const Direction *peer) {
    u32 kinds = p->flags & (SYN | FIN | RST);
    if (kinds & (kinds - 1) || !(kinds | (p->flags & ACK))) return FLAGS;
    if (p->length && kinds & (SYN | RST)) return FLAGS;
    if (p->payload.size != p->length) return CUT_SHORT;
    if (kinds == SYN && mine->seen && elapsed(p->time, mine->last_time) < SOONEST_NS) return OPENING;
    if (mine->seen) {
        i64 ahead = distance(p->sequence, mine->next);
        i64 apart = distance(p->sequence, mine->first);
        if (apart > FARTHEST || apart < -FARTHEST) return FAR_APART;
        if (mine->last_flags & RST && kinds != RST) return AFTER_END;
        if (ahead < 0 && distance(after(p), mine->next) > 0) return OVERLAP;
        if (ahead == -1 && p->length <= 1 && !kinds) return PROBE;
        if (p->length == 1 && peer->seen && !peer->window) return PROBE;
    }
    return REGULAR;
}

/* Whether some octets that a packet acknowledges come behind it; `next` whether all of them do in the very next packet,
 * whose sender had not heard of it. */
static bool comes_late(const Packet *p, u32 from, bool *next) {
    u64 stop = number(&p->scene->stop, p->number);
    bool late = *next = false;
    for (u64 place = p->place + 1; place < stop; place++) {
        Packet other = packet_at(p->scene, p->number, place);
        if (other.side == p->side || !other.length || distance(other.sequence, p->ack) >= 0) continue;
        if (late) return *next = false, true;
        late = true;
        *next = place == p->place + 1 && other.sequence == from && after(&other) == p->ack && !is_special(&other) &&
                distance(other.ack, p->sequence) <= 0;
    }
    return late;
}

/* A packet that stands behind octets that are missing, or acknowledges them. */
static enum Odd new_hole(Holes *holes, const Packet *p, i64 ahead, i64 beyond, Direction *peer) {
    bool next = false;
    if (++holes->count > MOST_HOLES || holes->open || is_special(p)) return HOLE;
    if (p->side == CLIENT) {
        if (beyond > 0 || !p->length || ahead < 2) return HOLE;
        holes->open = true, holes->from = p->sequence - (u32)ahead, holes->to = p->sequence;
        holes->lost = (u64)ahead;
        return REGULAR;
    }
    if (ahead > 0 || beyond < 2 || beyond > FARTHEST) return HOLE;
    holes->shown = true, holes->from = peer->next, holes->to = peer->next = p->ack;
    holes->late = comes_late(p, holes->from, &next);
    if (holes->late) return next && !p->length ? REGULAR : HOLE;
    holes->lost = (u64)beyond;
    return REGULAR;
}

/* Looks for octets of the client that are missing.  Behind them, who speaks must have heard everything, and nothing is
 * sent again: so it is clear what was said in answer to what. */
static enum Odd look_for_holes(Holes *holes, const Packet *p, const Direction *mine, Direction *peer) {
    i64 ahead = mine->seen ? distance(p->sequence, mine->next) : 0;
    i64 beyond = peer->seen && p->flags & ACK ? distance(p->ack, peer->next) : 0;
    bool late = holes->late;
    enum Odd odd = REGULAR;
    holes->lost = 0, holes->shown = holes->late = false;
    if (!holes->count && ahead <= 0 && beyond <= 0) return REGULAR;
    if (late) return REGULAR; /* its numbers were looked at before */
    if (p->flags & RST || ahead < 0) return HOLE;
    if (holes->open && p->side == SERVER) {
        if (beyond > 0 || p->length || is_special(p)) return HOLE;
        if (distance(p->ack, holes->from) <= 0) return REGULAR;
        if (distance(p->ack, holes->to) < 0) return HOLE;
        holes->open = false, holes->shown = true;
        return REGULAR;
    }
    if (holes->open && (is_special(p) || distance(p->sequence, holes->to) > MOST_HELD)) return HOLE;
    if (ahead > 0 || beyond > 0) odd = new_hole(holes, p, ahead, beyond, peer);
    if (!odd && p->length && p->ack != peer->next) return HOLE;
    return odd;
}

/* Wireshark's measure of the round trip: from the last SYN to the first ACK behind it that is no SYN. */
static void measure(Tcp *tcp, const Packet *p) {
    u32 opening = p->flags & (SYN | ACK);
    if (opening == SYN) {
        tcp->measuring = true, tcp->measured_from = p->time;
    } else if (opening == ACK && tcp->measuring && !tcp->measured) {
        tcp->measured = true, tcp->rtt = elapsed(p->time, tcp->measured_from);
    }
}

/* The handshake's round trip: from the first SYN to the client's first word behind the answer. */
static void open_up(Tcp *tcp, const Packet *p) {
    if (p->flags & SYN && !(p->flags & ACK) && !tcp->syn_seen) {
        tcp->syn_seen = true, tcp->syn_time = p->time;
    } else if (p->flags & SYN) {
        tcp->answered = true;
    } else if (tcp->answered && tcp->syn_seen && p->side == CLIENT && tcp->opened < 0) {
        tcp->opened = elapsed(p->time, tcp->syn_time);
    }
}

static void advance(const Packet *p, Direction *mine) {
    if (p->ack != mine->last_ack || !mine->seen) mine->duplicates = 0;
    if (!mine->seen) mine->first = p->sequence;
    if (!mine->seen || distance(after(p), mine->next) > 0) mine->next = after(p), mine->next_time = p->time;
    if (!mine->seen || distance(p->ack, mine->farthest_ack) > 0) mine->farthest_ack = p->ack;
    mine->seen = true;
    mine->last_ack = p->ack, mine->window = p->window, mine->last_flags = p->flags, mine->last_time = p->time;
}

enum Odd tcp_packet(Tcp *tcp, const Packet *p, bool *fresh) {
    Direction *mine = &tcp->sides[p->side], *peer = &tcp->sides[1 - p->side];
    enum Odd odd = surprise(p, mine, peer);
    bool late = tcp->holes.late;
    if (!odd) odd = look_for_holes(&tcp->holes, p, mine, peer);
    if (odd) return odd;
    if (mine->seen && p->ack == mine->last_ack && !p->length && p->window && !is_special(p) &&
        p->sequence == mine->next && p->window == mine->window)
        mine->duplicates++;
    enum Kind kind = !late && (p->length || p->flags & (SYN | FIN)) ? repetition(tcp, p, mine, peer) : NEW;
    if (kind == OUT_OF_ORDER && p->length) return REPEATED;
    if (kind == RETRANSMISSION) {
        tcp->repeated = true, tcp->retransmissions++;
        if (p->length && (odd = sent_again(tcp, p, peer))) return odd;
    }
    *fresh = p->length && (late || !mine->seen || distance(after(p), mine->next) > 0);
    if (*fresh && mine->fins) return AFTER_END;
    if (p->flags & FIN && mine->fins++) return REPEATED;
    if (p->flags & RST && mine->resets++) tcp->alike++;
    if (mine->seen && p->flags & mine->last_flags & ACK && p->ack != mine->last_ack) tcp->acknowledges_on = true;
    tcp->late |= p->length && peer->fins && !mine->fins;
    tcp->telling += p->length || is_special(p);
    tcp->packets++;
    if (p->flags & SYN) {
        tcp->syns += mine->seen;
        tcp->bare_syns += !(p->flags & ACK);
    } else {
        tcp->others++;
        tcp->disproved |= tells_of_both(p);
    }
    advance(p, mine);
    measure(tcp, p);
    open_up(tcp, p);
    return REGULAR;
}

enum Odd tcp_end(const Tcp *tcp, i64 last_time, i64 capture_ends) {
    if ((tcp->syns || tcp->bare_syns > 1) && tcp->others) return OPENING;
    const Direction *client = &tcp->sides[CLIENT], *server = &tcp->sides[SERVER];
    if (tcp->holes.count) {
        if (tcp->holes.open || tcp->repeated) return HOLE;
        if (distance(server->farthest_ack, client->next - (client->fins > 0)) < 0) return HOLE;
    }
    if (tcp->packets < 3 && elapsed(capture_ends, last_time) < INITIAL_RTO_NS) return OPENING;
    if (client->seen != server->seen && tcp->acknowledges_on) return ONE_SIDED;
    if (tcp->soon && tcp->disproved) return REPEATED;
    return tcp->alike && tcp->telling <= 3 * tcp->alike ? COPIED : REGULAR;
}

u64 tcp_mark(const Tcp *tcp, const Packet *p) {
    if (!is_special(p)) return 0;
    return CONTROL | (p->flags & (SYN | FIN | RST | ACK)) | (u64)(p->length > 0) << 8 | (u64)p->side << 9 |
           (u64)tcp->late << 10;
}

/* 1, 10, 100, 1,000 … */
static bool is_round(u32 times) {
    while (times >= 10 && times % 10 == 0) times /= 10;
    return times == 1;
}

static void note(Direction *mine, const Packet *p, enum Letter letter, u32 sequence, Digest *transport) {
    u32 times = ++mine->times[letter];
    bool anew = times == 1 || ((letter == SYNS || letter == FINS || letter == RESETS) && mine->noted[letter] != sequence);
    bool counted = letter == AGAIN || letter == SHUT || letter == GAP;
    mine->noted[letter] = sequence;
    if (counted ? is_round(times) : anew)
        absorb(transport, LETTER | letter << 2 | (u64)p->side << 1 | (letter == SYNS && p->flags & ACK));
}

void tcp_note(Tcp *tcp, const Packet *p, Digest *transport) {
    Direction *mine = &tcp->sides[p->side], *peer = &tcp->sides[1 - p->side];
    u32 end = p->sequence + p->length + ((p->flags & SYN) != 0);
    bool first = !mine->known;
    u64 mark = tcp_mark(tcp, p);
    if (mark) absorb(transport, mark);
    if (p->flags & SYN) note(mine, p, SYNS, p->sequence, transport);
    else if (p->flags & FIN) note(mine, p, FINS, p->sequence + p->length, transport);
    else if (p->flags & RST) note(mine, p, RESETS, p->sequence, transport);
    else note(mine, p, p->length ? DATA : ACKS, 0, transport);
    if (p->length && !first && distance(end, mine->highest) <= 0) note(mine, p, AGAIN, 0, transport);
    if (!p->window && !(p->flags & (RST | SYN)) && !peer->fins) note(mine, p, SHUT, 0, transport);
    if (first || distance(end, mine->highest) > 0) mine->highest = end;
    mine->known = true;
    if (tcp->holes.shown) note(peer, p, GAP, 0, transport);
}

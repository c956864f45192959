/* TCP's side of a connection: repetitions as Wireshark tells them, letters as Zeek notes them. */
#pragma once

#include "glance.h"

/* Those of Zeek's history that a regular connection has. */
enum Letter { SYNS, FINS, RESETS, ACKS, DATA, AGAIN, SHUT, GAP, LETTERS };

/* What one side has sent so far. */
typedef struct {
    bool seen;
    u32 first, next;       /* its first sequence number, one past its highest */
    i64 next_time;
    u32 last_ack, farthest_ack, window, last_flags;
    i64 last_time;
    u32 duplicates;        /* duplicate ACKs in a row */
    u32 fins, resets;
    bool known;            /* of it: */
    u32 highest;           /* one past its highest, as Zeek counts: without FIN */
    u32 times[LETTERS];    /* a letter was noted */
    u32 noted[LETTERS];    /* the sequence number it was noted with last */
} Direction;

/* Octets of the client that the capture does not hold where they belong. */
typedef struct {
    u32 count;                  /* of all of them */
    bool open, late;            /* the last is not acknowledged; it is filled by the next packet */
    u32 from, to;               /* sequence numbers of the last */
    u64 lost;                   /* octets that this packet was the first to show, and that never come */
    bool shown;                 /* this packet acknowledges it */
} Holes;

typedef struct {
    Direction sides[2];
    Holes holes;
    bool syn_seen, answered;    /* a SYN; another SYN or its answer behind it */
    i64 syn_time, opened;       /* of the first one; handshake's round trip, -1 while unknown */
    bool measuring, measured;   /* Wireshark's round trip */
    i64 measured_from, rtt;
    u32 packets, syns, bare_syns, others; /* others carry no SYN */
    u32 telling, alike;         /* packets that are sent once, and how many of them came again */
    bool soon, disproved;       /* data came again soon; a selective acknowledgement tells that both arrived */
    bool acknowledges_on;       /* a side's acknowledgement moved from one of its packets to the next */
    bool late;                  /* data of a side that has not ended, behind the end of the other */
    bool repeated, repeated_data;
    i64 retransmissions;
} Tcp;

/* Takes a packet, and tells why the connection is odd, if it is.  `fresh` tells whether it brings new octets. */
enum Odd tcp_packet(Tcp *tcp, const Packet *p, bool *fresh);

/* Notes a packet's letters and marks. */
void tcp_note(Tcp *tcp, const Packet *p, Digest *transport);

/* What SYN, FIN and RST of a packet say, 0 where it has none. */
u64 tcp_mark(const Tcp *tcp, const Packet *p);

/* When all packets have been taken. */
enum Odd tcp_end(const Tcp *tcp, i64 last_time, i64 capture_ends);

/* Reads a packet of a connection, by its place in the order of rows. */
Packet packet_at(const Scene *scene, u64 number, u64 place);

/* Whether the capture holds a packet whole, behind a plain IP header, and its checksum fits, or was left to the sender's
 * card. */
bool is_sound(const Packet *p);

/* Has the processor fetch so many octets of a packet that will be read soon. */
void expect_packet(const Scene *scene, u64 place, u64 octets);

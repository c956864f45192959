/* The dialogue of SMTP as tokens: what was said, without the words. */
#pragma once

#include "glance.h"

enum { MOST_AT_ONCE = 32 }; /* commands that wait for their replies */
enum Mode { COMMANDS, MESSAGE, SEALED };

typedef struct {
    enum Mode mode;
    bool begun;          /* a SYN was seen */
    u32 outstanding;     /* commands without reply; the first of all is the connection itself */
    i64 since;           /* when the oldest of them was sent, or earlier */
    i64 last_said;       /* by the client */
    bool acted;          /* the client did something while it waited */
    u32 slow;            /* replies that came late */
    u32 verb;            /* the last command */
    bool offered;        /* to take several commands at once (RFC 2920) */
    u8 untold[MOST_AT_ONCE]; /* commands that no token tells of yet; where there are any, they are all that are */
    u32 waiting;             /* outstanding, and this is their number */
    bool client_last;    /* the last who spoke */
    bool message_ended;  /* and no reply has come yet */
    bool unmarked;       /* mail data has come that no token tells of */
    u64 message, line;   /* octets of the message, and of its last line */
    u32 line_first, line_last;
    bool client_sealed, client_protected; /* its first TLS record, and the first protected one, have been seen */
    u64 lost;            /* octets of the message that are not in the capture */
    bool torn;           /* they stand right before what the client says next */
    bool end_lost;       /* those of some message were its end */
} Smtp;

void smtp_begin(Smtp *talk, i64 time);

/* A packet with new octets. */
enum Odd smtp_packet(Smtp *talk, const Packet *p, Digest *said, Questions *asked);

/* Octets of the client that the capture does not hold, before those of the packet. */
enum Odd smtp_hole(Smtp *talk, u64 octets, Digest *said);

/* A SYN, FIN or RST, before the octets of the packet. */
void smtp_mark(Smtp *talk, const Packet *p, u64 mark, Digest *said);

enum Odd smtp_end(Smtp *talk, i64 end, Digest *said);

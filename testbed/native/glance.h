/* What the pass over connections is given, and what it gives.  `trace/glance/scan.py` has the same structures. */
#pragma once

#include "digest.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { CLIENT, SERVER };

static const i64 SECOND = 1000000000, MILLISECOND = 1000000;

typedef struct {
    Octets data; /* the capture file */
    /* A number per packet of the capture. */
    Column time, offset, captured;
    /* A number per row of the packet table. */
    Column packet, v6, sender, port, headers, header, length, flags;
    /* Rows of the packet table, those of one connection together and in order; then a number per connection. */
    Column order, start, stop, from_client, service, spoken, left_out;
    Octets telling; /* what first octets may begin with: the size of each, then eight octets of it */
    i64 end_ns;
    u64 key[4];
} Scene;

/* What became of one connection.  Where `odd` is not 0, it says why, and the digests mean nothing. */
typedef struct {
    u64 transport, said;
    i64 start_ns, end_ns, octets[2], retransmissions, gaps, rtt_ns;
    u64 odd;
} Row;

/* Octets of the file to look at by other means. */
typedef struct {
    u64 connection, where, octets;
} Question;

typedef struct {
    Question *at;
    u64 room, count;
} Questions;

enum Odd {
    REGULAR,
    LEFT_OUT,         /* somebody else has said so */
    CUT_SHORT,        /* the capture does not hold a packet whole */
    FAR_APART,        /* sequence numbers that plain distances cannot order */
    FLAGS,            /* of several kinds at once, or none */
    OPENING,          /* a SYN again where there is more, or the capture ends while somebody waits */
    AFTER_END,        /* who sent a FIN or RST speaks on */
    HOLE,             /* octets that the capture does not hold, so far, but in the midst of mail data */
    OVERLAP,          /* a segment with octets old and new */
    PROBE,            /* of a closed window, or of a silent peer */
    ONE_SIDED,        /* the other side spoke, and is not in the capture */
    REPEATED,         /* more than a segment that was lost once */
    DAMAGED,          /* a segment that was sent again, it may be for that */
    COPIED,           /* it may be that each packet was captured twice */
    TELLING,          /* another protocol than that of the port, it may be */
    NO_BEGINNING,     /* of a dialogue */
    REPLY_FORM,       /* no reply of whole lines, or one whose words matter */
    COMMAND_FORM,     /* no command of whole lines, or one of the rarer */
    MESSAGE_FORM,     /* mail data with something to remark on */
    OUT_OF_STEP,      /* replies that may answer something else */
    SLOW,             /* somebody waits so long that it may matter */
    SECRET,           /* TLS with something to remark on */
    TOO_MANY,         /* questions */
};

typedef struct {
    const Scene *scene;
    u64 number; /* of the connection */
    i64 time;
    u64 row, place; /* in the packet table; in the connection's order */
    u32 sequence, ack, window, length, flags;
    int side;
    Octets header, payload; /* the TCP header; what the capture holds of the payload */
} Packet;

/* How far one sequence number lies after another. */
static inline i64 distance(u32 later, u32 earlier) {
    return (int32_t)(later - earlier);
}

/* How long a time is after another; however wrong a clock is, no overflow. */
static inline i64 elapsed(i64 later, i64 earlier) {
    return (i64)((u64)later - (u64)earlier);
}

static inline bool is_special(const Packet *p) {
    return p->flags & (SYN | FIN | RST);
}

/* Puts a question; false where there is no room. */
static inline bool ask(Questions *questions, Question question) {
    if (questions->count >= questions->room) return false;
    questions->at[questions->count++] = question;
    return true;
}

/* After testbed/trace/services/smtp: every line of a session without surprises becomes a token.  What the exact code
 * would remark upon, and what hangs on words, makes a connection odd. */
#include "smtp.h"

enum {
    MOST_OF_SERVER = 1024, /* octets of a packet */
    MOST_OF_COMMAND = 510, /* octets of a line, CRLF included (RFC 5321 §4.5.3.1.4) */
    MOST_OF_TEXT = 998,    /* octets of a line of text (§4.5.3.1.6) */
    MASKED = 6,            /* asterisks that a firewall may have put */
    MOST_SLOW = 4,         /* replies that may come late */
    ALERT_AT_MOST = 40,    /* no Finished of TLS 1.3 is as short */
    HELLO_AT_LEAST = 44,   /* octets of a ClientHello or ServerHello with its record's header */
    MOST_COMMANDS = 64,    /* octets in which any transaction can be said */
};
enum { TLS_CHANGE = 0x14, TLS_ALERT, TLS_HANDSHAKE, TLS_DATA, TLS_MAJOR = 3 };
enum { NO_VERB, EHLO, HELO, MAIL, RCPT, DATA_VERB, QUIT, RSET, STARTTLS };

static const u64 REPLY = 3ull << 56, COMMAND = 4ull << 56, WHOLE_MESSAGE = 5ull << 56, PART = 6ull << 56,
                 CUT_OFF = 7ull << 56, HELLO = 8ull << 56, WAITED = 9ull << 56, LOST = 10ull << 56,
                 END_LOST = 11ull << 56, UNANSWERED = 12ull << 56;
static const u64 PIPELINING = 1; /* the first of the extensions */

void smtp_begin(Smtp *talk, i64 time) {
    *talk = (Smtp){.outstanding = 1, .since = time, .last_said = time};
}

static bool is_digit(u32 letter) {
    return letter >= '0' && letter <= '9';
}

/* Whether a text is whole lines, each of printable ASCII and CRLF. */
static bool is_whole_lines(Octets text) {
    for (u64 at = 0; at < text.size; at++) {
        u32 letter = octet(text, at);
        if (letter == '\r' && octet(text, at + 1) == '\n') at++;
        else if (letter < ' ' || letter > '~') return false;
    }
    return text.size >= 2 && octet(text, text.size - 2) == '\r';
}

/* Takes the next line, its CRLF included, out of a text of whole lines. */
static Octets next_line(Octets *text) {
    Octets line = upto(*text, find(*text, '\n') + 1);
    *text = from(*text, line.size);
    return line;
}

/* Up to three digits, as a number that tells how many there were; 0 where there are none. */
static u32 few_digits(Octets *text) {
    u32 value = 0, count = 0;
    while (count < 3 && is_digit(octet(*text, count))) value = value * 10 + octet(*text, count++) - '0';
    *text = from(*text, count);
    return count ? count << 10 | value : 0;
}

/* The enhanced status code that a text begins with (RFC 3463), 0 for none. */
static u64 enhanced(Octets text) {
    u32 class = octet(text, 0);
    if ((class != '2' && class != '4' && class != '5') || octet(text, 1) != '.') return 0;
    text = from(text, 2);
    u32 subject = few_digits(&text);
    if (!subject || octet(text, 0) != '.') return 0;
    text = from(text, 1);
    u32 detail = few_digits(&text);
    if (!detail || (text.size && octet(text, 0) != ' ')) return 0;
    return (u64)(class - '0') << 24 | subject << 12 | detail;
}

/* Which of the extensions that matter a line of the reply to EHLO names, 0 for none. */
static u64 extension(Octets text) {
    static const char *const names[] = {
        "PIPELINING", "STARTTLS", "SMTPUTF8", "CHUNKING", "8BITMIME", "AUTH", "SIZE", "DSN", "REQUIRETLS"};
    Octets word = upto(text, find(text, ' '));
    for (u64 at = 0; at < sizeof names / sizeof *names; at++)
        if (word.size == strlen(names[at]) && begins(word, names[at])) return at + 1;
    return 0;
}

/* What a firewall writes over what it does not know. */
static bool is_masked(Octets text) {
    u32 stars = 0, row = 0;
    for (u64 at = 0; at < text.size; at++) {
        u32 letter = octet(text, at);
        row = letter == 'X' ? row + 1 : 0;
        stars += letter == '*';
        if (row == 4 || stars == MASKED) return true;
    }
    return false;
}

/* Whether a code may say that the client has used what it must not, which hangs on its words. */
static bool is_of_sequence(u32 code) {
    return (code >= 500 && code <= 504) || code == 555;
}

typedef struct {
    u32 code;
    bool last; /* of its reply */
    u64 extension;
} Answer;

/* A command becomes a token when its reply comes.  So it is the same whether a client waits for each reply, or sends at
 * once what it may. */
static void tell(Smtp *talk, u32 commands, Digest *said) {
    for (u32 at = 0; at < commands; at++) absorb(said, COMMAND | talk->untold[at]);
    talk->waiting -= commands;
    memmove(talk->untold, talk->untold + commands, talk->waiting);
}

/* What happens before the replies to some commands is not the same as behind them. */
static void tell_of_unanswered(Smtp *talk, Digest *said) {
    if (talk->waiting) absorb(said, UNANSWERED | talk->waiting);
    tell(talk, talk->waiting, said);
}

/* Whether a client may say a command before the replies to what it has said: a recipient behind a sender or another
 * recipient, DATA behind a recipient. */
static bool goes_on(const Smtp *talk, u32 verb) {
    bool recipients = talk->verb == RCPT;
    bool fits = (verb == RCPT && (recipients || talk->verb == MAIL)) || (verb == DATA_VERB && recipients);
    return fits && talk->offered && talk->waiting && talk->waiting < MOST_AT_ONCE;
}

/* `words` tells that they matter even where nothing is refused. */
static enum Odd reply_line(Octets line, const Packet *p, bool words, Digest *said, Questions *asked, Answer *answer) {
    Octets whole = upto(line, line.size - 2), text = from(whole, 4);
    u32 sign = whole.size == 3 ? ' ' : octet(whole, 3);
    if (octet(whole, 0) < '2' || octet(whole, 0) > '5' || !is_digit(octet(whole, 1)) || !is_digit(octet(whole, 2)))
        return REPLY_FORM;
    u32 code = (octet(whole, 0) - '0') * 100 + (octet(whole, 1) - '0') * 10 + octet(whole, 2) - '0';
    if ((sign != ' ' && sign != '-') || code == 334 || is_of_sequence(code)) return REPLY_FORM;
    *answer = (Answer){code, sign == ' ', code == 250 ? extension(text) : 0};
    absorb(said, REPLY | answer->extension << 40 | enhanced(text) << 11 | (u64)answer->last << 10 | code);
    if (code < 400 && !words) return REGULAR;
    if (!answer->last || (words && code == 220)) return REPLY_FORM;
    Question question = {p->number, (u64)(line.at - p->scene->data.at), line.size};
    return ask(asked, question) ? REGULAR : TOO_MANY;
}

/* A reply to the oldest command, if there is one. */
static enum Odd answered(Smtp *talk, i64 time) {
    if (!talk->outstanding) return REGULAR;
    talk->outstanding--;
    if (elapsed(time, talk->since) < SECOND) return REGULAR;
    return talk->acted || ++talk->slow > MOST_SLOW ? SLOW : REGULAR;
}

enum Odd smtp_hole(Smtp *talk, u64 octets, Digest *said) {
    if (talk->mode != MESSAGE) return HOLE;
    bool begun = talk->message || talk->line;
    talk->torn = talk->unmarked = true;
    talk->lost += octets, talk->message++;
    talk->line = 0;
    absorb(said, LOST | begun);
    return REGULAR;
}

/* The server speaks after mail data whose end is missing. */
static enum Odd end_is_lost(Smtp *talk, const Packet *p, Digest *said) {
    u32 class = octet(p->payload, 0);
    if (!talk->torn || talk->outstanding || elapsed(p->time, talk->last_said) >= SECOND) return OUT_OF_STEP;
    if ((class != '2' && class != '4' && class != '5') || begins(p->payload, "421")) return OUT_OF_STEP;
    absorb(said, END_LOST | (talk->lost < MOST_COMMANDS ? talk->lost : MOST_COMMANDS));
    talk->mode = COMMANDS, talk->verb = NO_VERB;
    talk->unmarked = false, talk->end_lost = true;
    talk->outstanding = 1, talk->since = talk->last_said, talk->acted = false;
    return REGULAR;
}

static enum Odd server_says(Smtp *talk, const Packet *p, Digest *said, Questions *asked) {
    Octets text = p->payload;
    enum Odd odd = talk->mode == MESSAGE ? end_is_lost(talk, p, said) : REGULAR;
    if (odd) return odd;
    if (text.size > MOST_OF_SERVER || !is_whole_lines(text) || is_masked(text)) return REPLY_FORM;
    Answer answer = {0, true, 0};
    talk->message_ended = false;
    while (text.size) {
        Octets line = next_line(&text);
        Answer before = answer;
        if (before.last && talk->waiting) tell(talk, 1, said);
        odd = talk->end_lost && !talk->outstanding ? OUT_OF_STEP : REGULAR;
        if (!odd) odd = reply_line(line, p, talk->end_lost, said, asked, &answer);
        if (!odd && !before.last && before.code != answer.code) odd = REPLY_FORM;
        if (!before.last && answer.extension == PIPELINING && talk->verb == EHLO && talk->outstanding == 1)
            talk->offered = true;
        if (!odd && answer.last) odd = answered(talk, p->time);
        if (odd) return odd;
        if (answer.code >= 400) tell_of_unanswered(talk, said);
        bool turns = answer.last && (answer.code == 354 || (answer.code == 220 && talk->verb == STARTTLS));
        if (!turns) continue;
        if (text.size || talk->outstanding || !talk->client_last) return OUT_OF_STEP;
        if (answer.code == 354 && talk->verb != DATA_VERB) return OUT_OF_STEP;
        talk->mode = answer.code == 354 ? MESSAGE : SEALED;
        talk->message = talk->line = talk->lost = 0;
    }
    talk->client_last = false;
    return answer.last ? REGULAR : REPLY_FORM;
}

static u32 verb_of(Octets line) {
    static const struct { const char *text; u32 verb; bool bare; } verbs[] = {
        {"MAIL FROM:<", MAIL, false}, {"RCPT TO:<", RCPT, false}, {"EHLO ", EHLO, false}, {"HELO ", HELO, false},
        {"DATA\r\n", DATA_VERB, true}, {"QUIT\r\n", QUIT, true}, {"RSET\r\n", RSET, true},
        {"STARTTLS\r\n", STARTTLS, true}};
    for (u64 at = 0; at < sizeof verbs / sizeof *verbs; at++)
        if (begins(line, verbs[at].text)) return verbs[at].verb;
    return NO_VERB;
}

static enum Odd commands(Smtp *talk, const Packet *p, Digest *said) {
    Octets text = p->payload;
    if (!is_whole_lines(text)) return COMMAND_FORM;
    while (text.size) {
        Octets line = next_line(&text);
        bool unasked = talk->outstanding && !goes_on(talk, verb_of(line));
        talk->verb = verb_of(line);
        if (talk->verb == NO_VERB || line.size > MOST_OF_COMMAND) return COMMAND_FORM;
        if (talk->torn && talk->verb != MAIL && talk->verb != QUIT && talk->verb != RSET) return COMMAND_FORM;
        if (talk->end_lost && talk->verb == STARTTLS) return COMMAND_FORM;
        talk->torn = false;
        if (talk->verb == EHLO || talk->verb == HELO) talk->offered = false;
        if (unasked) {
            tell_of_unanswered(talk, said);
            absorb(said, COMMAND | talk->verb);
        } else {
            talk->untold[talk->waiting++] = (u8)talk->verb;
        }
        talk->outstanding++;
    }
    return REGULAR;
}

/* More of a message.  The rest of a line may come with the next packet, so its beginning is remembered. */
static enum Odd mail_data(Smtp *talk, const Packet *p, Digest *said) {
    Octets text = p->payload;
    talk->unmarked = true;
    if (talk->torn && octet(text, 0) == '.') return MESSAGE_FORM;
    talk->torn = false;
    while (text.size) {
        u64 end = find(text, '\n'), size = talk->line + end;
        if (size > MOST_OF_TEXT + 1 || find(upto(text, end), '\r') + 1 < end) return MESSAGE_FORM;
        if (talk->line && talk->line_last == '\r' && end) return MESSAGE_FORM;
        if (!talk->line) talk->line_first = octet(text, 0);
        if (end) talk->line_last = octet(text, end - 1);
        talk->line = size;
        talk->message += end;
        if (end == text.size) return REGULAR;
        if (!size || talk->line_last != '\r') return MESSAGE_FORM;
        text = from(text, end + 1);
        talk->line = 0;
        if (size != 2 || talk->line_first != '.') continue;
        if (text.size || talk->message == size) return MESSAGE_FORM;
        talk->mode = COMMANDS, talk->verb = NO_VERB;
        talk->message_ended = true, talk->unmarked = false;
        talk->outstanding++;
        absorb(said, WHOLE_MESSAGE);
    }
    return REGULAR;
}

/* Behind STARTTLS only how TLS begins is looked at. */
static enum Odd sealed(Smtp *talk, const Packet *p, Digest *said) {
    Octets text = p->payload;
    u32 kind = octet(text, 0), version = octet(text, 1);
    bool client = p->side == CLIENT;
    if (kind == TLS_ALERT && octet(text, 4) == 2) return SECRET; /* it is not encrypted */
    if (client && !talk->client_sealed && (kind < TLS_CHANGE || kind > TLS_DATA || version != TLS_MAJOR)) return SECRET;
    talk->client_sealed |= client;
    bool protected = kind == TLS_DATA || (kind == TLS_CHANGE && text.size > 6);
    if (client && protected && !talk->client_protected) {
        if (text.size < ALERT_AT_MOST) return SECRET; /* it may be an alert that refuses the certificate */
        talk->client_protected = true;
    }
    if (kind == TLS_HANDSHAKE && version == TLS_MAJOR && octet(text, 5) <= 2 && text.size >= HELLO_AT_LEAST)
        absorb(said, HELLO | (u64)p->side << 48 | (u64)octet(text, 2) << 32 | octet(text, 5) << 16 | two_octets(text, 9));
    return REGULAR;
}

enum Odd smtp_packet(Smtp *talk, const Packet *p, Digest *said, Questions *asked) {
    if (!talk->begun) return NO_BEGINNING;
    if (talk->mode == SEALED) return sealed(talk, p, said);
    if (p->side == SERVER) return server_says(talk, p, said, asked);
    if (talk->message_ended) return MESSAGE_FORM;
    bool waiting = talk->outstanding;
    enum Odd odd = talk->mode == MESSAGE ? mail_data(talk, p, said) : commands(talk, p, said);
    talk->acted = waiting;
    if (!waiting) talk->since = p->time;
    talk->last_said = p->time;
    talk->client_last = true;
    return odd;
}

void smtp_mark(Smtp *talk, const Packet *p, u64 mark, Digest *said) {
    tell_of_unanswered(talk, said);
    if (talk->unmarked) absorb(said, PART);
    talk->unmarked = false;
    absorb(said, mark);
    talk->acted |= p->side == CLIENT && talk->outstanding;
}

enum Odd smtp_end(Smtp *talk, i64 end, Digest *said) {
    tell_of_unanswered(talk, said);
    if (talk->mode == SEALED) return talk->client_sealed ? REGULAR : SECRET;
    if (talk->mode == MESSAGE && (talk->message || talk->line)) absorb(said, CUT_OFF | talk->unmarked);
    if (talk->mode != MESSAGE && !talk->outstanding) return REGULAR;
    bool long_since = elapsed(end, talk->since) >= SECOND;
    if (long_since && elapsed(end, talk->last_said) < SECOND) return SLOW;
    absorb(said, WAITED | long_since);
    return REGULAR;
}

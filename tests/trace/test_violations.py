"""Every violation of a mail protocol from a small dialogue that shows it; none on healthy ones."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from talk import Talk, watch

from testbed.report.json_analysis import analyses_json
from testbed.trace.flows import CLIENT, SERVER
from testbed.trace.model.connection import Connection
from testbed.trace.model.finding import Finding
from testbed.trace.services.listening import Spoken, listen
from testbed.trace.services.table import service_of
from testbed.trace.tcp.reassembly import Chunk, Gap

HELLO = ("S 220 mx\r\n", "C EHLO a\r\n", "S 250-mx\r\n250 SIZE\r\n")
PIPELINING = ("S 220 mx\r\n", "C EHLO a\r\n", "S 250-mx\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
ENVELOPE = ("C MAIL FROM:<a@x>\r\n", "S 250 ok\r\n", "C RCPT TO:<b@y>\r\n", "S 250 ok\r\n")
DATA = ("C DATA\r\n", "S 354 go\r\n")
TAKEN = ("S 250 taken\r\n", "C QUIT\r\n", "S 221 bye\r\n")
SECOND = "MAIL FROM:<ceo@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nSubject: pay\r\n\r\nnow\r\n"


def items(*said: str | Gap, decrypted: bool = False) -> list[Chunk | Gap]:
    """``C ...`` and ``S ...`` are octets of client and server, one frame each from 1; ``c`` and ``s`` are decrypted."""
    return [
        item
        if isinstance(item, Gap)
        else Chunk(
            "CS".index(item[0].upper()), item[2:].encode("latin-1"), frame, frame, decrypted or item[0].islower()
        )
        for frame, item in enumerate(said, 1)
    ]


CONNECTION = next(iter(watch(Talk().open().say("S 220 mx").close()).connections))


def findings(service: str, *said: str | Gap, connection: Connection = CONNECTION) -> list[Finding]:
    remarks = listen("tcp", service, items(*said)).remarks
    return list(service_of(service).remarks(replace(connection, remarks=remarks)))


def message(*said: str) -> tuple[str, ...]:
    """A session in which this is said behind 354."""
    return (*HELLO, *ENVELOPE, *DATA, *said)


# What is said; the codes found; the frames of the first.
SMTP: dict[str, tuple[tuple[str | Gap, ...], list[str], tuple[int, ...]]] = {
    "a command ends with LF": (("S 220 mx\r\n", "C EHLO a\n", "S 250 mx\r\n"), ["bare-line-feed"], (2,)),
    "a command holds CR": (("S 220 mx\r\n", "C EHLO a\rb\r\n", "S 250 mx\r\n"), ["bare-carriage-return"], (2,)),
    "mail data holds LF": (message("C one\ntwo\r\n.\r\n", *TAKEN), ["bare-line-feed"], (10,)),
    "mail data holds CR": (message("C one\rtwo\r\n.\r\n", *TAKEN), ["bare-carriage-return"], (10,)),
    "LF.LF and text": (message("C a\n.\nb\r\n.\r\n", *TAKEN), ["bare-line-feed", "false-end-of-data"], (10,)),
    "CRLF.LF and text": (message("C a\r\n.\nb\r\n.\r\n", *TAKEN), ["bare-line-feed", "false-end-of-data"], (10,)),
    "LF.CRLF and text": (message("C a\n.\r\nb\r\n.\r\n", *TAKEN), ["bare-line-feed", "false-end-of-data"], (10,)),
    "CR.CR and text": (message("C a\r.\rb\r\n.\r\n", *TAKEN), ["bare-carriage-return", "false-end-of-data"], (10,)),
    "CRLF.CR and text": (message("C a\r\n.\rb\r\n.\r\n", *TAKEN), ["bare-carriage-return", "false-end-of-data"], (10,)),
    "CR.CRLF and text": (message("C a\r.\r\nb\r\n.\r\n", *TAKEN), ["bare-carriage-return", "false-end-of-data"], (10,)),
    "LF.LF and a second message": (
        message(f"C a\n.\n{SECOND}.\r\n", *TAKEN), ["bare-line-feed", "smtp-smuggling"], (10,),
    ),
    "LF.CRLF and a second message": (
        message(f"C a\n.\r\n{SECOND}.\r\n", *TAKEN), ["bare-line-feed", "smtp-smuggling"], (10,),
    ),
    "CRLF.LF and a second message": (
        message(f"C a\r\n.\n{SECOND}.\r\n", *TAKEN), ["bare-line-feed", "smtp-smuggling"], (10,),
    ),
    "CR.CR and a second message": (
        message(f"C a\r.\r{SECOND}.\r\n", *TAKEN), ["bare-carriage-return", "smtp-smuggling"], (10,),
    ),
    "a command of 513 octets": (
        (*HELLO, f"C VRFY {'x' * 506}\r\n", "S 252 x\r\n"), ["command-too-long"], (4,),
    ),
    "a text line of 1001 octets": (message(f"C {'x' * 999}\r\n.\r\n", *TAKEN), ["text-line-too-long"], (10,)),
    "pipelining unasked": (
        (*HELLO, "C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n", "S 250 ok\r\n250 ok\r\n"), ["pipelining-not-offered"], (4,),
    ),
    "talking before the greeting": (("C EHLO a\r\n", "S 220 mx\r\n250 mx\r\n"), ["command-before-greeting"], (1,)),
    "mail data before 354": (
        (*HELLO, *ENVELOPE, "C DATA\r\nhi\r\n.\r\n", "S 354 go\r\n", *TAKEN), ["data-before-354"], (8,),
    ),
    "commands behind STARTTLS": (
        (*HELLO, "C STARTTLS\r\nMAIL FROM:<evil@x>\r\n", "S 220 go\r\n", "C \x16\x03\x01"),
        ["commands-behind-starttls"], (4,),
    ),
    "a reply to nothing": ((*HELLO, "S 250 and\r\n"), ["reply-out-of-sequence"], (4,)),
    "DATA answered 250": ((*HELLO, *ENVELOPE, "C DATA\r\n", "S 250 ok\r\n"), ["reply-out-of-sequence"], (9,)),
    "MAIL answered 354": ((*HELLO, "C MAIL FROM:<a@x>\r\n", "S 354 go\r\n"), ["reply-out-of-sequence"], (5,)),
    "greeting of 250": (("S 250 mx\r\n",), ["reply-out-of-sequence"], (1,)),
    "a reply without end": ((*HELLO, "C NOOP\r\n", "S " + "250-and\r\n" * 100), ["reply-endless"], (5,)),
    "a reply that is none": ((*HELLO, "C NOOP\r\n", "S fine\r\n"), ["reply-not-smtp"], (5,)),
    "lines of two minds": (
        (*HELLO, "C MAIL FROM:<a@x>\r\n", "S 250-ok\r\n550 no\r\n"), ["reply-codes-differ"], (5,),
    ),
    "codes of two classes": (
        (*HELLO, "C MAIL FROM:<a@x>\r\n", "S 550 4.3.1 full\r\n"), ["status-class-differs"], (5,),
    ),
    "eight bits in an address": ((*HELLO, "C MAIL FROM:<\xe9@x>\r\n", "S 250 ok\r\n"), ["eight-bit-command"], (4,)),
    "RCPT before MAIL": ((*HELLO, "C RCPT TO:<b@y>\r\n", "S 503 no\r\n"), ["rcpt-before-mail"], (4,)),
    "RCPT behind a finished message": (
        message("C hi\r\n.\r\n", "S 250 ok\r\n", "C RCPT TO:<b@y>\r\n", "S 503 no\r\n"), ["rcpt-before-mail"], (12,),
    ),
    "354 without RCPT": (
        (*HELLO, *ENVELOPE[:2], *DATA, "C .\r\n", "S 554 no\r\n"), ["data-without-rcpt"], (6, 7),
    ),
    "octets that are no text": (("S 220 mx\r\n", "C \x00\x01\xff\r\n", "S 500 what\r\n"), ["client-garbage"], (2,)),
    "AUTH PLAIN": ((*HELLO, "C AUTH PLAIN AGEAYg==\r\n", "S 235 ok\r\n"), ["credentials-in-clear"], (4,)),
    "AUTH LOGIN": (
        (*HELLO, "C AUTH LOGIN\r\n", "S 334 VXNlcg==\r\n", "C YQ==\r\n", "S 334 UGFzcw==\r\n", "C Yg==\r\n",
         "S 235 ok\r\n"),
        ["credentials-in-clear"], (6, 8),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "codes", "frames"), SMTP.values(), ids=SMTP)
def test_each_violation_is_found(said: tuple[str | Gap, ...], codes: list[str], frames: tuple[int, ...]) -> None:
    found = findings("smtp", *said)
    assert [finding.code for finding in found] == codes
    assert found[0].frames == frames
    assert all(finding.reference.startswith("RFC ") and finding.text for finding in found)


OTHERS: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "PASS": ("pop3", ("S +OK\r\n", "C USER a\r\n", "S +OK\r\n", "C PASS b\r\n", "S +OK\r\n"), ["credentials-in-clear"]),
    "APOP tells no password": ("pop3", ("S +OK <1@x>\r\n", "C APOP a 0f\r\n", "S +OK\r\n"), []),
    "POP3 AUTH": ("pop3", ("S +OK\r\n", "C AUTH PLAIN AGEAYg==\r\n", "S +OK\r\n"), ["credentials-in-clear"]),
    "behind STLS": ("pop3", ("S +OK\r\n", "C STLS\r\nUSER a\r\n", "S +OK\r\n"), ["commands-behind-starttls"]),
    "LOGIN": ("imap", ("S * OK\r\n", "C a LOGIN a b\r\n", "S a OK\r\n"), ["credentials-in-clear"]),
    "AUTHENTICATE": (
        "imap",
        ("S * OK\r\n", "C a AUTHENTICATE PLAIN\r\n", "S + \r\n", "C AGEAYg==\r\n", "S a OK\r\n"),
        ["credentials-in-clear"],
    ),
    "behind STARTTLS": (
        "imap",
        ("S * OK\r\n", "C a STARTTLS\r\nb SELECT INBOX\r\n", "S a OK\r\n"),
        ["commands-behind-starttls"],
    ),
}


@pytest.mark.parametrize(("service", "said", "codes"), OTHERS.values(), ids=OTHERS)
def test_pop3_and_imap(service: str, said: tuple[str, ...], codes: list[str]) -> None:
    assert [finding.code for finding in findings(service, *said)] == codes


HEALTHY: dict[str, tuple[str, tuple[str | Gap, ...]]] = {
    "a message": ("smtp", message("C Subject: x\r\n\r\n..dot\r\n.\r\n", *TAKEN)),
    "a line of 1000 octets, and one stuffed": (
        "smtp", message(f"C {'x' * 998}\r\n..{'x' * 997}\r\n.\r\n", *TAKEN),
    ),
    "CR and LF in two packets": ("smtp", message("C one\r", "C \ntwo\r\n.\r", "C \n", *TAKEN)),
    "pipelining": (
        "smtp",
        (*PIPELINING, "C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n", "S 250 ok\r\n250 ok\r\n354 go\r\n",
         "C hi\r\n.\r\nQUIT\r\n", "S 250 ok\r\n221 bye\r\n"),
    ),
    "an address beyond ASCII": (
        "smtp", (*PIPELINING, "C MAIL FROM:<\xe9@x> SMTPUTF8\r\n", "S 250 ok\r\n", "C RCPT TO:<\xe9@y>\r\n",
         "S 250 ok\r\n"),
    ),
    "354 after refused recipients, pipelined": (
        "smtp",
        (*PIPELINING, "C MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n", "S 250 ok\r\n550 no\r\n354 go\r\n", "C .\r\n",
         "S 554 no\r\n"),
    ),
    "a long AUTH": ("smtp", (*HELLO, f"C AUTH GSSAPI {'A' * 2000}\r\n", "S 235 ok\r\n")),
    "a challenge answered": (
        "smtp", (*HELLO, "C AUTH CRAM-MD5\r\n", "S 334 PDFAeD4=\r\n", "C YSAwZg==\r\n", "S 235 ok\r\n"),
    ),
    "TLS": ("smtp", (*HELLO, "C STARTTLS\r\n", "S 220 go\r\n", "C \x16\x03\x01\n\n", "S \x16\x03\x03\n")),
    "credentials through TLS": (
        "smtp",
        (*HELLO, "C STARTTLS\r\n", "S 220 go\r\n", "C \x16\x03\x01", "c EHLO a\r\n", "s 250 mx\r\n",
         "c AUTH PLAIN AGEAYg==\r\n", "s 235 ok\r\n"),
    ),
    "421 nobody asked for": ("smtp", (*HELLO, "S 421 idle\r\n")),
    "a reply behind a hole": ("smtp", (*HELLO, Gap(CLIENT, 20, 4, 4), "S 250 ok\r\n", "C RCPT TO:<b@y>\r\n")),
    "binary chunks": (
        "smtp", (*HELLO, *ENVELOPE, "C BDAT 9\r\n\n.\nMAIL \x00", "S 250 ok\r\n", "C BDAT 0 LAST\r\n", *TAKEN),
    ),
    "a refused chunk": (
        "smtp", (*HELLO, *ENVELOPE, "C BDAT 9\r\nab", "S 552 no\r\n", "C cdefghi", "C RSET\r\n", "S 250 ok\r\n"),
    ),
    "too many recipients, as servers said before RFC 2821": (
        "smtp", (*HELLO, *ENVELOPE, "C RCPT TO:<c@y>\r\n", "S 552 4.5.3 many\r\n"),
    ),
    "POP3 through TLS": (
        "pop3", ("S +OK\r\n", "C STLS\r\n", "S +OK\r\n", "C \x16\x03\x01", "c USER a\r\n", "s +OK\r\n",
         "c PASS b\r\n", "s +OK\r\n"),
    ),
    "IMAP through TLS": (
        "imap", ("S * OK\r\n", "C a STARTTLS\r\n", "S a OK\r\n", "C \x16\x03\x01", "c b LOGIN a b\r\n", "s b OK\r\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("service", "said"), HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_dialogue_has_none(service: str, said: tuple[str | Gap, ...]) -> None:
    assert findings(service, *said) == []


def test_the_order_says_nothing_when_the_capture_begins_late() -> None:
    late = next(iter(watch(Talk().say("C RCPT TO:<b@y>", "S 250 ok")).connections))
    assert findings("smtp", "C RCPT TO:<b@y>\r\n", "S 250 ok\r\n", connection=late) == []


def pairs(spoken: Spoken) -> list[str]:
    """Each exchange as ``VERB argument -> code``."""
    return [
        f"{e.command.verb} {e.command.argument}".strip() + f" -> {e.reply.code if e.reply else '-'}"
        if e.command
        else f"- -> {e.reply.code if e.reply else '-'}"
        for e in spoken.exchanges
    ]


FALSE_ENDS = {
    "\n.\n": "LF.LF",
    "\n.\r\n": "LF.CRLF",
    "\n.\r": "LF.CR",
    "\r.\r": "CR.CR",
    "\r.\n": "CR.LF",
    "\r.\r\n": "CR.CRLF",
    "\r\n.\n": "CRLF.LF",
    "\r\n.\r": "CRLF.CR",
    "\r\r\n.\r\r\n": "CRLF.CRCRLF",
}


@pytest.mark.parametrize(("end", "name"), FALSE_ENDS.items(), ids=FALSE_ENDS.values())
@pytest.mark.parametrize("apart", [False, True], ids=["in one packet", "in two packets"])
def test_every_false_end_of_data_is_told_by_its_name(end: str, name: str, apart: bool) -> None:
    """Smuggling where a command follows; a false end where none does (RFC 5321 §2.3.8, §4.1.1.4)."""
    for behind, code in (("MAIL FROM:<c@x>", "smtp-smuggling"), ("More text", "false-end-of-data")):
        said = [f"C a{end}", f"C {behind}\r\n.\r\n"] if apart else [f"C a{end}{behind}\r\n.\r\n"]
        found = {finding.code: finding.text for finding in findings("smtp", *message(*said, *TAKEN))}
        assert f"holds {name}" in found.pop(code)
        assert set(found) <= {"bare-line-feed", "bare-carriage-return"}
        assert found


@pytest.mark.parametrize("line", ["..", "...", "..MAIL FROM:<c@x>", "..\r\nMAIL FROM:<c@x>", " .", "\0.", ".. .."])
def test_stuffed_dots_are_no_false_ends(line: str) -> None:
    assert findings("smtp", *message(f"C {line}\r\na\r\n{line}\r\n.\r\n", *TAKEN)) == []


ENDS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "a server that ends only at CRLF.CRLF": (
        ("C a\n.\nMAIL FROM:<c@x>\r\n.\r\n", "S 250 one\r\n"),
        ["message -> 250"],
    ),
    "a server that ended at LF.LF while the client waited": (
        ("C a\n.\n", "S 250 one\r\n", "C QUIT\r\n", "S 221 bye\r\n"),
        ["message -> 250", "QUIT -> 221"],
    ),
    "a server that ended at LF.LF and obeyed what came behind": (
        ("C a\n.\nMAIL FROM:<c@x>\r\nRCPT TO:<b@y>\r\n", "S 250 one\r\n250 two\r\n250 three\r\n"),
        ["message -> 250", "MAIL FROM:<c@x> -> 250", "RCPT TO:<b@y> -> 250"],
    ),
    "a server that gave up waiting": (
        ("C a\n.\n", "S 421 timeout\r\n"),
        ["- -> 421", "message unfinished -> -"],
    ),
    "a server that refuses bare line feeds": (
        ("C a\n.\n", "S 521 5.5.2 bare LF\r\n"),
        ["message -> 521"],
    ),
}


@pytest.mark.parametrize(("said", "expected"), ENDS.values(), ids=ENDS)
def test_only_the_server_tells_that_a_false_end_is_one(said: tuple[str, ...], expected: list[str]) -> None:
    assert pairs(listen("tcp", "smtp", items(*message(*said))))[5:] == expected


# Said behind the greeting; where the password must be seen when it is asked for.
SECRETS: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "SMTP PLAIN": (
        "smtp", (*HELLO, "C AUTH PLAIN AGFsaWNlAHBhczV3MHJk\r\n", "S 235 ok\r\n"), ["user=alice password=pas5w0rd"],
    ),
    "SMTP PLAIN, blanks": (
        "smtp", (*HELLO, "C \tauth \t plain  AGFsaWNlAHBhczV3MHJk\r\n", "S 235 ok\r\n"), ["password=pas5w0rd"],
    ),
    "SMTP PLAIN in two steps": (
        "smtp", (*HELLO, "C AUTH PLAIN\r\n", "S 334 \r\n", "C AGFsaWNlAHBhczV3MHJk\r\n", "S 235 ok\r\n"),
        ["password=pas5w0rd"],
    ),
    "SMTP LOGIN": (
        "smtp", (*HELLO, "C AUTH LOGIN\r\n", "S 334 x\r\n", "C YWxpY2U=\r\n", "S 334 x\r\n", "C cGFzNXcwcmQ=\r\n",
         "S 235 ok\r\n"),
        ["user=alice", "password=pas5w0rd"],
    ),
    "SMTP LOGIN without waiting": (
        "smtp", (*HELLO, "C AUTH LOGIN\r\nYWxpY2U=\r\ncGFzNXcwcmQ=\r\n", "S 334 x\r\n334 x\r\n235 ok\r\n"),
        ["password=pas5w0rd"],
    ),
    "SMTP LOGIN, server unheard": ("smtp", (*HELLO, "C AUTH LOGIN\r\nYWxpY2U=\r\ncGFzNXcwcmQ=\r\n"), []),
    "SMTP CRAM-MD5": (
        "smtp", (*HELLO, "C AUTH CRAM-MD5\r\n", "S 334 PDFAeD4=\r\n", "C YWxpY2UgcGFzNXcwcmQ=\r\n", "S 235 ok\r\n"),
        ["user=alice digest=pas5w0rd"],
    ),
    "POP3 PASS": (
        "pop3", ("S +OK\r\n", "C USER alice\r\n", "S +OK\r\n", "C PASS pas5w0rd\r\n", "S +OK\r\n"), ["pas5w0rd"],
    ),
    "POP3 PASS, a tab": ("pop3", ("S +OK\r\n", "C PASS\tpas5w0rd\r\n", "S +OK\r\n"), ["pas5w0rd"]),
    "POP3 APOP": ("pop3", ("S +OK\r\n", "C APOP alice pas5w0rd\r\n", "S +OK\r\n"), ["alice pas5w0rd"]),
    "POP3 AUTH": (
        "pop3",
        ("S +OK\r\n", "C AUTH PLAIN\r\n", "S +\r\n", "C AGFsaWNlAHBhczV3MHJk\r\n", "S +OK\r\n"),
        ["password=pas5w0rd"],
    ),
    "POP3 AUTH without waiting": (
        "pop3", ("S +OK\r\n", "C AUTH PLAIN\r\nAGFsaWNlAHBhczV3MHJk\r\n", "S + \r\n+OK\r\n"), ["password=pas5w0rd"],
    ),
    "IMAP LOGIN": ("imap", ("S * OK\r\n", "C a LOGIN alice pas5w0rd\r\n", "S a OK\r\n"), ["alice pas5w0rd"]),
    "IMAP LOGIN without a tag": ("imap", ("S * OK\r\n", "C LOGIN alice pas5w0rd\r\n", "S * BAD\r\n"), []),
    "IMAP LOGIN in literals": (
        "imap",
        ("S * OK\r\n", "C a LOGIN {5}\r\n", "S + \r\n", "C alice {8}\r\n", "S + \r\n", "C pas5w0rd\r\n", "S a OK\r\n"),
        ["pas5w0rd"],
    ),
    "IMAP AUTHENTICATE": (
        "imap", ("S * OK\r\n", "C a AUTHENTICATE PLAIN AGFsaWNlAHBhczV3MHJk\r\n", "S a OK\r\n"),
        ["user=alice password=pas5w0rd"],
    ),
    "IMAP AUTHENTICATE in two steps": (
        "imap", ("S * OK\r\n", "C a AUTHENTICATE PLAIN\r\n", "S + \r\n", "C AGFsaWNlAHBhczV3MHJk\r\n", "S a OK\r\n"),
        ["password=pas5w0rd"],
    ),
}  # fmt: skip
GIVEAWAYS = ("pas5w0rd", "PAS5W0RD", "AGFsaWNl", "cGFzNXcw", "CGFZNXCW", "YWxpY2UgcGFz", "AGFSAWNL")


@pytest.mark.parametrize(("service", "said", "shown"), SECRETS.values(), ids=SECRETS)
def test_credentials_are_masked_unless_asked_for(service: str, said: tuple[str, ...], shown: list[str]) -> None:
    hidden = listen("tcp", service, items(*said))
    everything = f"{hidden!r} {[f.text for f in findings(service, *said)]}"
    assert not [word for word in GIVEAWAYS if word in everything]
    seen = repr(listen("tcp", service, items(*said), show_credentials=True))
    assert [word for word in shown if word not in seen] == []


def test_no_password_is_in_the_whole_output() -> None:
    said = [line for name, (service, lines, _) in SECRETS.items() if service == "smtp" for line in lines]
    talk = Talk().open()
    for line in said:
        talk.segment("CS".index(line[0]), "PA", line[2:].encode())
    output = "".join(analyses_json([watch(talk.close())], packets=True))
    assert "AUTH" in output
    assert not [word for word in GIVEAWAYS if word in output]


def test_a_capture_tells_its_violations() -> None:
    talk = Talk().open().say("S 220 mx", "C EHLO a", "S 250 mx", "C RCPT TO:<b@y>", "S 503 no")
    (found,) = [f for f in watch(talk).findings if f.code == "rcpt-before-mail"]
    assert found.frames == (7,)


AFTER_TLS: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "SMTP": (
        "smtp",
        (*PIPELINING, "C STARTTLS\r\n", "S 220 go\r\n", "C \x16\x03\x01\r\n", "S \x16\x03\x03\r\n",
         "c EHLO b\r\n", "s 250 mx\r\n", "C \x17\x03\x03\n", "c MAIL FROM:<a@x>\r\n", "s 250 ok\r\n"),
        ["connect -> 220", "EHLO a -> 250", "STARTTLS -> 220", "EHLO b -> 250", "MAIL FROM:<a@x> -> 250"],
    ),
    "POP3": (
        "pop3",
        ("S +OK\r\n", "C STLS\r\n", "S +OK\r\n", "C \x16\x03\x01\n", "S \x16\x03\x03\n", "c STAT\r\n", "s +OK 0 0\r\n"),
        ["connect -> +OK", "STLS -> +OK", "STAT -> +OK"],
    ),
    "IMAP": (
        "imap",
        ("S * OK\r\n", "C a STARTTLS\r\n", "S a OK\r\n", "C \x16\x03\x01\n", "S \x16\x03\x03\n", "c b NOOP\r\n",
         "s b OK\r\n"),
        ["connect -> OK", "STARTTLS -> OK", "NOOP -> OK"],
    ),
    "SMTPS": ("smtp", ("s 220 mx\r\n", "c EHLO a\r\n", "s 250 mx\r\n"), ["connect -> 220", "EHLO a -> 250"]),
}  # fmt: skip


@pytest.mark.parametrize(("service", "said", "expected"), AFTER_TLS.values(), ids=AFTER_TLS)
def test_what_keys_opened_is_followed(service: str, said: tuple[str, ...], expected: list[str]) -> None:
    assert pairs(listen("tcp", service, items(*said))) == expected


def test_the_session_begins_anew_behind_starttls() -> None:
    said = (*PIPELINING, "C STARTTLS\r\n", "S 220 go\r\n", "c EHLO a\r\n", "s 250 mx\r\n", "c NOOP\r\nNOOP\r\n")
    assert [finding.code for finding in findings("smtp", *said)] == ["pipelining-not-offered"]


TEXT = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"MAIL FROM:<a>", b"x", b"\r\n.\r\n", b"\n.\n"]), max_size=40
)
PIECES = st.lists(
    st.one_of(TEXT.map(b"".join), st.integers(1, 9), st.sampled_from(["250 ok", "421 x", "354 x", "550 x"]))
)


@given(PIECES)
def test_nothing_said_behind_354_makes_it_fail(pieces: list[bytes | int | str]) -> None:
    said = items(*message())
    for frame, piece in enumerate(pieces, 20):
        match piece:
            case bytes():
                said.append(Chunk(CLIENT, piece, frame, frame))
            case int():
                said.append(Gap(CLIENT, piece, frame, frame))
            case str():
                said.append(Chunk(SERVER, piece.encode() + b"\r\n", frame, frame))
    list(service_of("smtp").remarks(replace(CONNECTION, remarks=listen("tcp", "smtp", said).remarks)))


@given(TEXT.map(b"".join), st.lists(st.integers(1, 300), max_size=8))
def test_where_packets_are_cut_changes_no_remark(text: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    whole = [*items(*message()), Chunk(CLIENT, text, 10, 10)]
    pieces = [*items(*message()), *(Chunk(CLIENT, text[a:b], 10, 10) for a, b in pairwise(edges))]
    assert listen("tcp", "smtp", pieces) == listen("tcp", "smtp", whole)

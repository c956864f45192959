"""What is found on the web: each line of a table is a conversation that shows it; nothing on healthy ones."""

from __future__ import annotations

import agreement
import pytest
from msgspec.structs import replace
from talk import Talk, watch

from testbed.protocols.http import FramingFault
from testbed.trace.findings import find_in_connection
from testbed.trace.inspect import inspect
from testbed.trace.model.connection import Closure, Connection
from testbed.trace.model.finding import Finding, Severity
from testbed.trace.services.listening import listen
from testbed.trace.tcp.reassembly import Chunk, Gap

GET = "C GET /x HTTP/1.1\r\n\r\n"
OK = "S HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
BASIC = "C GET /x HTTP/1.1\r\nAuthorization: Basic Ym9iOmI=\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
ENDING = "\r\n0\r\n\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "

CONNECTION = next(iter(watch(Talk().open().say("S 220 mx").close()).connections))


def items(*said: str | Gap) -> list[Chunk | Gap]:
    """``C ...`` and ``S ...`` are octets of client and server, one frame each from 1; ``c`` and ``s`` are decrypted."""
    return [
        item
        if isinstance(item, Gap)
        else Chunk("CS".index(item[0].upper()), item[2:].encode("latin-1"), frame, frame, item[0].islower())
        for frame, item in enumerate(said, 1)
    ]


def connection(*said: str | Gap, closure: Closure = Closure.NORMAL) -> Connection:
    """A connection on which this was said."""
    spoken = listen("tcp", "http", items(*said))
    return replace(
        CONNECTION,
        service="http",
        transport=replace(CONNECTION.transport, ending=replace(CONNECTION.ending, closure=closure)),
        exchanges=spoken.exchanges,
        transactions=(),
        remarks=spoken.remarks,
    )


def found(*said: str | Gap, closure: Closure = Closure.NORMAL) -> list[Finding]:
    return list(find_in_connection(connection(*said, closure=closure)))


def reply(status: str) -> str:
    return f"S HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"


ERRORS: dict[str, tuple[tuple[str, ...], Severity, str]] = {
    "the server failed": (
        (GET, reply("500 Oops")), Severity.ERROR,
        "10.0.0.2 answered GET /x from 10.0.0.1 with 500 Oops: the server failed",
    ),
    "a gateway": (
        (GET, reply("502 Bad Gateway")), Severity.ERROR,
        "10.0.0.2 answered GET /x from 10.0.0.1 with 502 Bad Gateway: a gateway got no valid reply from the server "
        "behind it",
    ),
    "not there": (
        (GET, reply("404 Not Found")), Severity.INFO,
        "10.0.0.2 answered GET /x from 10.0.0.1 with 404 Not Found: there is nothing at this address",
    ),
    "forbidden": (
        (GET, reply("403 Forbidden")), Severity.WARNING,
        "10.0.0.2 answered GET /x from 10.0.0.1 with 403 Forbidden: the server understood and refuses",
    ),
    "credentials asked for": (
        (GET, reply("401 Unauthorized")), Severity.INFO,
        "10.0.0.2 answered GET /x from 10.0.0.1 with 401 Unauthorized: the server wants credentials",
    ),
    "an unknown code": (
        (GET, reply("499 ")), Severity.WARNING,
        "10.0.0.2 answered GET /x from 10.0.0.1 with 499: the server did not accept the request",
    ),
    "many are one": (
        (GET, reply("503 Busy")) * 3, Severity.ERROR,
        "10.0.0.2 answered GET /x from 10.0.0.1 with 503 Busy: the server is overloaded or down for maintenance; "
        "try later (and 2 more like it)",
    ),
    "without a request": (
        (reply("408 Timeout"),), Severity.INFO,
        "10.0.0.2 answered a request from 10.0.0.1 with 408 Timeout: the server did not wait any longer for the "
        "request",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "severity", "text"), ERRORS.values(), ids=ERRORS)
def test_errors(said: tuple[str, ...], severity: Severity, text: str) -> None:
    (finding,) = found(*said)
    assert (finding.code, finding.severity, finding.text) == ("http-error", severity, text)
    assert finding.reference in ("RFC 9110 §15.5", "RFC 9110 §15.6")
    assert finding.frames == tuple(range(1, len(said) + 1))


def test_a_login_that_is_refused() -> None:
    in_clear, refused = sorted(found(BASIC, reply("401 No")), key=lambda finding: finding.code)
    assert in_clear.code == "credentials-in-clear"
    assert refused.severity is Severity.WARNING
    assert refused.text.endswith("401 No: the credentials were not accepted")


AMBIGUOUS: dict[str, tuple[tuple[str, ...], FramingFault]] = {
    "Content-Length beside Transfer-Encoding": (
        ("C POST / HTTP/1.1\r\nContent-Length: 6\r\n" + CHUNKED + ENDING, OK), FramingFault.BOTH_LENGTHS,
    ),
    "in a reply": ((GET, "S HTTP/1.1 200 OK\r\nContent-Length: 6\r\n" + CHUNKED + ENDING), FramingFault.BOTH_LENGTHS),
    "lengths that differ": (("C POST / HTTP/1.1\r\nContent-Length: 6, 5\r\n\r\n", OK), FramingFault.DIFFERENT_LENGTHS),
    "a length with a sign": (("C POST / HTTP/1.1\r\nContent-Length: +6\r\n\r\n", OK), FramingFault.BAD_LENGTH),
    "an empty length": (("C POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", OK), FramingFault.BAD_LENGTH),
    "chunked not last": (
        ("C POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n", OK), FramingFault.CHUNKED_NOT_LAST,
    ),
    "chunked twice": (
        (GET, "S HTTP/1.1 200 OK\r\n" + CHUNKED + CHUNKED + ENDING), FramingFault.CHUNKED_NOT_LAST,
    ),
    "a coding that looks like chunked": (
        ("C POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", OK), FramingFault.CHUNKED_NOT_LAST,
    ),
    "an encoding in HTTP/1.0": (("C POST / HTTP/1.0\r\n" + CHUNKED + ENDING, OK), FramingFault.ENCODING_IN_1_0),
    "a folded line": (("C GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", OK), FramingFault.FOLDED),
    "a blank before the first field": (("C GET / HTTP/1.1\r\n A: b\r\n\r\n", OK), FramingFault.FOLDED),
    "LF alone": (("C GET / HTTP/1.1\nA: b\n\n", OK), FramingFault.BARE_LF),
    "CR alone": (("C GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", OK), FramingFault.BARE_CR),
    "CR CR LF": (("C GET / HTTP/1.1\r\nA: b\r\r\n\r\n", OK), FramingFault.BARE_CR),
    "whitespace before the colon": (("C GET / HTTP/1.1\r\nHost : b\r\n\r\n", OK), FramingFault.SPACE_BEFORE_COLON),
    "a line that is no field": (("C GET / HTTP/1.1\r\nHost b\r\n\r\n", OK), FramingFault.NO_FIELD),
    "a blank in the target": (("C GET /a b HTTP/1.1\r\n\r\n", OK), FramingFault.SPACE_IN_TARGET),
    "a chunk size that is none": (("C POST / HTTP/1.1\r\n" + CHUNKED + "\r\n0x1\r\n", OK), FramingFault.BAD_CHUNK),
}  # fmt: skip


@pytest.mark.parametrize(("said", "fault"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_framing(said: tuple[str, ...], fault: FramingFault) -> None:
    told = connection(*said)
    assert [r.code.removesuffix("-in-reply") for r in told.remarks if r.code != "http-not-followed"] == [fault]
    (finding,) = [one for one in find_in_connection(told) if one.code == "http-ambiguous-framing"]
    sender, other = ("10.0.0.2", "splitting") if said[0] == GET else ("10.0.0.1", "smuggling")
    assert finding.text.startswith(f"{sender} sent ")
    assert finding.text.endswith(other + (" is made of"))
    assert finding.reference.endswith(", §11.2")
    assert finding.frames == (2,) if said[0] == GET else (1,)


def test_every_fault_has_a_row() -> None:
    assert {fault for _, fault in AMBIGUOUS.values()} == set(FramingFault)


CREDENTIALS: dict[str, tuple[str, str]] = {
    "Basic": (BASIC, "Authorization: Basic of GET /x"),
    "Basic for a proxy": (
        "C CONNECT x:1 HTTP/1.1\r\nProxy-Authorization: basic Ym9iOmI=\r\n\r\n",
        "Proxy-Authorization: basic of CONNECT x:1",
    ),
    "Bearer": ("C GET / HTTP/1.1\r\nAuthorization: Bearer abc\r\n\r\n", "Authorization: Bearer of GET /"),
    "a form": ("C POST /login HTTP/1.1\r\n" + FORM + "19\r\n\r\n_user=bob&_pass=abc", "in a form of POST /login"),
    "a form in chunks": (
        "C POST /login HTTP/1.1\r\nContent-Type: Application/X-WWW-Form-Urlencoded; charset=utf-8\r\n"
        + CHUNKED + "\r\n8\r\n_user=bo\r\nb\r\nb&_pass=abc\r\n0\r\n\r\n",
        "in a form of POST /login",
    ),
    "a query": ("C GET /?u=bob&password=abc HTTP/1.1\r\n\r\n", "in the address of GET /?u=bob&password=********"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "detail"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_credentials_in_clear(said: str, detail: str) -> None:
    (finding,) = [one for one in found(said, OK) if one.code == "credentials-in-clear"]
    assert finding.text == f"10.0.0.1 sent credentials without TLS, readable by anybody on the way: {detail}"
    assert (finding.severity, finding.frames, finding.reference) == (Severity.INFO, (1,), "RFC 9110 §17.16.1")


HARMLESS = {
    "a form without a password": ("C POST / HTTP/1.1\r\n" + FORM + "7\r\n\r\nto=bob&", OK),
    "an empty password": ("C POST / HTTP/1.1\r\n" + FORM + "6\r\n\r\npass=&", OK),
    "Digest": ("C GET / HTTP/1.1\r\nAuthorization: Digest x\r\n\r\n", OK),
    "under TLS": (BASIC.replace("C ", "c "), OK.replace("S ", "s ")),
    "a visit": (GET, OK, GET, OK),
    "a tunnel": ("C CONNECT x:1 HTTP/1.1\r\n\r\n", "S HTTP/1.1 200 ok\r\n\r\n", "S 220 mx\r\n", "C EHLO a\n"),
}


@pytest.mark.parametrize("said", HARMLESS.values(), ids=HARMLESS)
def test_nothing_is_found_on_what_is_harmless(said: tuple[str, ...]) -> None:
    assert found(*said) == []


MISSING: dict[str, tuple[tuple[str | Gap, ...], str, str]] = {
    "no reply": (
        (GET,),
        "10.0.0.2 did not answer GET /x from 10.0.0.1",
        "before the reply from 10.0.0.2 to GET /x from 10.0.0.1",
    ),
    "two without reply": (
        (GET, GET),
        "10.0.0.2 did not answer GET /x from 10.0.0.1",
        "before the reply from 10.0.0.2 to GET /x from 10.0.0.1",
    ),
    "a reply cut short": (
        (GET, "S HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"),
        "the reply from 10.0.0.2 to 10.0.0.1 is incomplete: 200 to GET /x is cut off: 2 of 9 octets of its body",
        "in the middle of the reply from 10.0.0.2: 200 to GET /x is cut off: 2 of 9 octets of its body",
    ),
    "chunks without end": (
        (GET, "S HTTP/1.1 200 OK\r\n" + CHUNKED + "\r\n2\r\nhi\r\n"),
        "the reply from 10.0.0.2 to 10.0.0.1 is incomplete: 200 to GET /x is cut off: 2 octets of its body and no "
        "last chunk",
        "in the middle of the reply from 10.0.0.2: 200 to GET /x is cut off: 2 octets of its body and no last chunk",
    ),
    "a request cut short": (
        ("C PUT /x HTTP/1.1\r\nContent-Length: 9\r\n\r\nhi",),
        "the request from 10.0.0.1 to 10.0.0.2 is incomplete: PUT /x is cut off: 2 of 9 octets of its body",
        "in the middle of the request from 10.0.0.1: PUT /x is cut off: 2 of 9 octets of its body",
    ),
}


@pytest.mark.parametrize(("said", "text", "unknown"), MISSING.values(), ids=MISSING)
def test_what_did_not_arrive(said: tuple[str | Gap, ...], text: str, unknown: str) -> None:
    times = " (2 times)" if len(said) == 2 and said[1] == GET else ""
    (finding,) = found(*said)
    assert (finding.code, finding.severity) == ("http-no-reply", Severity.ERROR)
    assert finding.text == f"{text} before the connection ended{times}"
    (finding,) = found(*said, closure=Closure.OPEN)
    assert (finding.code, finding.severity) == ("capture-ends", Severity.INFO)
    assert finding.text == f"the capture ends {unknown}{times}"


def test_what_the_capture_missed_is_no_fault_of_the_server() -> None:
    gap = Gap(1, 100, 2, 2)
    assert found(GET, gap) == []
    assert found(GET, "S HTTP/1.1 200 OK\r\n", gap) == []


NOT_FOLLOWED: dict[str, tuple[tuple[str, ...], str]] = {
    "octets behind a reply": ((GET, OK, "S and more\r\n"), "the server sent octets that begin no message: and more"),
    "a reply that is no HTTP": ((GET, "S SSH-2.0-x\r\n"), "the server sent octets that begin no message: SSH-2.0-x"),
    "a start line cut off": ((GET, OK, "C GET /y"), "the client sent a start line that is cut off: 6 octets"),
    "a header without end": (
        (GET, "S HTTP/1.1 200 OK\r\n" + "a:b\r\n" * 70_000), "the server sent a header of more than 262,144 octets",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "words"), NOT_FOLLOWED.values(), ids=NOT_FOLLOWED)
def test_what_cannot_be_followed_is_told(said: tuple[str, ...], words: str) -> None:
    (finding,) = found(*said)
    assert (finding.code, finding.severity) == ("http-not-followed", Severity.INFO)
    assert finding.text == f"the dialogue of 10.0.0.1 and 10.0.0.2 cannot be followed throughout: {words}"


def test_remarks_of_one_kind_are_one_finding() -> None:
    (finding,) = found(*("C GET / HTTP/1.1\nA: b\n\n", OK) * 50)
    assert finding.text.endswith("(50 times)")
    assert len(finding.frames) == 20


@pytest.mark.skipif(not agreement.CORPUS.is_dir(), reason="the corpus of captures is not on this machine")
def test_the_corpus_holds_a_request_nobody_answered() -> None:
    analysis = inspect(agreement.CORPUS / "zeek" / "modbus" / "modbus-and-non-modbus-p502.pcap")
    assert [finding.frames for finding in analysis.findings if finding.code == "http-no-reply"] == [(65,)]

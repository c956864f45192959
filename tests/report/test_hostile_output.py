"""What a stranger's octets look like when they come out: on terminals, in JSON, in CSV, in captures, in files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from testbed.cli import main
from testbed.errors import UsageError
from testbed.pcap.read import parse_capture
from testbed.report.clock import Clock
from testbed.report.csv_connections import COLUMNS, connections_csv
from testbed.report.export_mail import export_mail, file_name
from testbed.report.json_analysis import analyses_json, ndjson
from testbed.report.json_schema import inspect_schema
from testbed.report.packets import packet_list
from testbed.report.trace import ended, trace_report
from testbed.trace.analysis import Analysis
from testbed.trace.inspect import analyse
from testbed.trace.mail_objects import mail_objects
from tests.fuzz.checks import check_analysis, check_csv, check_outputs, check_terminal, printed
from tests.fuzz.packets import block, enhanced, interface, ipv4, names, option, section, talk, udp

# Clears the screen, sets the title, writes into the clipboard, goes home, turns text around, ends a line.
ESCAPES = (
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0=\x1b\\",
    "\x9b31m",
    "\x08\x08",
    "\u202eabc\u2066",
    "\x7f",
    "\0",
    "\u2028",
)
FORMULAS = ('=HYPERLINK("http://x.example")', "+1+1", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0")
TEXTS = (
    *ESCAPES,
    *FORMULAS,
    "[bold]markup[/bold]",
    ":smile:",
    '"},{"',
    "\ud800".encode("utf-8", "replace").decode(),
    "😀",
)


def mail(text: bytes) -> list[tuple[bool, bytes]]:
    """An SMTP dialogue with a stranger's text wherever one fits."""
    line = text.replace(b"\r", b"").replace(b"\n", b"")
    return [
        (True, b"220 " + line + b"\r\n"),
        (False, b"EHLO " + line + b"\r\n"),
        (True, b"250-" + line + b"\r\n250 AUTH " + line + b"\r\n"),
        (False, line + b"\r\n"),
        (True, line + b"\r\n"),
        (False, b"AUTH " + line + b"\r\n"),
        (True, b"535 5.7.8 " + line + b"\r\n"),
        (False, b"MAIL FROM:<" + line + b"@example.org>\r\n"),
        (True, b"250 " + line + b"\r\n"),
        (False, b"RCPT TO:<" + line + b">\r\n"),
        (True, b"250 2.1.5 " + line + b"\r\n"),
        (False, b"DATA\r\n"),
        (True, b"354 " + line + b"\r\n"),
        (False, b"Subject: " + text + b"\r\nMessage-ID: <" + text + b">\r\n\r\n" + text + b"\r\n.\r\n"),
        (True, b"554 5.7.1 " + line + b"\r\n"),
        (False, b"QUIT\r\n"),
    ]


def other(text: bytes) -> Iterator[bytes]:
    """POP3, IMAP, HTTP and DNS with the same text."""
    line = text.replace(b"\r", b"").replace(b"\n", b"")
    pop3 = [(True, b"+OK " + line + b"\r\n"), (False, b"USER " + line + b"\r\n"), (True, b"-ERR " + line + b"\r\n")]
    imap = [
        (True, b"* OK [" + line + b"] x\r\n"), (False, b"a LOGIN " + line + b" x\r\n"),
        (True, b"* " + line + b" " + line + b"\r\na NO [" + line + b"] " + line + b"\r\n"),
    ]  # fmt: skip
    yield from talk(pop3, port=110)
    yield from talk(imap, port=143)
    web = [
        (False, b"GET /" + line + b" HTTP/1.1\r\nHost: " + line + b"\r\nCookie: " + line + b"\r\n\r\n"),
        (True, b"HTTP/1.1 500 " + line + b"\r\nContent-Type: " + line + b"\r\nContent-Length: 0\r\n\r\n"),
    ]
    yield from talk(web, port=80)
    label = (line[:63] or b"x").ljust(1)
    name = bytes((len(label),)) + label + b"\0"
    txt = bytes((len(line[:255]),)) + line[:255]
    record = b"\xc0\x0c\0\x10\0\1\0\0\0\1" + len(txt).to_bytes(2, "big") + txt
    yield ipv4(udp(b"\0\7\1\0\0\1" + bytes(6) + name + b"\0\x10\0\1"), 17)
    yield ipv4(udp(b"\0\7\x81\x80\0\1\0\1" + bytes(4) + name + b"\0\x10\0\1" + record, server=True), 17, server=True)


def journal(text: bytes) -> bytes:
    """A host's log entry."""
    ours = ((b"TESTBED_EVENT", b"said"), (b"TESTBED_TEXT", text), (b"TESTBED_TIME_NS", text))
    fields = ((b"MESSAGE", text), (b"_HOSTNAME", text), *ours)
    told = b"".join(name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n" for name, value in fields)
    return block(9, told + b"__REALTIME_TIMESTAMP=1700000000000000\nSYSLOG_IDENTIFIER=testbed\n\n")


def capture(text: bytes) -> bytes:
    """A capture with a stranger's text everywhere."""
    packets = [*talk(mail(text)), *other(text)]
    blocks = [enhanced(octets, options=option(1, text) + option(1, b"more") + bytes(4)) for octets in packets]
    known = names([(b"\x0a\0\0\1", text), (b"\x0a\0\0\2", text)])
    return b"".join((section(), interface(options=option(2, text)), known, journal(text), *blocks))


def hostile(text: str) -> Analysis:
    return check_analysis(capture(text.encode()))


# Strict JSON: no constants of JavaScript, no name twice.


def _refused(constant: str) -> object:
    raise AssertionError(f"{constant} is no JSON")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len({name for name, _ in pairs}) == len(pairs), "a name stands twice in an object"
    return dict(pairs)


def strict(text: str) -> object:
    text.encode("utf-8")
    return json.loads(text, parse_constant=_refused, object_pairs_hook=_once)


def check_schema(analysis: Analysis) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema is not installed")
    schema = inspect_schema()
    document = strict("".join(analyses_json(iter([analysis]), packets=True)))
    jsonschema.Draft202012Validator(schema).validate(document)
    line_schema = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/line"})
    for line in ndjson(analysis, packets=True):
        line_schema.validate(strict(line))


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_nothing_comes_out_as_it_went_in(text: str) -> None:
    """Terminal reports, JSON, CSV and the annotated capture."""
    analysis = hostile(text)
    assert len(analysis.connections) == 5
    annotated = check_outputs(analysis)
    check_terminal(printed(lambda console, found: trace_report(console, found, whole=True), analysis))
    check_terminal(printed(_ends, analysis))
    again = check_analysis(annotated)
    assert [c.outcome for c in again.connections] == [c.outcome for c in analysis.connections]


def _ends(console: Console, analysis: Analysis) -> None:
    for connection in analysis.connections:
        console.print(ended(connection, Clock()))


@pytest.mark.parametrize("text", [ESCAPES[0], FORMULAS[0], '"},{"'], ids=ascii)
def test_the_json_is_strict_and_as_its_schema_says(text: str) -> None:
    check_schema(hostile(text))


@settings(max_examples=10)
@given(st.one_of(st.binary(max_size=40), st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_octets_come_out_harmless(text: bytes) -> None:
    check_outputs(check_analysis(capture(text)))


@pytest.mark.parametrize("text", FORMULAS)
def test_csv_has_no_formula(text: str) -> None:
    out = StringIO(newline="")
    connections_csv([hostile(text)], out)
    check_csv(out.getvalue())
    assert text.replace('"', '""') in out.getvalue()


HOSTILE_PATH = "=1+1\x1b]0;title\x07\x9b2J\u202e\n.pcapng"


def test_a_hostile_file_name_gives_no_orders() -> None:
    analysis = replace(hostile("x"), path=HOSTILE_PATH)
    for show in (trace_report, packet_list):
        check_terminal(printed(show, analysis))
    out = StringIO(newline="")
    connections_csv([analysis], out)
    check_csv(out.getvalue())
    strict("".join(analyses_json(iter([analysis]), packets=False)))


def test_a_hostile_file_name_in_a_complaint_gives_no_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / HOSTILE_PATH).write_bytes(b"no capture at all")
    (tmp_path / "good.pcapng").write_bytes(capture(b"x"))
    main(["inspect", "--csv", str(tmp_path)])
    told = capsys.readouterr()
    check_terminal(told.err)
    assert "this is not a pcap or pcapng file" in told.err


EXTREMES: dict[str, bytes] = {
    "times before 1970": section() + interface(options=option(14, (-(2**62)).to_bytes(8, "little", signed=True))),
    "times far ahead": section() + interface(options=option(14, (2**62).to_bytes(8, "little"))),
    "a comment longer than options are": section() + interface() + enhanced(
        talk(())[0], options=(option(1, b"\x1b" * 20_000) + option(1, "é".encode() * 20_000)),
    ),
    "names longer than records are": section() + interface() + names([(b"\x0a\0\0\1", b"\x1b" * 60_000)]),
    "4 GiB on the wire": section() + interface() + enhanced(talk(())[0], original=2**32 - 1),
    "a link type of 32 bits": b"\xd4\xc3\xb2\xa1\2\0\4\0" + bytes(8) + b"\xff\xff\0\0\xff\xff\xff\xff",
    "nothing": section(),
}  # fmt: skip


@pytest.mark.parametrize("octets", EXTREMES.values(), ids=EXTREMES)
def test_extremes_are_written_too(octets: bytes) -> None:
    if octets.startswith(section()) and interface()[:4] in octets:
        octets += b"".join(map(enhanced, talk(mail(b"x"))))
    analysis = check_analysis(octets)
    check_outputs(analysis)
    check_schema(analysis)


def test_a_thousand_long_names_take_their_place_once() -> None:
    """The name of a host stands beside each of its connections: one that is not cut would multiply the output."""
    packets = [octets for client in range(100) for octets in talk((), client=40_000 + client)]
    known = names([(b"\x0a\0\0\1", b"n" * 60_000)])
    octets = section() + interface() + known + b"".join(map(enhanced, packets))
    analysis = analyse(parse_capture(np.frombuffer(octets, np.uint8)), "x")
    assert sum(map(len, ndjson(analysis, packets=True))) < 20 * len(octets)


# Mail as files


EVIL_NAMES = (
    "../../etc/passwd", "/etc/passwd", "..", ".", "", "\0", "a\0.eml", "x" * 10_000, "C:\\boot.ini",
    "~/.ssh/authorized_keys", "$(reboot)", "`reboot`", "-rf", "a b;c|d&e",
    "\x1b[2J", "\u202elme.exe", "CON", "a\r\nb", "é/../é",
)  # fmt: skip


def messages() -> Analysis:
    """A message for each name, in Message-ID, subject, and as the file name of an attachment."""
    packets: list[bytes] = []
    for number, name in enumerate(EVIL_NAMES):
        text = name.encode().replace(b"\r\n", b"\r\n ")
        head = b'Message-ID: <%b>\r\nSubject: %b\r\nContent-Type: application/octet-stream; name="%b"\r\n' % (
            text,
            text,
            text,
        )
        head += b'Content-Disposition: attachment; filename="%b"\r\n\r\n' % text
        said = [
            (True, b"220 mx\r\n"), (False, b"EHLO c\r\n"), (True, b"250 mx\r\n"), (False, b"MAIL FROM:<a@x>\r\n"),
            (True, b"250 k\r\n"), (False, b"RCPT TO:<b@x>\r\n"), (True, b"250 k\r\n"), (False, b"DATA\r\n"),
            (True, b"354 k\r\n"), (False, head + b"body\r\n.\r\n"), (True, b"250 k\r\n"),
        ]  # fmt: skip
        packets += talk(said, client=40_000 + number)
    return analyse(parse_capture(np.frombuffer(section() + interface() + b"".join(map(enhanced, packets)), np.uint8)))


def everything(place: Path) -> dict[str, bytes]:
    """Every path below a place, links as where they point to."""
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_symlink():
            found[str(path)] = str(path.readlink()).encode()
        else:
            found[str(path)] = path.read_bytes() if path.is_file() else b""
    return found


def test_mail_is_written_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "deep" / "down" / "mail"
    directory.mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (directory / "etc").symlink_to(tmp_path / "etc")
    (directory / "..data").symlink_to(tmp_path)
    (directory / "passwd").symlink_to(tmp_path / "etc" / "passwd")
    monkeypatch.chdir(tmp_path / "etc")
    before = everything(tmp_path)
    files = export_mail(mail_objects(messages()), directory)
    after = everything(tmp_path)
    assert len(files) == len(EVIL_NAMES)
    assert {path: after[path] for path in before} == before
    assert after.keys() - before.keys() == {str(file) for file in files}
    assert all(file.parent == directory and file.is_file() and not file.is_symlink() for file in files)
    assert all(
        len(file.name) < 130 and file.name.isascii() and not set(file.name) & set("/\\ $`;|&\0") for file in files
    )
    assert all(file.read_bytes().endswith(b"\r\n\r\nbody\r\n") for file in files)


@pytest.mark.parametrize("target", ["outside", "outside/deeper", "."])
def test_a_link_in_the_place_of_a_message_is_not_followed(target: str, tmp_path: Path) -> None:
    found = list(mail_objects(messages()))
    directory = tmp_path / "mail"
    directory.mkdir()
    (directory / file_name(found[1])).symlink_to(tmp_path / target)
    before = everything(tmp_path)
    with pytest.raises(UsageError, match="exists already"):
        export_mail(iter(found), directory)
    written = everything(tmp_path).keys() - before.keys()
    assert written == {str(directory / file_name(found[0]))}


def test_tables_of_a_hostile_capture_stay_in_their_folder(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the package pyarrow is not installed")
    from testbed.report.parquet import write_parquet

    directory = tmp_path / "tables"
    analysis = replace(hostile("../../etc/passwd\0\x1b[2J"), path="../../" + HOSTILE_PATH)
    written = write_parquet(iter([analysis]), directory)
    assert {str(path) for path in written} == everything(tmp_path).keys() - {str(directory)}


def test_the_columns_stay_the_same_whatever_the_cells_hold() -> None:
    out = StringIO(newline="")
    connections_csv([replace(hostile('a","b\r\n=1+1,"'), path='x","y')], out)
    rows = out.getvalue().split("\r\n")
    assert rows[0] == ",".join(COLUMNS)
    assert len(rows) == 1 + 5 + 1

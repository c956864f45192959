"""What is attached to a message, found while its octets go by."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.attachments import MOST_PARTS, AttachedFile, AttachmentReader, attachments

NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=30)
FILES = st.lists(st.tuples(NAMES, st.binary(max_size=300), st.sampled_from(("base64", "quoted-printable"))), max_size=4)
MIXED = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n"


def digest(octets: bytes) -> str:
    return sha256(octets).hexdigest()


def in_pieces(message: bytes, cuts: list[int]) -> tuple[AttachedFile, ...]:
    reader, start = AttachmentReader(), 0
    for end in (*sorted(cut % (len(message) + 1) for cut in cuts), len(message)):
        reader.add(message[start:end])
        start = end
    return reader.found()


@given(FILES, st.lists(st.integers(0, 10_000), max_size=20))
def test_files_come_out_as_they_went_in_however_a_message_is_cut(
    files: list[tuple[str, bytes, str]], cuts: list[int]
) -> None:
    letter = EmailMessage(policy=SMTP)
    letter.set_content("Here they are.\n-- \nAnna")
    for name, octets, encoding in files:
        letter.add_attachment(octets, "application", "x-thing", filename=name, cte=encoding)
    wanted = tuple(AttachedFile(name, "application/x-thing", len(o), digest(o)) for name, o, _ in files)
    assert in_pieces(letter.as_bytes(), cuts) == wanted


def part(head: str, octets: bytes, boundary: bytes = b"xx") -> bytes:
    return b"--" + boundary + b"\r\n" + head.encode().replace(b"\n", b"\r\n") + b"\r\n\r\n" + octets + b"\r\n"


FORMS = {
    "a text of its own lines": (
        MIXED + part('Content-Disposition: attachment; filename="a.txt"', b"one\r\ntwo\r\n") + b"--xx--\r\n",
        [("a.txt", "text/plain", b"one\r\ntwo\r\n")],
    ),
    "nothing in it": (
        MIXED + part("Content-Disposition: attachment", b"") + b"--xx--",
        [("", "text/plain", b"")],
    ),
    "an encoded word for a name": (
        MIXED + part('Content-Type: image/png; name="=?utf-8?q?caf=C3=A9.png?="', b"x") + b"--xx--",
        [("café.png", "image/png", b"x")],
    ),
    "a boundary that begins like that of the parts around": (
        MIXED
        + b"--xx\r\nContent-Type: multipart/alternative; boundary=xxy\r\n\r\n"
        + part("Content-Type: text/plain; name=b.txt", b"--xxz is no delimiter", b"xxy")
        + b"--xxy--\r\n"
        + part("Content-Type: text/plain; name=c.txt", b"c")
        + b"--xx--",
        [("b.txt", "text/plain", b"--xxz is no delimiter"), ("c.txt", "text/plain", b"c")],
    ),
    "inner parts that never end": (
        MIXED
        + b"--xx\r\nContent-Type: multipart/mixed; boundary=yy\r\n\r\n"
        + part("Content-Type: text/plain; name=b.txt", b"b", b"yy")
        + part("Content-Type: text/plain; name=c.txt", b"c")
        + b"--xx--",
        [("b.txt", "text/plain", b"b"), ("c.txt", "text/plain", b"c")],
    ),
    "a message within": (
        MIXED
        + b"--xx\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
        + b"Content-Type: application/pdf; name=d.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nZGF0YQ==\r\n--xx--",
        [("d.pdf", "application/pdf", b"data")],
    ),
    "a message that is a file itself": (
        MIXED + part("Content-Type: message/rfc822; name=old.eml", b"Subject: x\r\n\r\ny") + b"--xx--",
        [("old.eml", "message/rfc822", b"Subject: x\r\n\r\ny")],
    ),
    "no parts, but a file": (
        b"Content-Type: application/pdf; name=e.pdf\r\nContent-Transfer-Encoding: BASE64\r\n\r\nZGF0\r\nYQ==\r\n",
        [("e.pdf", "application/pdf", b"data")],
    ),
    "a text": (b"Subject: x\r\n\r\n--xx\r\nContent-Type: text/plain; name=f\r\n\r\n", []),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_messages(form: str) -> None:
    message, wanted = FORMS[form]
    told = [AttachedFile(name, kind, len(octets), digest(octets)) for name, kind, octets in wanted]
    assert list(attachments(message)) == told
    assert list(in_pieces(message, list(range(len(message))))) == told


def test_a_file_with_a_hole_has_no_hash() -> None:
    reader = AttachmentReader()
    reader.add(MIXED + part("Content-Type: text/plain; name=a.txt", b"be"))
    reader.hole()
    reader.add(b"hind\r\n--xx--\r\n")
    [found] = reader.found()
    assert (found.name, found.sha256) == ("a.txt", "")


HOSTILE = {
    "very many files": MIXED + b"--xx\r\nContent-Disposition: attachment\r\n\r\n\r\n" * 50_000,
    "multiparts in each other": b"".join(
        b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (n, n) for n in range(30_000)
    ),
    "messages in each other": b"Content-Type: message/rfc822\r\n\r\n" * 100_000,
    "lines that begin like a delimiter": MIXED + part("Content-Type: text/plain; name=a", b"--xxy\r\n" * 100_000),
    "a header without end": MIXED + b"--xx\r\n" + b"a: b\r\n" * 100_000,
    "parameters without end": MIXED + (b"--xx\r\nContent-Type: text/plain" + b";" * 60_000 + b"\r\n\r\n") * 30,
    "delimiters only": MIXED + b"--xx\r\n" * 100_000,
}


@pytest.mark.cpu_seconds(10)
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_costs_no_more_than_its_length(name: str) -> None:
    message, reader = HOSTILE[name], AttachmentReader()
    for start in range(0, len(message), 8):
        reader.add(message[start : start + 8])
    assert len(reader.found()) <= MOST_PARTS
    assert len(attachments(message)) <= MOST_PARTS

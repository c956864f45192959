"""A message made fit for the next hop, or refused before it is sent (RFC 1870, 6152, 6531)."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.hosts.envelope import envelope_to
from testbed.hosts.sending.conversion import to_seven_bit
from testbed.hosts.sending.fitting import Offer, fit

ASCII = b"Subject: hi\r\n\r\nhello\r\n"
EIGHT_BIT = (
    b"Subject: hi\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
)
NO_MIME = b"Subject: hi\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
UTF8_HEADER = b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nhello\r\n"
SIGNED = EIGHT_BIT.replace(b"text/plain; charset=utf-8", b"multipart/signed; boundary=x")


@pytest.mark.parametrize(
    ("content", "offered", "sent", "refused"),
    [
        (ASCII, "", "", ""),
        (EIGHT_BIT, "8BITMIME", "8BITMIME", ""),
        (EIGHT_BIT, "", "", ""),
        (NO_MIME, "8BITMIME", "8BITMIME", ""),
        (NO_MIME, "", "", "5.6.3"),
        (SIGNED, "", "", "5.6.3"),
        (UTF8_HEADER, "8BITMIME SMTPUTF8", "8BITMIME SMTPUTF8", ""),
        (UTF8_HEADER, "8BITMIME", "", "5.6.7"),
    ],
    ids=[
        "ASCII needs nothing",
        "eight bits where they may be",
        "eight bits converted",
        "no MIME where eight bits may be",
        "no MIME cannot be converted",
        "what is signed must not be",
        "a header in UTF-8",
        "a header that cannot be said",
    ],
)
def test_what_the_next_hop_lacks(content: bytes, offered: str, sent: str, refused: str) -> None:
    fitted = fit(envelope_to("a@x", "b@y"), content, Offer(frozenset(offered.split())))
    assert {status for status, _ in fitted.refused.values()} == set(refused.split())
    assert len(fitted.envelope.recipients) == (0 if refused else 1)
    if not refused:
        parameters = fitted.envelope.parameters
        assert [parameters.body, "SMTPUTF8" if parameters.utf8 else ""] == [*sent.split(), "", ""][:2]
        assert parameters.size == len(fitted.content)
        assert sent or fitted.content.isascii()


def test_only_who_needs_smtputf8_goes_without() -> None:
    fitted = fit(envelope_to("a@x", "b@y", "jürgen@y"), ASCII, Offer(frozenset()))
    assert fitted.envelope.addresses == ["b@y"]
    assert list(fitted.refused) == ["jürgen@y"]


@pytest.mark.parametrize(("limit", "sent"), [(0, True), (len(ASCII), True), (len(ASCII) - 1, False)])
def test_the_limit_announced_is_kept_to(limit: int, sent: bool) -> None:
    """RFC 1870 §4: 0 stands for no fixed limit."""
    fitted = fit(envelope_to("a@x", "b@y"), ASCII, Offer(frozenset({"SIZE"}), limit))
    assert bool(fitted.envelope.recipients) == sent


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=90), max_size=6))
def test_converted_text_reads_as_it_was_written(lines: list[str]) -> None:
    body = "".join(line + "\r\n" for line in lines).encode()
    converted = to_seven_bit(EIGHT_BIT.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body)
    assert converted is not None
    assert converted.isascii()
    read = BytesParser(policy=policy.default).parsebytes(converted)
    assert isinstance(read, EmailMessage)
    assert read.get_payload(decode=True) == body


def test_every_part_is_converted_and_the_header_stays() -> None:
    message = (
        b"Received: from a\r\n\tby b;\r\n\tnow\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n--x\r\nContent-Type: text/plain; charset=latin1\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\r\n--x\r\nContent-Type: image/png\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n\x89PNG\r\n--x--\r\n"
    )
    converted = to_seven_bit(message)
    assert converted is not None
    assert converted.startswith(b"Received: from a\r\n\tby b;\r\n\tnow\r\n")
    assert b"Gr=FC" in converted
    [text, image] = BytesParser(policy=policy.default).parsebytes(converted).iter_parts()
    assert text["Content-Transfer-Encoding"] == "quoted-printable"
    assert image.get_payload(decode=True) == b"\x89PNG"

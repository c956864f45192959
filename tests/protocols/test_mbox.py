"""mbox files (RFC 4155), in every way of quoting."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.mbox import read_mbox, without_quotes

_FROM = b"From alice@crepes.fr Sun Nov 29 01:13:45 2026\n"
QUOTE: dict[str, Callable[[bytes], bytes]] = {
    "mboxrd": lambda body: re.sub(rb"(?m)^(>*From )", rb">\1", body),
    "mboxo": lambda body: re.sub(rb"(?m)^From ", b">From ", body),
}
LINE = st.sampled_from([b"", b"Hello", b"From here", b">From there", b"From: x", b">>From", b"Bye"])
LINES = st.lists(LINE, max_size=8)


@pytest.mark.parametrize("way", QUOTE)
@given(bodies=st.lists(LINES, max_size=4))
def test_every_message_comes_out_as_it_went_in(way: str, bodies: list[list[bytes]]) -> None:
    messages = [b"Subject: x\n\n" + b"".join(line + b"\n" for line in body) for body in bodies]
    read = list(read_mbox(b"".join(_FROM + QUOTE[way](message) + b"\n" for message in messages)))
    assert len(read) == len(messages)
    for message, found in zip(messages, read, strict=True):
        assert found.sender == "alice@crepes.fr"
        assert without_quotes(found.octets) == without_quotes(message)


@given(bodies=st.lists(LINES, max_size=4))
def test_a_length_is_believed_where_nothing_is_quoted(bodies: list[list[bytes]]) -> None:
    texts = [b"".join(line + b"\n" for line in body) for body in bodies]
    messages = [b"Content-Length: %d\n\n" % len(text) + text for text in texts]
    read = list(read_mbox(b"".join(_FROM + message + b"\n" for message in messages)))
    assert [found.octets for found in read] == messages


def test_a_length_that_leads_nowhere_is_not() -> None:
    two = [_FROM + b"Content-Length: 3\n\nHello\n\n", _FROM + b"Content-Length: 99999\n\nBye\n\n"]
    assert [found.octets.partition(b"\n\n")[2] for found in read_mbox(b"".join(two))] == [b"Hello\n", b"Bye\n"]


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_is_read(octets: bytes) -> None:
    assert sum(len(found.octets) for found in read_mbox(octets)) <= len(octets)

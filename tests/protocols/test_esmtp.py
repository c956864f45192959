"""The parameters of MAIL and RCPT (RFC 1870, 3461, 6152, 6531), read and said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.protocols.esmtp import (
    EXTENSIONS,
    NOTIFY_WORDS,
    BadParameter,
    MailParameters,
    RcptParameters,
    decode_xtext,
    encode_xtext,
    mail_parameters,
    mail_words,
    rcpt_parameters,
    rcpt_words,
)

ALL = frozenset(EXTENSIONS)
TEXT = st.text(st.characters(exclude_categories=("C", "Z")), max_size=12)
NOTIFY = st.one_of(st.just(frozenset({"NEVER"})), st.frozensets(st.sampled_from(NOTIFY_WORDS[1:])))


@given(TEXT)
def test_xtext_comes_back_as_it_was(text: str) -> None:
    if text:
        assert encode_xtext(text).isascii()
        assert decode_xtext(encode_xtext(text)) == text


@given(st.integers(0, 10**12), st.sampled_from(["", "7BIT", "8BITMIME"]), st.booleans(), TEXT)
def test_what_is_said_is_what_is_read(size: int, body: str, utf8: bool, envid: str) -> None:
    said = MailParameters(size, body, utf8, "HDRS", envid[:8])
    assert mail_parameters(mail_words(said, ALL), ALL) == said


@given(NOTIFY, TEXT)
def test_so_it_is_for_recipients(notify: frozenset[str], address: str) -> None:
    said = RcptParameters(notify, f"rfc822;{address}@x" if address else "")
    assert rcpt_parameters(rcpt_words(said, ALL), ALL) == said


def test_a_server_that_offers_nothing_hears_no_parameters() -> None:
    said = MailParameters(1, "8BITMIME", True, "FULL", "x")
    assert mail_words(said, frozenset()) == []
    assert rcpt_words(RcptParameters(frozenset({"NEVER"}), "rfc822;a@b"), frozenset()) == []


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("SIZE=many", "501"),
        ("SIZE", "501"),
        ("SIZE=1 SIZE=1", "501"),
        ("BODY=9BIT", "501"),
        ("SMTPUTF8=yes", "501"),
        ("RET=ALL", "501"),
        ("ENVID=a=b", "501"),
        ("ENVID=+zz", "501"),
        ("ENVID=" + "x" * 101, "501"),
        ("ENVID=a+0D+0A", "501"),
        ("FROB", "555"),
        ("=", "501"),
    ],
)
def test_mail_parameters_that_are_refused(words: str, reply: str) -> None:
    with pytest.raises(BadParameter, match=f"^{reply} 5.5.4 "):
        mail_parameters(words.split(), ALL)


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("NOTIFY=SOMETIMES", "501"),
        ("NOTIFY=NEVER,DELAY", "501"),
        ("NOTIFY=", "501"),
        ("ORCPT=bob@x", "501"),
        ("ORCPT=rfc822;", "501"),
        ("ORCPT=;bob", "501"),
        ("SIZE=5", "555"),
    ],
)
def test_rcpt_parameters_that_are_refused(words: str, reply: str) -> None:
    with pytest.raises(BadParameter, match=f"^{reply} 5.5.4 "):
        rcpt_parameters(words.split(), ALL)


@pytest.mark.parametrize("extension", ["SIZE", "8BITMIME", "SMTPUTF8", "DSN"])
def test_a_parameter_of_what_is_not_offered_is_unknown(extension: str) -> None:
    word = {"SIZE": "SIZE=1", "8BITMIME": "BODY=8BITMIME", "SMTPUTF8": "SMTPUTF8", "DSN": "RET=FULL"}[extension]
    mail_parameters([word], ALL)
    with pytest.raises(BadParameter, match="^555 "):
        mail_parameters([word], ALL - {extension})


@pytest.mark.parametrize(
    ("notify", "told"),
    [("", "FAILURE DELAY"), ("NEVER", ""), ("SUCCESS", "SUCCESS"), ("DELAY,FAILURE", "FAILURE DELAY")],
)
def test_what_the_sender_wants_to_hear_of(notify: str, told: str) -> None:
    """RFC 3461 §4.1."""
    wishes = RcptParameters(frozenset(notify.split(",") if notify else ()))
    assert {word for word in NOTIFY_WORDS[1:] if wishes.wants(word)} == set(told.split())

"""Rules of mailboxes: what fits, and who is never answered (RFC 3834, RFC 5230)."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from testbed.hosts.mailboxes.rules import _matches, fits_pattern, vacation, wants_answer
from testbed.scenario.rules import Rule

BOB, ALICE = "bob@someschool.edu", "alice@crepes.fr"
HEAD = b"From: Alice <alice@crepes.fr>\r\nTo: Bob <BOB@someschool.edu>\r\nSubject: Lunch [1]?\r\nMessage-ID: <1@x>\r\n"


@pytest.mark.parametrize(
    ("fields", "answered"),
    [
        (b"", True),
        (b"Auto-Submitted: no\r\n", True),
        (b"Auto-Submitted: auto-replied\r\n", False),
        (b"Auto-Submitted: auto-generated\r\n", False),
        (b"Precedence: bulk\r\n", False),
        (b"Precedence: list\r\n", False),
        (b"List-Id: <all.crepes.fr>\r\n", False),
        (b"List-Unsubscribe: <mailto:x@crepes.fr>\r\n", False),
    ],
)
def test_programs_are_not_answered(fields: bytes, answered: bool) -> None:
    assert wants_answer(ALICE, BOB, HEAD + fields + b"\r\nhi\r\n") is answered


@pytest.mark.parametrize(
    "sender", ["", "MAILER-DAEMON@crepes.fr", "owner-all@crepes.fr", "all-request@crepes.fr", "no-reply@crepes.fr"]
)
def test_nor_are_addresses_of_programs(sender: str) -> None:
    assert not wants_answer(sender, BOB, HEAD + b"\r\nhi\r\n")


def test_nor_is_mail_that_names_somebody_else() -> None:
    assert not wants_answer(ALICE, "carol@someschool.edu", HEAD + b"\r\nhi\r\n")


def test_an_answer_says_what_it_is_and_is_not_answered_itself() -> None:
    answer = vacation("I am away.", BOB, ALICE, HEAD + b"\r\nhi\r\n", "<v@x>", "Mon, 1 Jan 2024 09:00:00 +0000")
    parsed = message_from_bytes(answer, policy=policy.default)
    assert parsed["Auto-Submitted"] == "auto-replied"
    assert (parsed["Subject"], parsed["In-Reply-To"]) == ("Auto: Lunch [1]?", "<1@x>")
    assert not wants_answer(BOB, ALICE, answer)


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({}, True),
        ({"from": "*@CREPES.fr"}, True),
        ({"from": "alice@crepes"}, False),
        ({"to": "bob@*"}, True),
        ({"subject": "lunch [1]?"}, True),
        ({"subject": "lunch [?]?"}, True),
        ({"subject": "lunch [12]."}, False),
        ({"subject": "*", "from": "*@elsewhere.example"}, False),
        ({"subject": "*" * 100 + "x"}, False),
    ],
)
def test_patterns(rule: dict[str, str], fits: bool) -> None:
    assert _matches(Rule.model_validate({**rule, "discard": True}), BOB, HEAD + b"\r\nhi\r\n") is fits


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "a*b", True),
        ("?", "", False),
        ("?", "*", True),
        ("a*", "b", False),
        ("*Lunch?", "re: lunch!", True),
        ("*a*b*c", "xaxbxbxc", True),
        ("*a*b*c", "xaxcxbx", False),
        ("a.c", "abc", False),
        ("[a]*\\", "[a]x\\", True),
        ("*ab?", "ababc", True),
        ("**a**", "bab", True),
    ],
)
def test_what_fits_a_pattern(pattern: str, text: str, fits: bool) -> None:
    assert fits_pattern(pattern, text) is fits


@pytest.mark.cpu_seconds(20)
@pytest.mark.parametrize("pattern", ["*a" * 80 + "b", "*" + "a?" * 90 + "b", "*?" * 90 + "b", "*" * 200 + "b"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    assert not fits_pattern(pattern, "a" * 20_000)

"""Replacements: as long as what they replace, one for each thing, alike in all captures of a call, and in no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.cli import main
from testbed.redact.permutation import Permutation
from testbed.redact.redactor import Redactor
from testbed.redact.words import Words
from testbed.trace.analysis import Analysis
from tests.conftest import PROJECT

KEY, OTHER_KEY = bytes(range(64)), bytes(64)
DELIVERED, MAILBOX_FULL = (str(PROJECT / "captures" / f"{name}.pcapng") for name in ("delivered", "mailbox-full"))


@given(st.integers(1, 2_000), st.binary(max_size=8))
def test_a_permutation_moves_every_number_and_no_two_to_one_place(bound: int, domain: bytes) -> None:
    permutation = Permutation(KEY)
    moved = [permutation.moved(number, bound, domain) for number in range(min(bound, 60))]
    assert len(set(moved)) == len(moved)
    assert all(0 <= place < bound for place in moved)
    assert bound == 1 or all(place != number for number, place in enumerate(moved))


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789éß漢", min_size=1, max_size=40))
def test_a_word_becomes_one_of_as_many_octets(word: str) -> None:
    replaced = Words(KEY).word(word.encode())
    assert len(replaced) == len(word.encode())
    assert Words(KEY).word(word.encode()) == replaced


def people(analysis: Analysis) -> set[str]:
    return {
        address
        for connection in analysis.connections
        for message in connection.transactions
        for address in (message.sender, *(to.address for to in message.recipients))
    }


def test_the_same_people_are_the_same_in_two_captures_of_one_call() -> None:
    redactor = Redactor(KEY)
    one, other = (redactor.inspected(path, number) for number, path in enumerate((DELIVERED, MAILBOX_FULL), 1))
    assert people(one) == people(other)
    assert not people(one) & {"alice@crepes.fr", "bob@someschool.edu"}
    assert people(one) != people(Redactor(OTHER_KEY).inspected(DELIVERED, 1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--stream"], "--redact and --stream do not go together"),
        (["--deep", "3"], "--redact and --deep do not go together"),
        (["--keylog", "keys.txt"], "--redact and --keylog do not go together"),
        (["--dns", "zone.txt"], "--redact and --dns do not go together"),
    ],
)
def test_what_cannot_be_redacted_is_refused(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--redact", *options, DELIVERED]) == 2
    assert words in capsys.readouterr().err

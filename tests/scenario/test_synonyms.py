"""Words that people use for what the scenario language calls otherwise."""

from __future__ import annotations

import pytest

from testbed.scenario.load import parse
from testbed.scenario.problems import ScenarioError
from testbed.scenario.synonyms import SYNONYMS, meanings


@pytest.mark.parametrize(
    ("fault", "right"),
    [
        ("{at: someschool.edu, on: DATA, then: hang}", "stall"),
        ("{at: someschool.edu, on: DATA, then: disconnect}", "close"),
        ("{at: someschool.edu, on: EOM, then: close}", "message"),
        ("{host: someschool.edu, is: down}", "refused"),
        ("{between: [crepes.fr, someschool.edu], packets: SYN, drop: 2}", "lose"),
    ],
)
def test_the_right_word_is_told(fault: str, right: str) -> None:
    text = f"title: T\nfaults: [{fault}]\nsteps: [send]\nexpect: [{{delivered: {{to: bob@someschool.edu}}}}]\n"
    with pytest.raises(ScenarioError, match=f"did you mean '{right}'"):
        parse(text)


@pytest.mark.parametrize(("word", "first"), [("Hangs", "hang"), ("timeouts", "timeout"), ("dns", "dns"), ("S", "s")])
def test_a_word_means_itself_first(word: str, first: str) -> None:
    assert meanings(word)[0] == first


def test_words_are_in_lower_case_and_mean_something_else() -> None:
    assert all(word == word.casefold() and word not in others for word, others in SYNONYMS.items())

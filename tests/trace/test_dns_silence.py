"""That no answer is in a capture is no proof that there was none; that a question is sent again is one."""

from __future__ import annotations

import pytest

from testbed.trace.analysis import Analysis
from tests.trace.talk import Talk, watch

SILENT, UNKNOWN = "name-server-silent", "answer-not-captured"


def asked(port: int = 5_000, *, number: int = 7, server: str = "10.0.0.2", answered: bool = False) -> Talk:
    """A question for the MX of y.example."""
    talk = Talk(port=port, hosts=("10.0.0.1", server))
    return talk.ask("y.example", "MX", rcode=0 if answered else None, number=number)


def later(seconds: float, talk: Talk) -> Talk:
    """The talk, so long after what came before."""
    talk.waits[0] = int(seconds * 10**9)
    return talk


def told(analysis: Analysis) -> list[str]:
    return [finding.code for finding in analysis.findings]


SEVERAL: dict[str, tuple[list[Talk], list[str]]] = {
    "once": ([asked()], [UNKNOWN]),
    "again from another port": ([asked(5_000), later(5, asked(5_001))], [SILENT]),
    "again of another server": ([asked(5_000), later(5, asked(5_001, server="10.0.0.3"))], [SILENT]),
    "again and answered": ([asked(5_000), later(5, asked(5_001, answered=True))], [SILENT]),
    "another question for the same": ([asked(5_000), later(5, asked(5_001, number=8))], [UNKNOWN, UNKNOWN]),
    "again hours later": ([asked(5_000), later(9_000, asked(5_001))], [UNKNOWN, UNKNOWN]),
    "seen twice": ([asked(5_000), later(-0.009_97, asked(5_000))], [UNKNOWN, UNKNOWN]),
    "answered, and asked anew": ([asked(5_000, answered=True), later(5, asked(5_001, answered=True))], []),
}


@pytest.mark.parametrize(("talks", "codes"), SEVERAL.values(), ids=SEVERAL)
def test_only_what_is_asked_again_was_not_answered(talks: list[Talk], codes: list[str]) -> None:
    assert told(watch(*talks)) == codes


def test_the_answer_is_that_to_the_last_asking() -> None:
    analysis = watch(asked(), later(5, asked(answered=True)))
    first, second = analysis.connections[0].exchanges
    assert (first.reply, first.unseen) == (None, True)
    assert second.reply is not None
    assert second.latency_ns == 10_000_000
    (finding,) = analysis.findings
    asked_twice = "10.0.0.1 asked 10.0.0.2 for the MX record of y.example 2 times in 5.01 s"
    assert finding.text == f"{asked_twice}: the capture has an answer only to the last"


def test_what_is_not_in_the_capture_is_said() -> None:
    (question,) = watch(asked()).connections[0].exchanges
    assert (question.note, question.unseen) == ("no answer in the capture", True)
    answer = asked(answered=True)
    del answer.packets[0]
    (found,) = watch(answer).connections[0].exchanges
    assert (found.command, found.unseen) == (None, True)


def test_an_answer_that_stands_before_its_question_is_its_answer() -> None:
    talk = asked(answered=True)
    talk.packets.reverse()
    talk.wait(0).waits[1] = -8_000_000
    (exchange,) = watch(talk).connections[0].exchanges
    assert exchange.command is not None
    assert exchange.reply is not None
    assert not exchange.unseen

"""What a capture does not hold is unknown, never "no": an account of less may say less, and never otherwise.

A capture whose truth is known is changed as captures are changed by accident (:mod:`tests.metamorphic.changes`).  Then
nothing may be told that its whole account contradicts (:mod:`tests.metamorphic.truth`).
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.pcap.read import parse_capture
from testbed.report.annotate import annotate
from testbed.report.json_analysis import analyses_json
from testbed.report.trace import trace_report
from testbed.trace.analysis import Analysis
from tests.conftest import PROJECT
from tests.fuzz.checks import printed
from tests.metamorphic.changes import CHANGES, NAMED, Step, changed
from tests.metamorphic.packets import inspected
from tests.metamorphic.told import MENDED, capture, otherwise

PLAIN = [name for name in MENDED if not name.endswith("-acknowledged")]
EACH, TOGETHER, OF_TRACES = 40, 300, 150  # inputs for each change, of two together, of reference traces
# Found by the search below, and mended.
FOUND: tuple[tuple[str, tuple[Step, ...]], ...] = (
    ("smtp-terse-acknowledged", (("drop_run", 14, 3),)),  # a command and the reply before it
    ("smtp-mail", (("drop_run", 12, 84),)),  # a whole message and its reply, told behind each other's holes
    ("smtp-refusals", (("drop_one", 9, 0),)),  # a recipient's refusal, and the message's
    ("smtp-refusals", (("drop_run", 20, 2),)),  # MAIL and RCPT behind a refused MAIL
    ("smtp-two", (("drop_run", 10, 4),)),  # from one transaction into the next
    ("smtp-odds-acknowledged", (("drop_run", 28, 4),)),  # a message and the command behind it
    ("smtp-login", (("drop_one", 18, 0), ("swap", 18, 0))),  # a hole told behind what was said before it
    ("smtp-plain-apart", (("drop_one", 9, 0), ("swap", 8, 0))),
    ("smtp-mail-acknowledged", (("drop_one", 21, 0), ("one_direction", 5, 0))),
    ("smtp-refusals", (("drop_one", 21, 0), ("drop_before", 20, 0))),
    ("smtp-starttls", (("drop_one", 6, 0),)),  # STARTTLS, and TLS behind it
    ("smtp-starttls", (("drop_before", 7, 0),)),
    ("smtp-login", (("drop_after", 0, 0),)),  # a SYN, and nothing more
    ("smtp-plain-apart", (("drop_run", 5, 0), ("drop_one", 6, 0))),  # a challenge whose answer is missing too
    ("smtp-helo", (("swap", 4, 0), ("drop_before", 4, 0))),  # a late beginning, out of order
    ("smtp-mail", (("drop_run", 1, 4),)),  # the server's SYN and its greeting
    ("smtp-login", (("drop_one", 6, 0), ("drop_one", 7, 0))),  # two challenges, and one response
    ("smtp-login", (("drop_run", 58, 4), ("drop_run", 24, 0))),  # a challenge, and a hole behind it
    ("smtp-login", (("drop_run", 63, 8), ("drop_run", 9, 9))),  # a message behind AUTH
    ("smtp-group", (("drop_run", 52, 3), ("drop_run", 73, 1))),  # a group in the midst of what it is answered
    ("smtp-mail", (("drop_after", 73, 1), ("drop_run", 75, 4))),  # MAIL, and the reply to its message
    ("smtp-terse-acknowledged", (("drop_before", 24, 8), ("drop_after", 98, 6))),  # a piece of a line
    ("smtp-odds-acknowledged", (("drop_run", 27, 1), ("drop_before", 84, 5))),  # a word behind a message
    ("smtp-odds", (("drop_one", 36, 8), ("drop_run", 38, 7))),
    ("pop3-user", (("drop_one", 19, 0),)),  # a reply, and all behind it one too late
    ("pop3-user", (("drop_one", 17, 0),)),  # the first line of a message
    ("pop3-user", (("drop_one", 28, 0),)),  # QUIT behind DELE
    ("pop3-login", (("drop_one", 24, 0), ("drop_run", 17, 3))),  # a secret, two lines behind a hole
    ("pop3-stls", (("drop_after", 20, 0),)),  # the end, right behind the reply to STLS
    ("imap-over-quota", (("cut_short", 0, 0),)),  # two ends of a header put together
    ("imap-literals", (("drop_one", 10, 0),)),  # APPEND, and its message read as commands
    ("imap-read", (("drop_one", 8, 0),)),  # SELECT, whose reply is here
    ("imap-auth-acknowledged", (("drop_run", 52, 4), ("drop_run", 8, 9))),  # holes told before what came between them
    ("imap-read-acknowledged", (("drop_run", 9, 2), ("drop_run", 40, 8))),
    ("lmtp-acknowledged", (("drop_one", 35, 0),)),  # one of two replies to a message
    ("lmtp-three-acknowledged", (("drop_run", 37, 5),)),  # a chunk and the command behind it
    ("lmtp-three", (("cut_short", 0, 0),)),  # a message, and the text of the next one
    ("http-more", (("drop_one", 11, 0),)),  # HEAD, and a reply with the length of a body that it has not
    ("postfix-lmtp", (("drop_one", 57, 0),)),  # from here on, reference traces
    ("postfix-lmtp", (("drop_before", 46, 0),)),
    ("lmtp-cut-between-replies-reset", (("drop_run", 40, 5),)),  # replies, up to a RST
    ("lmtp-delivered", (("swap", 22, 0),)),  # a FIN before the data it follows
    ("no-tls-no-mail-stalled", (("drop_one", 39, 0),)),  # the FIN of who left first
    ("no-tls-no-mail-stalled", (("drop_before", 36, 0),)),  # STARTTLS, but not the reply to it
    ("handshake-cut-again-close", (("swap", 32, 0),)),
    ("delivered", (("drop_one", 21, 0),)),  # an answer of DNS
    ("sieve-scripts", (("drop_one", 10, 0),)),  # a reply, and a script refused that was stored
    ("sieve-scripts-acknowledged", (("drop_run", 85, 3), ("drop_after", 71, 9))),  # a SYN, and all up to the data
)


@pytest.mark.parametrize("name", PLAIN)
def test_any_one_packet_is_missing(name: str) -> None:
    found = {at: otherwise(name, ("drop_one", at, 0)) for at in range(len(capture(name).frames))}
    assert not {at: texts for at, texts in found.items() if texts}


@pytest.mark.parametrize("change", [change.__name__ for change in CHANGES])
@given(name=st.sampled_from(PLAIN), at=st.integers(0, 99), many=st.integers(0, 9))
@settings(max_examples=EACH, derandomize=True)
def test_a_change(change: str, name: str, at: int, many: int) -> None:
    assert not otherwise(name, (change, at, many))


@pytest.mark.parametrize(("name", "steps"), FOUND)
def test_what_was_found(name: str, steps: tuple[Step, ...]) -> None:
    assert not otherwise(name, *steps)


# Reference traces of the services in which nothing has been found any more.
TRACES = (
    *("lmtp-delivered", "lmtp-three-fates", "lmtp-full-for-the-second", "lmtp-in-chunks", "postfix-lmtp"),
    *("delivered", "truncated-1", "second-mx", "implicit-mx-both", "logged-in-465", "through-tls-required"),
    *("agent-off-at-delivery-imap", "agent-off-at-delivery-pop3", "imap-idle", "pop3-autologout"),
    *("bad-certificate-expired", "handshake-fails-handshake-failure", "any-certificate-expired"),
)


@given(
    name=st.sampled_from(TRACES),
    change=st.sampled_from(sorted(NAMED)),
    at=st.integers(0, 99),
    many=st.integers(0, 9),
)
@settings(max_examples=OF_TRACES, derandomize=True)
def test_a_reference_trace(name: str, change: str, at: int, many: int) -> None:
    assert not otherwise(name, (change, at, many))


DROPS = sorted(name for name in NAMED if name.startswith("drop"))
STEPS = st.lists(st.tuples(st.sampled_from(DROPS), st.integers(0, 99), st.integers(0, 9)), min_size=2, max_size=2)


@given(name=st.sampled_from(sorted(MENDED)), steps=STEPS)
@settings(max_examples=TOGETHER, derandomize=True)
def test_two_holes(name: str, steps: list[Step]) -> None:
    assert not otherwise(name, *steps)


WITH_SECRETS = (
    "smtp-login", "smtp-plain", "smtp-plain-apart", "smtp-wrong-then-right",
    "pop3-user", "pop3-auth", "pop3-login", "imap-read", "imap-auth", "imap-literals",
    "sieve-scripts", "sieve-login", "sieve-group",
)  # fmt: skip


def test_no_secret_is_shown() -> None:
    """Neither a password nor its base64, wherever the capture begins."""
    for name in WITH_SECRETS:
        whole = capture(name)
        for at in range(4, len(whole.frames) - 2):
            for steps in ((("drop_before", at, 0),), (("drop_run", at, 1),)):
                shown = everything_shown(inspected(changed(whole.frames, steps), whole.names))
                assert not [secret for secret in whole.secrets if secret in shown], (name, steps)


def everything_shown(analysis: Analysis) -> bytes:
    report = printed(trace_report, analysis) + "".join(analyses_json(iter([analysis]), packets=True))
    annotated = BytesIO()
    annotate(analysis, annotated)
    capture = parse_capture(np.frombuffer(annotated.getvalue(), np.uint8))
    return report.encode() + str(capture.comments).encode()


def test_the_page_tells_how_many_are_tried() -> None:
    singles = sum(len(capture(name).frames) for name in PLAIN)
    tried = singles + EACH * len(CHANGES) + TOGETHER + OF_TRACES + len(FOUND)
    assert f"tries {tried:,} such captures" in " ".join((PROJECT / "docs/inspecting.md").read_text().split())

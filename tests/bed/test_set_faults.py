"""Faults that are set and lifted while a lab is open: each kind strikes, and strikes no more when it is lifted."""

from __future__ import annotations

import smtplib
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from testbed import Bed, open_lab
from testbed.errors import LabError, StepError, UsageError
from testbed.expect import judge
from testbed.protocols import events
from testbed.trace.model.log import of
from tests.patience import HANG_S

BOB, CAROL = "bob@someschool.edu", "carol@someschool.edu"
HOSTS: Mapping[str, object] = {"someschool.edu": {"mailboxes": ["bob", "carol"]}}
SECURE = {"crepes.fr": {"starttls": True}}

pytestmark = pytest.mark.lab


def hand_in(bed: Bed) -> None:
    with smtplib.SMTP(*bed.address("crepes.fr", "submission"), timeout=HANG_S) as client:
        client.sendmail("alice@crepes.fr", BOB, "Subject: Lunch?\r\n\r\nAt noon.\r\n")


def refused(bed: Bed) -> bool:
    try:
        hand_in(bed)
    except smtplib.SMTPRecipientsRefused:
        return True
    return False


def kept_back(bed: Bed) -> bool:
    """Whether the relay cannot pass a message on at once."""
    before = put_off(bed)
    hand_in(bed)
    bed.wait("11m")
    return put_off(bed) > before


def put_off(bed: Bed) -> int:
    analysis = bed.so_far().analysis
    assert analysis is not None
    return sum(1 for _ in of(analysis.log, events.Deferred))


def reset(bed: Bed) -> bool:
    try:
        hand_in(bed)
    except (smtplib.SMTPServerDisconnected, ConnectionResetError):
        return True
    return False


def untrusted(bed: Bed) -> bool:
    with smtplib.SMTP(*bed.address("crepes.fr", "submission"), timeout=HANG_S) as client:
        try:
            client.starttls(context=bed.ssl_context())
        except ssl.SSLCertVerificationError:
            return True
    return False


STRIKES: list[tuple[dict[str, object], Callable[[Bed], bool]]] = [
    ({"at": "crepes.fr", "on": "RCPT", "reply": "452 4.3.1 Out of space"}, refused),
    ({"at": "crepes.fr", "on": "MAIL", "then": "reset"}, reset),
    ({"at": "crepes.fr", "as": "client", "on": "RCPT", "then": "reset"}, kept_back),
    ({"host": "someschool.edu", "is": "silent"}, kept_back),
    ({"host": "someschool.edu", "is": "refused"}, kept_back),
    ({"host": "someschool.edu", "is": "crashed"}, kept_back),
    ({"host": "someschool.edu", "is": "crashed", "when": "it has been asked RCPT", "for": "30m"}, kept_back),
    ({"host": "someschool.edu", "is": "full-disk"}, kept_back),
    ({"link": ["crepes.fr", "someschool.edu"], "is": "down"}, kept_back),
    ({"mailbox": BOB, "is": "full"}, kept_back),
    ({"between": ["crepes.fr", "someschool.edu"], "packets": "SYN", "reset": "sender"}, kept_back),
    ({"zone": "someschool.edu", "answer": "SERVFAIL"}, kept_back),
    ({"zone": "someschool.edu", "records": ["MX 10 alice.crepes.fr"]}, kept_back),
    ({"tls": "crepes.fr", "is": "expired"}, untrusted),
]


@pytest.mark.parametrize(("fault", "struck"), STRIKES, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_fault_strikes_from_when_it_is_set_until_it_is_lifted(
    fault: dict[str, object], struck: Callable[[Bed], bool]
) -> None:
    with open_lab(hosts={**HOSTS, **SECURE}) as bed:
        assert not struck(bed)
        with bed.fault(fault) as placed:
            assert struck(bed)
        assert placed.lifted
        bed.wait("3h")
        assert not struck(bed)
    [verdict] = [verdict for verdict in bed.verdicts if verdict.what.startswith("fault:")]
    assert verdict.held, verdict.why
    assert bed.held, [verdict for verdict in bed.verdicts if not verdict.held]


def test_a_policy_that_is_kept_from_a_relay_has_it_go_by_the_one_it_knows() -> None:
    policies = [{"mode": "enforce", "max_age": "2w"}, {"from": "1d", "mode": "none"}]
    hosts = {"crepes.fr": {"tls": "mta-sts"}, "someschool.edu": {"starttls": True, "mta_sts": policies}}
    with open_lab(hosts=hosts) as bed:
        assert not kept_back(bed)
        bed.wait("2d")
        faults = ({"policy": "someschool.edu", "is": "reset"}, {"tls": "someschool.edu", "is": "expired"})
        with bed.fault(faults[0]), bed.fault(faults[1]):
            assert kept_back(bed)  # the new policy would let it send
        bed.wait("3h")
        assert not kept_back(bed)
    assert bed.held, [verdict for verdict in bed.verdicts if not verdict.held]


def test_each_change_of_a_fault_is_in_the_trace(tmp_path: Path) -> None:
    with open_lab(keep=tmp_path) as bed:
        first = bed.fault(at="crepes.fr", on="RCPT", reply="452 4.3.1 Out of space", times=1)
        second = bed.fault({"host": "someschool.edu", "is": "silent", "until": "10m"})
        assert refused(bed)
        first.lift()
        first.lift()  # which is no mistake
        hand_in(bed)
        bed.wait("1h")
        second.lift()
        assert [(fault.number, fault.lifted) for fault in bed.faults] == [(1, True), (2, True)]
    changes = [
        (type(entry.event).__name__, entry.event.number)
        for entry in of(bed.analysis.log, events.FaultSet, events.FaultLifted)
    ]
    assert changes == [("FaultSet", 1), ("FaultSet", 2), ("FaultLifted", 1), ("FaultLifted", 2)]
    assert {entry.event.line for entry in of(bed.analysis.log, events.Fault)} == {-1, -2}
    assert bed.held
    again = judge(bed.scenario, bed.analysis)  # a stored trace tells by itself which faults were set
    assert [(verdict.what.partition(" until")[0], verdict.held) for verdict in again.staged] == [
        ("fault: crepes.fr answers RCPT with 452 4.3.1 Out of space once", True),
        ("fault: someschool.edu is silent", True),
    ]


def test_from_and_until_count_from_when_a_fault_is_set() -> None:
    with open_lab() as bed:
        bed.wait("2d")
        bed.fault({"host": "someschool.edu", "is": "silent", "from": "1h", "until": "2h"})
        assert not kept_back(bed)
        bed.wait("50m")
        assert kept_back(bed)
        bed.wait("5h")
        assert len(bed.messages(BOB)) == 2
    assert bed.held


def test_a_fault_that_was_set_and_never_reached_is_told() -> None:
    with open_lab() as bed:
        bed.fault(at="crepes.fr", on="RCPT", reply="452 4.3.1 Out of space")
    assert not bed.held
    with pytest.raises(AssertionError, match="fault 1, set while the lab ran, was never reached"):
        bed.check()


def test_a_program_with_nothing_in_front_of_it_cannot_be_given_faults_of_its_dialogue() -> None:
    script = "import socket, time; listener = socket.create_server(('', 25)); time.sleep(600)"
    hosts = {"someschool.edu": {"command": [sys.executable, "-c", script], "listens": 25}}
    with open_lab(hosts=hosts) as bed, pytest.raises(UsageError, match="nothing of the lab's"):
        bed.fault({"at": "someschool.edu", "on": "RCPT", "then": "close"})


REFUSED = [
    ({}, "a fault says where"),
    ({"at": "crepes.fr", "on": "RCPT"}, "the fault does nothing"),
    ({"at": "nobody.example", "on": "RCPT", "then": "close"}, "nobody.example"),
    ({"host": "someschool.edu", "is": "asleep"}, "silent"),
    ({"at": "crepes.fr", "on": "RCPT", "then": "close", "connection": 2}, "'connection' counts from the start"),
    ({"at": "someschool.edu", "on": "message", "then": "deaf", "octet": 10}, "before the server listens"),
    ({"tls": "crepes.fr", "is": "expired"}, "starttls"),
    ({"at": "crepes.fr", "on": "RCPT", "reply": b"452 4.3.1 No"}, "made of mappings, lists, text and numbers"),
]


@pytest.mark.parametrize(("fault", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_is_no_fault_is_refused_in_a_sentence(bed: Bed, fault: dict[str, object], why: str) -> None:
    before = bed.faults
    with pytest.raises(UsageError, match=why):
        bed.fault(fault)
    assert bed.faults == before


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with open_lab() as bed:
        yield bed


def test_a_fault_cannot_be_lifted_twice_behind_our_back(bed: Bed) -> None:
    placed = bed.fault({"host": "someschool.edu", "is": "silent"})
    placed.lift()
    placed.lifted = False
    with pytest.raises(StepError, match=rf"fault {placed.number} is lifted already"):
        placed.lift()


def test_nothing_is_set_in_a_lab_that_has_ended() -> None:
    with open_lab() as bed:
        placed = bed.fault({"host": "someschool.edu", "is": "silent"})
    with pytest.raises(UsageError, match="the lab has ended"):
        bed.fault({"host": "someschool.edu", "is": "silent"})
    with pytest.raises((UsageError, LabError), match="the lab has ended"):
        placed.lift()


def test_what_a_lab_shows_so_far_is_judged_while_it_is_open(tmp_path: Path) -> None:
    expect = [{"delivered": {"to": BOB}}]
    with open_lab(expect=expect) as bed:
        assert not bed.so_far().judgement.expectations[0].held
        hand_in(bed)
        bed.settle()
        assert bed.so_far().judgement.expectations[0].held
        with (tmp_path / "so-far.pcapng").open("wb") as into:
            bed.copy_trace(into)
    assert bed.trace.read_bytes().startswith((tmp_path / "so-far.pcapng").read_bytes())
    assert bed.held


@pytest.mark.loopback
def test_on_loopback_a_host_refuses_and_packets_cannot_be_lost() -> None:
    with open_lab(network="host") as bed:
        with pytest.raises(UsageError, match="needs a private network: packets are changed on a wire"):
            bed.fault({"between": ["crepes.fr", "someschool.edu"], "lose": 1})
        with bed.fault({"host": "someschool.edu", "is": "refused"}):
            assert kept_back(bed)
        assert not kept_back(bed)
    assert bed.held


def test_a_lab_of_which_only_one_word_is_said_is_the_textbooks() -> None:
    with open_lab(title="A name, and nothing else") as bed:
        assert bed.scenario.title == "A name, and nothing else"
        assert not refused(bed)


def test_what_a_lifted_fault_still_holds_back_is_its_doing() -> None:
    late = {"between": ["crepes.fr", "someschool.edu"], "packets": "SYN", "delay": "90s", "nth": 1}
    with open_lab(hosts=HOSTS) as bed:
        with bed.fault(late):
            hand_in(bed)
            bed.wait("500ms")
        bed.wait("3m")
    [struck] = of(bed.analysis.log, events.Fault)
    assert (struck.event.line, struck.event.vain) == (-1, "")
    [verdict] = [verdict for verdict in bed.verdicts if verdict.what.startswith("fault:")]
    assert verdict.held, verdict.why

"""Relays that sign, forward and expand lists: each story holds, and is red when one thing is not as it should be."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import dkim as dkimpy
import pytest
from msgspec.structs import replace

from testbed.authentication import dkim
from testbed.authentication.lookup import Answer
from testbed.hosts.forwarding.onward import Forwarding, Onward
from testbed.hosts.signing_key import key_record
from testbed.outcome import Outcome, Result
from testbed.scenario.hosts import RelaySpec
from testbed.scenario.load import parse
from testbed.trace.mail_objects import mail_objects
from tests.lab.test_scenarios import play, why

pytestmark = pytest.mark.lab

FORWARDED = """
hosts:
  alice.crepes.fr: {address: alice@crepes.fr, server: crepes.fr}
  forwarder.example: {forward: {bob: {to: bob@someschool.edu, %s}}}
steps: [{send: {to: bob@forwarder.example, body: "Schöne Grüße"}}]
expect:
  - delivered: {to: bob@someschool.edu, text: "Schöne Grüße"}
"""
LIST = """
hosts:
  lists.example:
    mailboxes: [carol]
    dkim: true
    lists:
      team: {members: [bob@someschool.edu, carol@lists.example], %s}
steps: [{send: {to: [team@lists.example, bob@someschool.edu], subject: Lunch}}]
expect:
  - delivered: {to: bob@someschool.edu, copies: 2}
  - delivered: {to: carol@lists.example}
"""
BOUNCING = """
hosts:
  alice.crepes.fr: {address: alice@crepes.fr, server: crepes.fr}
  lists.example: {mailboxes: [carol], lists: {team: {members: [nobody@someschool.edu, gone@lists.example], %s}}}
  someschool.edu: {mailboxes: [bob]}
steps: [{send: {to: team@lists.example}}]
expect:
  - %s
"""
FAR = """
hosts:
  alice.crepes.fr: {address: alice@crepes.fr, server: crepes.fr}
  forwarder.example: {forward: {bob: {to: bob@second.example, srs: true}}}
  second.example: {forward: {bob: {to: bob@third.example, srs: true}}}
  third.example: {forward: {bob: bob@someschool.edu}}
  someschool.edu: {mailboxes: [carol]}
steps: [{send: {to: bob@forwarder.example}}]
expect:
  - bounced: {to: alice@crepes.fr, for: bob@someschool.edu, status: 5.1.1}
"""
STORIES = {
    "plain": FORWARDED % "srs: false",
    "srs": FORWARDED % "srs: true",
    "another author": FORWARDED % "from: own",
    "seven bits": FORWARDED % "seven_bit: true",
    "everything": FORWARDED % "from: own, srs: true, seven_bit: true",
    "a list that changes nothing": LIST % "return_path: keep",
    "a list with a footer": LIST % 'footer: "--\\nThe team"',
    "a list with a footer, a tag, and its own From": LIST % 'footer: "The team", subject_tag: "[team]", from: munge',
    "a sender for each member": LIST % "return_path: verp, unsubscribe: 'https://lists.example/leave'",
    "a list notes its bounces": BOUNCING % ("return_path: verp", "attempts: {to: someschool.edu, count: 1}"),
    "bounces go to the owner": BOUNCING % ("owner: carol@lists.example", "delivered: {to: carol@lists.example}"),
    "bounces go to the author": BOUNCING
    % ("return_path: keep", "bounced: {to: alice@crepes.fr, for: gone@lists.example}"),
    "a bounce goes back through two forwarders": FAR,
}


@pytest.mark.parametrize("text", STORIES.values(), ids=STORIES)
def test_it_holds(text: str, tmp_path: Path) -> None:
    outcome = play(parse(f"title: A story\n{text}"), tmp_path)
    assert outcome.result is Result.HELD, why(outcome)


Fake = Callable[[Onward], Onward]


def _forgets_a_member(onward: Onward) -> Onward:
    envelopes = [replace(one, recipients=one.recipients[1:]) for one in onward.envelopes]
    return replace(onward, envelopes=tuple(envelopes))


def _writes(old: bytes, new: bytes) -> Fake:
    return lambda onward: replace(onward, content=onward.content.replace(old, new))


def _speaks_as_somebody(onward: Onward) -> Onward:
    return replace(onward, envelopes=tuple(replace(one, return_path="eve@mallory.example") for one in onward.envelopes))


LIARS: dict[str, tuple[str, Fake, str]] = {
    "a list that forgets a member": (STORIES["a list with a footer"], _forgets_a_member, "delivered"),
    "a list that writes more below the text": (
        STORIES["a list with a footer"],
        _writes(b"The team", b"Buy now\r\nThe team"),
        "its text is not what was sent",
    ),
    "a list without its footer": (STORIES["a list with a footer"], _writes(b"The team", b""), "its text is not"),
    "a list that writes another subject": (
        STORIES["a list with a footer, a tag, and its own From"],
        _writes(b"Lunch", b"Dinner"),
        "subject is gone or changed",
    ),
    "a list that lets somebody else speak": (
        STORIES["a list with a footer, a tag, and its own From"],
        _writes(b"<team@lists.example>\r\nTo", b"<eve@mallory.example>\r\nTo"),
        "from is gone or changed",
    ),
    "a forwarder with another sender": (STORIES["srs"], _speaks_as_somebody, "its envelope sender is"),
    "a forwarder that drops a field": (STORIES["srs"], _writes(b"Subject", b"Topic"), "subject is gone or changed"),
    "a forwarder with another text": (STORIES["seven bits"], _writes(b"Sch=C3=B6ne", b"Liebe"), "its text is not"),
}


@pytest.mark.parametrize(("text", "fake", "said"), LIARS.values(), ids=LIARS)
def test_whatever_else_differs_is_red(
    text: str, fake: Fake, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onward = Forwarding.onward
    monkeypatch.setattr(Forwarding, "onward", lambda *all_: fake(onward(*all_)))
    outcome = play(parse(f"title: A lie\n{text}"), tmp_path)
    assert outcome.result is Result.FAILED
    assert said in why(outcome)


def _carried_last(outcome: Outcome) -> bytes:
    assert outcome.analysis is not None
    return [mail.octets for mail in mail_objects(outcome.analysis) if mail.direction == "to server"][-1]


def _signed(how: str, folder: Path) -> tuple[bytes, str]:
    """A message as a lab's relay has signed it, and the record of its key."""
    text = f"title: Signed\nhosts: {{crepes.fr: {{dkim: {how}}}}}\nsteps: [{{send: {{to: bob@someschool.edu}}}}]\n"
    scenario = parse(text + "expect: [{delivered: {to: bob@someschool.edu}}]\n")
    relay = scenario.hosts["crepes.fr"]
    assert isinstance(relay, RelaySpec)
    assert relay.dkim is not None
    message = _carried_last(play(scenario, folder))
    return message, key_record(relay.dkim, "crepes.fr", scenario.seed).replace('" "', "").strip('"')


HOW = [
    "true",
    "{key: rsa, bits: 1024, canonicalization: simple/simple}",
    "{length: true, expires: 5d, oversign: [From, To]}",
]


@pytest.mark.parametrize("how", HOW)
def test_others_verify_what_a_relay_signs(how: str, tmp_path: Path) -> None:
    message, record = _signed(how, tmp_path)
    (ours,) = dkim.verify(message, lambda name, kind: Answer("found", (record,)))
    assert (ours.result, ours.domain) == ("pass", "crepes.fr"), ours.reason
    if "rsa" in how:  # for Ed25519 it wants another library
        assert dkimpy.verify(message, dnsfunc=lambda name, timeout=5: record.encode())
    program = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
    if program is not None:
        (tmp_path / "dns").write_text(f"s1._domainkey.crepes.fr {record}\n")
        (tmp_path / "conf").write_text(f"TestDNSData {tmp_path}/dns\nMode v\n")
        (tmp_path / "message").write_bytes(message)
        command = [program, "-x", str(tmp_path / "conf"), "-t", str(tmp_path / "message"), "-v"]
        assert b"succeeded" in subprocess.run(command, capture_output=True, check=True, timeout=300).stdout


SEALED = """
hosts:
  alice.crepes.fr: {address: alice@crepes.fr, server: crepes.fr}
  crepes.fr: {mailboxes: [alice], dkim: true}
  forwarder.example:
    dkim: {key: rsa, bits: 1024}
    forward: {bob: {to: bob@second.example, arc: true, seven_bit: true}}
  second.example:
    dkim: {key: rsa, bits: 1024}
    lists: {bob: {members: [bob@someschool.edu], footer: "Second hand", arc: true}}
  someschool.edu: {checks: [arc]}
steps: [{send: {to: bob@forwarder.example, body: "Schöne Grüße"}}]
expect:
  - authenticated: {to: bob@someschool.edu, arc: pass}
"""


def test_others_verify_the_seals_of_a_forwarder_and_a_list(tmp_path: Path) -> None:
    scenario = parse(f"title: Sealed twice\n{SEALED}")
    outcome = play(scenario, tmp_path)
    assert outcome.result is Result.HELD, why(outcome)
    records = {}
    for name in ("forwarder.example", "second.example"):
        relay = scenario.hosts[name]
        assert isinstance(relay, RelaySpec)
        assert relay.dkim is not None
        records[relay.dkim.place(name)] = key_record(relay.dkim, name, scenario.seed).strip('"').encode()

    def asked(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")]

    state, sets, reason = dkimpy.arc_verify(_carried_last(outcome), dnsfunc=asked)
    assert (state, len(sets)) == (b"pass", 2), reason

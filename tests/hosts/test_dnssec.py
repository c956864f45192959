"""Zones that a lab's name server signs, and what validators other than it make of them (RFC 4035, RFC 8914)."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.dnssec
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from testbed.hosts.dns.name_server import respond
from testbed.hosts.zone_script import ZoneScript
from testbed.scenario.faults import ZoneFault
from tests.hosts.signed import served, signed_zone
from tests.patience import HANG_S

ZONE = signed_zone()
QUESTIONS = {
    "someschool.edu MX": "NOERROR",
    "someschool.edu TXT": "NOERROR",
    "someschool.edu DNSKEY": "NOERROR",
    "someschool.edu DS": "NOERROR",
    "someschool.edu SOA": "NOERROR",
    "someschool.edu TLSA": "NOERROR",
    "www.someschool.edu A": "NOERROR",
    "_25._tcp.mx1.someschool.edu TLSA": "NOERROR",
    "_tcp.mx1.someschool.edu TLSA": "NOERROR",
    "mx1.someschool.edu DS": "NOERROR",
    "a.b.pool.someschool.edu TXT": "NOERROR",
    "a.pool.someschool.edu MX": "NOERROR",
    "gone.someschool.edu A": "NXDOMAIN",
    "a.gone.someschool.edu A": "NXDOMAIN",
    "edu A": "NOERROR",
    "edu DS": "NOERROR",
    "gone.example MX": "NXDOMAIN",
    "zz A": "NXDOMAIN",
    "20.0.0.127.in-addr.arpa PTR": "NOERROR",
    "20.0.0.127.bl.example A": "NOERROR",
    "30.0.0.127.bl.example A": "NXDOMAIN",
}


def ask(question: str, *faults: dict[str, object], **options: object) -> dns.message.Message:
    name, kind = question.split()
    script = ZoneScript([ZoneFault(**fault) for fault in faults])
    wire = respond(ZONE, dns.message.make_query(name, kind, **options).to_wire(), script=script)
    assert wire is not None
    return dns.message.from_wire(wire)


def keys(zone: dns.name.Name, *faults: dict[str, object]) -> dict[dns.name.Name, dns.rrset.RRset]:
    found = ask(f"{zone} DNSKEY", *faults, want_dnssec=True, flags=dns.flags.CD)
    return {zone: found.find_rrset(found.answer, zone, dns.rdataclass.IN, dns.rdatatype.DNSKEY)}


def validate(response: dns.message.Message, *faults: dict[str, object]) -> None:
    """Raises what dnspython raises where a signature does not fit, or is not there."""
    for section in (response.answer, response.authority):
        plain = [rrset for rrset in section if rrset.rdtype != dns.rdatatype.RRSIG]
        for rrset in plain:
            signature = response.find_rrset(
                section, rrset.name, rrset.rdclass, dns.rdatatype.RRSIG, covers=rrset.rdtype
            )
            dns.dnssec.validate(rrset, signature, keys(signature[0].signer, *faults))


@pytest.mark.parametrize(("question", "rcode"), QUESTIONS.items())
def test_every_record_and_every_denial_is_signed(question: str, rcode: str) -> None:
    response = ask(question, want_dnssec=True)
    assert dns.rcode.to_text(response.rcode()) == rcode
    assert response.flags & dns.flags.AD
    assert response.ednsflags & dns.flags.DO
    assert any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in (*response.answer, *response.authority))
    validate(response)


@pytest.mark.parametrize(
    ("options", "authentic"),
    [
        ({}, False),
        ({"flags": dns.flags.AD}, True),
        ({"want_dnssec": True}, True),
        ({"flags": dns.flags.AD | dns.flags.CD}, False),
    ],
    ids=["neither", "AD", "DO", "AD and CD"],
)
def test_the_ad_bit_is_for_who_says_that_he_can_read_it(options: dict[str, object], authentic: bool) -> None:
    response = ask("someschool.edu MX", **options)
    assert bool(response.flags & dns.flags.AD) == authentic
    signed = any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in response.answer)
    assert signed == ("want_dnssec" in options)


@pytest.mark.parametrize(("answer", "code"), [("bogus", 6), ("expired", 7)])
def test_what_does_not_bear_examination_is_refused_with_the_reason(answer: str, code: int) -> None:
    fault = {"zone": "someschool.edu", "answer": answer}
    response = ask("someschool.edu MX", fault, want_dnssec=True)
    assert dns.rcode.to_text(response.rcode()) == "SERVFAIL"
    [option] = response.options
    assert isinstance(option, dns.edns.EDEOption)
    assert option.code == code
    assert not response.answer
    assert dns.rcode.to_text(ask("someschool.edu MX", fault).rcode()) == "SERVFAIL"

    unchecked = ask("someschool.edu MX", fault, want_dnssec=True, flags=dns.flags.CD)
    assert dns.rcode.to_text(unchecked.rcode()) == "NOERROR"
    with pytest.raises(dns.exception.ValidationFailure):
        validate(unchecked, fault)
    assert ask("crepes.fr MX", fault, want_dnssec=True).flags & dns.flags.AD


def test_a_zone_whose_ds_is_missing_is_insecure() -> None:
    fault = {"zone": "someschool.edu", "answer": "missing-ds"}
    response = ask("someschool.edu MX", fault, want_dnssec=True)
    assert dns.rcode.to_text(response.rcode()) == "NOERROR"
    assert not response.flags & dns.flags.AD
    missing = ask("someschool.edu DS", fault, want_dnssec=True)
    [denial] = [rrset for rrset in missing.authority if rrset.rdtype == dns.rdatatype.NSEC]
    assert denial.to_text().split()[5:] == ["NS", "RRSIG", "NSEC"]
    validate(missing, fault)


UNBOUND = shutil.which("unbound") or "/usr/sbin/unbound"


@contextlib.contextmanager
def unbound(folder: Path, upstream: int) -> Iterator[int]:
    """The port of a validating resolver of others, which asks the lab's name server and trusts its root."""
    anchor = ask(". DNSKEY", want_dnssec=True).answer[0].to_text()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    configuration = f"""
server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-not-query-localhost: no
  local-zone: "127.in-addr.arpa." nodefault
  module-config: "validator iterator"
  trust-anchor: "{anchor}"
  aggressive-nsec: no
  ede: yes
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""
    (folder / "unbound.conf").write_text(configuration)
    with subprocess.Popen([UNBOUND, "-d", "-c", folder / "unbound.conf"], stderr=subprocess.PIPE) as process:
        try:
            for line in iter(process.stderr.readline if process.stderr else bytes, b""):
                if b"start of service" in line:
                    break
            yield port
        finally:
            process.kill()


def asked(port: int, question: str) -> dns.message.Message:
    name, kind = question.split()
    return dns.query.udp(dns.message.make_query(name, kind, want_dnssec=True), "127.0.0.1", HANG_S, port)


@pytest.mark.skipif(not Path(UNBOUND).exists(), reason="unbound is not installed")
def test_unbound_finds_everything_authentic(tmp_path: Path) -> None:
    with served() as upstream, unbound(tmp_path, upstream) as port:
        said = {question: asked(port, question) for question in QUESTIONS}
    assert {question: dns.rcode.to_text(response.rcode()) for question, response in said.items()} == QUESTIONS
    assert [question for question, response in said.items() if not response.flags & dns.flags.AD] == []


@pytest.mark.skipif(not Path(UNBOUND).exists(), reason="unbound is not installed")
@pytest.mark.parametrize(
    ("answer", "rcode"), [("bogus", "SERVFAIL"), ("expired", "SERVFAIL"), ("missing-ds", "NOERROR")]
)
def test_unbound_says_of_a_flaw_what_the_lab_says(tmp_path: Path, answer: str, rcode: str) -> None:
    fault = {"zone": "someschool.edu", "answer": answer}
    with served(fault) as upstream, unbound(tmp_path, upstream) as port:
        theirs, others = asked(port, "someschool.edu MX"), asked(port, "crepes.fr MX")
    ours = ask("someschool.edu MX", fault, want_dnssec=True)
    assert dns.rcode.to_text(theirs.rcode()) == dns.rcode.to_text(ours.rcode()) == rcode
    assert not theirs.flags & dns.flags.AD
    assert not ours.flags & dns.flags.AD
    assert others.flags & dns.flags.AD

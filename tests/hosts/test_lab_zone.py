"""What the lab's name server publishes of a scenario."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest

from testbed.hosts.dns.lab_zone import lab_zone
from testbed.hosts.dns.name_server import respond
from testbed.scenario.load import parse

SCENARIO = """\
title: T
ip: both
hosts:
  crepes.fr: {ptr: [mail.crepes.fr, other.crepes.fr]}
  alice.crepes.fr: {ptr: none}
  ns.lab:
    blocklists:
      bl.example: [crepes.fr, 192.0.2.7, 2001:db8::1]
      all.example: all
      codes.example: {someschool.edu: '127.0.0.4 A "bad" one'}
    records:
      crepes.fr: |
        @        MX   5 mx
        mx       A    crepes.fr
                 AAAA crepes.fr
        @        TXT  "v=spf1 ip4:{ipv4:crepes.fr} ip6:{address:crepes.fr} -all"
        *.pool   TXT  "anything"
        www      A    192.0.2.7
        in.pool  A    192.0.2.5
        big      TXT  BIG
                 TXT  BIG "more"
        less     TXT  BIG
      someschool.edu:
        - "@ 5 CNAME www.crepes.fr."
steps:
  - send: {to: bob@someschool.edu}
expect:
  - delivered: {to: bob@someschool.edu}
""".replace("BIG", " ".join(['"' + "x" * 255 + '"'] * 255))
ADDRESSES = {
    "ns.lab": ("fd00::53", "127.0.0.53"),
    "alice.crepes.fr": ("fd00::10", "127.0.0.10"),
    "crepes.fr": ("fd00::20", "127.0.0.20"),
    "someschool.edu": ("fd00::30", "127.0.0.30"),
}
ZONE = lab_zone(parse(SCENARIO), ADDRESSES)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("crepes.fr A", ["127.0.0.20"]),
        ("crepes.fr AAAA", ["fd00::20"]),
        ("crepes.fr MX", ["5 mx.crepes.fr."]),
        ("mx.crepes.fr A", ["127.0.0.20"]),
        ("mx.crepes.fr AAAA", ["fd00::20"]),
        ("crepes.fr TXT", ['"v=spf1 ip4:127.0.0.20 ip6:fd00::20 -all"']),
        ("53.0.0.127.in-addr.arpa PTR", ["ns.lab."]),
        ("20.0.0.127.in-addr.arpa PTR", ["mail.crepes.fr.", "other.crepes.fr."]),
        ("10.0.0.127.in-addr.arpa PTR", "NXDOMAIN"),
        ("someschool.edu MX", ["www.crepes.fr."]),
        ("someschool.edu A", ["www.crepes.fr.", "192.0.2.7"]),
        ("a.pool.crepes.fr TXT", ['"anything"']),  # RFC 4592 §2.2.1: a wildcard
        ("a.b.pool.crepes.fr TXT", ['"anything"']),
        ("a.pool.crepes.fr A", []),
        ("in.pool.crepes.fr TXT", []),
        ("a.in.pool.crepes.fr TXT", "NXDOMAIN"),
        ("pool.crepes.fr TXT", []),
        ("2.0.0.127.bl.example A", ["127.0.0.2"]),  # RFC 5782 §5: one that is always listed, one that never is
        ("1.0.0.127.bl.example A", "NXDOMAIN"),
        ("20.0.0.127.bl.example A", ["127.0.0.2"]),
        ("0.2.0.0" + ".0" * 26 + ".d.f.bl.example A", ["127.0.0.2"]),
        ("7.2.0.192.bl.example TXT", ['"192.0.2.7 is listed by bl.example"']),
        ("30.0.0.127.bl.example A", "NXDOMAIN"),
        ("1.0.0.127.all.example A", ["127.0.0.2"]),
        ("30.0.0.127.codes.example A", ["127.0.0.4"]),
        ("30.0.0.127.codes.example TXT", ['"A \\"bad\\" one"']),
        ("less.crepes.fr TXT", [" ".join(['"' + "x" * 255 + '"'] * 255)]),
        ("big.crepes.fr TXT", "SERVFAIL"),  # no message can hold it
    ],
)
def test_answers(question: str, said: list[str] | str) -> None:
    name, kind = question.split()
    query = dns.message.make_query(name, kind)
    wire = respond(ZONE, query.to_wire())
    assert wire is not None
    response = dns.message.from_wire(wire)
    records = [rdata.to_text() for rrset in response.answer for rdata in rrset]
    rcode = dns.rcode.to_text(response.rcode())
    assert (records if rcode == "NOERROR" else rcode) == said
    assert all(rrset.name == query.question[0].name for rrset in response.answer[:1])

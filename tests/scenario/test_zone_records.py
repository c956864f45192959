"""What is wrong with the records a scenario has published, and where."""

from __future__ import annotations

import pytest

from tests.scenario.test_load_errors import fault, hosts, problems

FORM = 'records are lines of a zone file, such as: crepes.fr TXT "v=spf1 mx -all"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (hosts("ns.lab: {records: 5}"), [f"7:21: {FORM}"]),
        (hosts("ns.lab: {records: {crepes.fr: {a: b}}}"), [f"7:21: {FORM}"]),
        (hosts("ns.lab: {records: [{a: b}]}"), [f"7:21: {FORM}"]),
        (
            hosts('ns.lab: {records: ["a A 192.0.2.1\\nb A 192.0.2.2"]}'),
            ["7:21: a record over several lines goes into a text: write | behind the key, and the lines below it"],
        ),
        (
            hosts("ns.lab:", "  records:", "  - a.edu MX 10 b", "  - a.edu A crepe.fr", "  - a.edu AAAA crepes.fr"),
            [
                "10:7: A needs an address or a host of the lab, not 'crepe.fr' (did you mean 'crepes.fr'?)",
                "11:7: crepes.fr has no such address in this lab; say 'ip: both'",
            ],
        ),
        (
            hosts("ns.lab:", "  records: |", "    a A crepes.fr", '    b TXT "ip4:{address:x.fr}"', "    c MX b"),
            [
                "10:7: {address:x.fr} needs an address or a host of the lab, not 'x.fr'",
                "11:7: this is no MX record: expecting an integer; write e.g. MX 10 mx1.someschool.edu.",
            ],
        ),
        (
            hosts(
                "ns.lab:",
                "  records:",
                "    a.edu: |",
                "      @ MX 10 b",
                "",
                "      www CNAME b",
                "      www A ns.lab",
            ),
            ["12:9: www.a.edu. has a CNAME and other records, which no name may have (RFC 1034 §3.6.2)"],
        ),
        (
            hosts("ns.lab:", "  records: |", *["    a A 192.0.2.1"] * 10_001),
            ["8:14: 10,001 records are too many; a lab's name server has 10,000 at most"],
        ),
        (
            hosts("ns.lab: {command: ./mine, records: [a A 192.0.2.1]}", "crepes.fr: {ptr: none}"),
            [
                "7:38: ns.lab is a program, and 'records' is for the lab's own hosts; say it in its configuration",
                "8:20: the name server is a program with answers of its own; configure them there",
            ],
        ),
        (
            hosts("ns.lab: {blocklists: {bl.example: [crepe.fr, 192.0.2.7]}}"),
            ["7:37: listed are hosts of the lab, addresses, or all, not 'crepe.fr' (did you mean 'crepes.fr'?)"],
        ),
        (
            hosts("ns.lab: {blocklists: {bl.example: {crepes.fr: Spam}}}"),
            ["7:49: 'Spam' is not a code of a block list; write e.g. 127.0.0.2, and a text behind it"],
        ),
        (
            fault("{zone: someschool.edu, answer: bogus}"),
            ["7:36: 'bogus' is about signed zones; say 'dnssec: true' of the name server"],
        ),
        (
            hosts("ns.lab: {dnssec: true}").replace(
                "steps:", "faults: [{zone: alice.crepes.fr, answer: missing-ds}]\nsteps:"
            ),
            [
                "2:17: no zone begins at 'alice.crepes.fr', so no DS record can be missing; zones begin at crepes.fr, "
                "someschool.edu"
            ],
        ),
        (
            fault("{zone: _dmarc.crepe.fr, answer: SERVFAIL}"),
            ["7:12: nobody asks for '_dmarc.crepe.fr' (did you mean 'alice.crepes.fr'?)"],
        ),
        (
            fault("{zone: _dmarc.crepes.fr, records: [TXT v=DMARC1, A crepe.fr]}"),
            ["7:54: A needs an address or a host of the lab, not 'crepe.fr' (did you mean 'crepes.fr'?)"],
        ),
        (
            hosts("crepes.fr: {ptr: [crepes.fr, a b]}"),
            ["7:32: 'a b' is not a host name: letters, digits, hyphens and dots; or 'none'"],
        ),
    ],
)
def test_mistakes(text: str, said: list[str]) -> None:
    assert problems(text) == said

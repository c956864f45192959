"""Where mail for a domain goes (RFC 5321 §5.1), asked of a real name server; RFC 7505 for the null MX."""

from __future__ import annotations

import pytest

from testbed.hosts.queue.routing import Hop, Route, Router
from tests.hosts.names import ASKER, names

ME = "relay.crepes.fr"
HOSTS = [
    "a.lab A 127.0.0.11",
    "b.lab A 127.0.0.12",
    "c.lab A 127.0.0.13",
    "dual.lab A 127.0.0.14",
    "dual.lab AAAA fd00::14",
    "also-a.lab CNAME a.lab.",
    "circle.lab CNAME circle.lab.",
    "127.0.0.11 A 127.0.0.11",
    f"{ME} A {ASKER}",
    f"also-me.lab A {ASKER}",
]

ROUTES: dict[str, tuple[list[str], list[str] | str]] = {
    "the only MX": (["MX 10 a.lab."], ["a.lab"]),
    "the lowest preference first": (["MX 20 b.lab.", "MX 5 c.lab.", "MX 10 a.lab."], ["c.lab", "a.lab", "b.lab"]),
    "no MX: the domain itself is the host": (["A 127.0.0.20"], ["x.edu"]),
    "an MX without address: the domain's own does not count": (["MX 10 empty.lab.", "A 127.0.0.20"], "5.4.4"),
    "an MX that does not exist": (["MX 10 gone.lab."], "5.4.4"),
    "an MX that does not exist, and one that does": (["MX 10 gone.lab.", "MX 20 a.lab."], ["a.lab"]),
    "neither MX nor address": (["TXT hello"], "5.1.2"),
    "no such domain": ([], "5.1.2"),
    "null MX": (["MX 0 ."], "5.1.10"),
    "null MX and an address": (["MX 0 .", "A 127.0.0.20"], "5.1.10"),
    "null MX beside another, which it may not be": (["MX 0 .", "MX 10 a.lab."], ["a.lab"]),
    "the domain is an alias": (["CNAME y.edu."], ["b.lab"]),
    "the domain is an alias of itself": (["CNAME x.edu."], "5.4.4"),
    "the domain is an alias of nothing": (["CNAME gone.lab."], "5.1.2"),
    "an MX that is an alias": (["MX 10 also-a.lab."], ["also-a.lab"]),
    "an MX that is an alias of itself": (["MX 10 circle.lab."], "5.4.4"),
    "an MX written as an address": (["MX 10 127.0.0.11."], "5.4.4"),
    "an MX written as an address, and a host": (["MX 10 127.0.0.11.", "MX 20 a.lab."], ["a.lab"]),
    "this relay is one: only better ones": (["MX 10 a.lab.", f"MX 20 {ME}.", "MX 30 b.lab."], ["a.lab"]),
    "this relay is one, in capitals": (["MX 10 a.lab.", f"MX 20 {ME.upper()}.", "MX 30 b.lab."], ["a.lab"]),
    "this relay and another are equal": (["MX 10 a.lab.", "MX 20 b.lab.", f"MX 20 {ME}."], ["a.lab"]),
    "this relay is the best": ([f"MX 10 {ME}.", "MX 20 a.lab."], "5.4.6"),
    "this relay is one of the best": ([f"MX 10 {ME}.", "MX 10 a.lab."], "5.4.6"),
    "this relay under another name": (["MX 10 a.lab.", "MX 20 also-me.lab.", "MX 30 b.lab."], ["a.lab"]),
    "this relay is the best, under another name": (["MX 10 also-me.lab.", "MX 20 a.lab."], "5.4.6"),
    "this relay is better than those that cannot be found": (["MX 10 gone.lab.", f"MX 20 {ME}."], "5.4.6"),
    "the domain itself is this relay": ([f"A {ASKER}"], "5.4.6"),
}


def routed(
    records: list[str], *faults: dict[str, object], seed: int = 0, families: tuple[str, ...] = ("A",), me: str = ME
) -> Route:
    """The route for x.edu, which holds these records."""
    zone = [*HOSTS, "y.edu MX 10 b.lab.", *(f"x.edu {record}" for record in records)]
    with names(zone, *faults, also=("empty.lab",)) as there:
        router = Router(there.resolver, me, (ASKER,), families, seed)
        return there.run(lambda: router.route("x.edu"))[0]


def short(route: Route) -> list[str] | str:
    return [hop.host for hop in route.hops] or route.status


@pytest.mark.parametrize(("records", "expected"), ROUTES.values(), ids=ROUTES)
def test_route(records: list[str], expected: list[str] | str) -> None:
    route = routed(records)
    assert short(route) == expected
    assert bool(route.hops) != bool(route.reason)
    assert route.code == (556 if expected == "5.1.10" else 0)  # the only one that an RFC names (RFC 7504 §4)


@pytest.mark.parametrize(("name", "me"), [("also-me.lab", ME), ("empty.lab", "empty.lab")])
def test_equals_of_this_relay_go_with_it(name: str, me: str) -> None:
    """Whether it is known by an address or by its name alone, and whichever of the equals comes first."""
    records = ["MX 10 a.lab.", "MX 20 b.lab.", f"MX 20 {name}."]
    assert [short(routed(records, seed=seed, me=me)) for seed in range(6)] == [["a.lab"]] * 6


A_AND_B = ["MX 10 a.lab.", "MX 20 b.lab."]
TROUBLE: dict[str, tuple[list[str], dict[str, object], list[str] | str]] = {
    "SERVFAIL for the domain": (A_AND_B, {"zone": "x.edu", "answer": "SERVFAIL"}, "4.4.3"),
    "REFUSED for the domain": (A_AND_B, {"zone": "x.edu", "answer": "REFUSED"}, "4.4.3"),
    "silence about the domain": (A_AND_B, {"zone": "x.edu", "answer": "silent"}, "4.4.3"),
    "garbage about the domain": (A_AND_B, {"zone": "x.edu", "answer": "garbled"}, "4.4.3"),
    "only forged answers about the domain": (A_AND_B, {"zone": "x.edu", "answer": "wrong-id"}, "4.4.3"),
    "a truncated answer": (A_AND_B, {"zone": "x.edu", "answer": "truncated"}, ["a.lab", "b.lab"]),
    "SERVFAIL for the MX, whatever address the domain has": (
        ["A 127.0.0.20"],
        {"zone": "x.edu", "answer": "SERVFAIL", "kind": "MX"},
        "4.4.3",
    ),
    "SERVFAIL for the best host": (A_AND_B, {"zone": "a.lab", "answer": "SERVFAIL"}, ["b.lab"]),
    "SERVFAIL for every host": (A_AND_B, {"zone": "lab", "answer": "SERVFAIL"}, "4.4.3"),
    "SERVFAIL for the only host, and one that does not exist": (
        ["MX 10 a.lab.", "MX 20 gone.example."],
        {"zone": "a.lab", "answer": "SERVFAIL"},
        "4.4.3",
    ),
    "SERVFAIL for the only host better than this relay": (
        ["MX 10 a.lab.", f"MX 20 {ME}."],
        {"zone": "a.lab", "answer": "SERVFAIL"},
        "4.4.3",
    ),
    "SERVFAIL for a host before this relay under another name": (
        ["MX 10 a.lab.", "MX 20 also-me.lab."],
        {"zone": "a.lab", "answer": "SERVFAIL"},
        "4.4.3",
    ),
}


@pytest.mark.parametrize(("records", "fault", "expected"), TROUBLE.values(), ids=TROUBLE)
def test_what_is_not_the_last_word_waits(
    records: list[str], fault: dict[str, object], expected: list[str] | str
) -> None:
    assert short(routed(records, fault)) == expected


def test_equals_are_tried_in_any_order_but_the_same_for_the_same_seed() -> None:
    """RFC 5321 §5.1: "the sender-SMTP MUST randomize them to spread the load"."""
    records = ["MX 10 a.lab.", "MX 10 b.lab.", "MX 10 c.lab.", "MX 5 dual.lab."]
    orders = [tuple(hop.host for hop in routed(records, seed=seed).hops) for seed in range(40)]
    assert {order[0] for order in orders} == {"dual.lab"}
    assert len(set(orders)) == 6
    assert orders[:3] == [tuple(hop.host for hop in routed(records, seed=seed).hops) for seed in range(3)]


@pytest.mark.parametrize(
    ("families", "fault", "addresses"),
    [
        (("A",), None, ("127.0.0.14",)),
        (("AAAA",), None, ("fd00::14",)),
        (("AAAA", "A"), None, ("fd00::14", "127.0.0.14")),
        (("AAAA", "A"), {"zone": "dual.lab", "kind": "AAAA", "answer": "SERVFAIL"}, ("127.0.0.14",)),
    ],
)
def test_addresses_of_the_preferred_family_come_first(
    families: tuple[str, ...], fault: dict[str, object] | None, addresses: tuple[str, ...]
) -> None:
    route = routed(["MX 10 dual.lab."], *([fault] if fault else []), families=families)
    assert route.hops == (Hop("dual.lab", 10, addresses),)

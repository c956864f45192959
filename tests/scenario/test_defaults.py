"""What a scenario need not say."""

import pytest

from testbed.scenario.hosts import MailHostSpec, ReceiverSpec, RelaySpec, UserAgentSpec
from testbed.scenario.load import parse
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.problems import ScenarioError

S = 1_000_000_000
H, D = 3_600 * S, 86_400 * S


def scenario(hosts="", send="{to: bob@someschool.edu}", expect="delivered: {to: bob@someschool.edu}"):
    return parse(f"title: T\nsteps:\n  - send: {send}\nexpect:\n  - {expect}\n" + (f"hosts:\n{hosts}" if hosts else ""))


def roles(found):
    return {name: host.role for name, host in found.hosts.items()}


TEXTBOOK = {
    "alice.crepes.fr": "user-agent",
    "crepes.fr": "relay",
    "someschool.edu": "receiver",
    "ns.lab": "name-server",
}


def test_the_textbook_is_the_lab():
    hosts = scenario().hosts
    assert list(hosts) == list(TEXTBOOK)
    alice, relay, receiver, names = hosts.values()
    assert isinstance(alice, UserAgentSpec)
    assert (alice.address, alice.server, alice.port) == ("alice@crepes.fr", "crepes.fr", 587)
    assert isinstance(relay, RelaySpec)
    assert (relay.domain, relay.mx, list(relay.mailboxes)) == ("crepes.fr", 10, ["alice"])
    assert relay.retry == (H // 2, H, 2 * H, 4 * H)
    assert relay.give_up == 5 * D
    assert isinstance(receiver, ReceiverSpec)
    assert (receiver.domain, receiver.mx, list(receiver.mailboxes)) == ("someschool.edu", 10, ["bob"])
    assert (receiver.mailboxes["bob"].quota, receiver.mailboxes["bob"].filled) == (None, 0)
    assert isinstance(names, NameServerSpec)


@pytest.mark.parametrize("hosts", ["  crepes.fr:\n", "  crepes.fr: {}\n", "  crepes.fr: {role: relay}\n"])
def test_a_textbook_host_named_without_anything_new_is_itself(hosts):
    assert scenario(hosts).hosts == scenario().hosts


def test_what_the_file_says_goes_over_the_textbook_host_and_the_rest_stays():
    relay = scenario("  crepes.fr: {retry: 10m}\n").hosts["crepes.fr"]
    assert isinstance(relay, RelaySpec)
    assert relay.retry == (600 * S,)
    assert list(relay.mailboxes) == ["alice"]


def test_mailboxes_given_replace_the_textbook_ones():
    host = scenario(
        "  someschool.edu: {mailboxes: [carol]}\n",
        send="{to: carol@someschool.edu}",
        expect="delivered: {to: carol@someschool.edu}",
    ).hosts["someschool.edu"]
    assert isinstance(host, MailHostSpec)
    assert list(host.mailboxes) == ["carol"]


def test_a_textbook_host_of_another_role_takes_nothing_from_the_textbook():
    found = scenario("  someschool.edu: {role: relay, mailboxes: [bob]}\n")
    assert isinstance(found.hosts["someschool.edu"], RelaySpec)


def test_two_mx_replace_the_receiver_of_the_domain():
    found = scenario(
        "  mx1.someschool.edu: {domain: someschool.edu, mx: 10, mailboxes: []}\n"
        "  mx2.someschool.edu: {domain: someschool.edu, mx: 20, mailboxes: [bob]}\n"
    )
    assert list(found.hosts) == [
        "alice.crepes.fr",
        "crepes.fr",
        "ns.lab",
        "mx1.someschool.edu",
        "mx2.someschool.edu",
    ]


REPLACED = {
    "another relay of the domain": (
        "  mail.crepes.fr: {role: relay, domain: crepes.fr, mailboxes: [alice]}\n"
        "  alice.crepes.fr: {server: mail.crepes.fr}\n",
        "crepes.fr",
    ),
    "another program of Alice": ("  phone: {address: alice@crepes.fr, server: crepes.fr}\n", "alice.crepes.fr"),
    "another name server": ("  dns: {role: name-server}\n", "ns.lab"),
    "another receiver": ("  mx: {domain: someschool.edu, mailboxes: [bob]}\n", "someschool.edu"),
}


@pytest.mark.parametrize("name", REPLACED)
def test_a_textbook_host_gives_way(name):
    hosts, gone = REPLACED[name]
    assert set(TEXTBOOK) - set(scenario(hosts).hosts) == {gone}


KEPT = {
    "a relay of another domain": "  relay.example: {role: relay}\n",
    "a receiver of another domain": "  other.example: {mailboxes: [x]}\n",
    "a receiver in place of a relay": "  x.crepes.fr: {role: receiver, domain: crepes.fr}\n",
}


@pytest.mark.parametrize("name", KEPT)
def test_the_textbook_stays(name):
    assert list(scenario(KEPT[name]).hosts)[:4] == list(TEXTBOOK)


INFERRED = {
    "mailboxes: [x]": "receiver",
    "mx: 5": "receiver",
    "domain: x.example": "receiver",
    "retry: 5m": "relay",
    "give_up: 1d": "relay",
    "mailboxes: [x], retry: 5m": "relay",
    "address: x@y.example, server: crepes.fr": "user-agent",
    "role: relay, mailboxes: [x]": "relay",
}


@pytest.mark.parametrize("keys", INFERRED)
def test_the_role_is_told_by_the_keys(keys):
    found = scenario(f"  new.example: {{{keys}}}\n", send="{from: alice@crepes.fr, to: bob@someschool.edu}")
    assert roles(found) == {**TEXTBOOK, "new.example": INFERRED[keys]}


def test_a_mail_host_serves_the_domain_of_its_own_name():
    host = scenario("  new.example: {mailboxes: [x]}\n").hosts["new.example"]
    assert isinstance(host, MailHostSpec)
    assert host.domain == "new.example"


@pytest.mark.parametrize("mailboxes", ["[a, b]", "{a: {}, b: {}}", "{a: , b: }", "{a: {quota: 5 KB}, b: }"])
def test_mailboxes_may_be_a_list_or_a_mapping(mailboxes):
    host = scenario(f"  new.example: {{mailboxes: {mailboxes}}}\n").hosts["new.example"]
    assert isinstance(host, MailHostSpec)
    assert list(host.mailboxes) == ["a", "b"]


def test_the_one_user_agent_sends():
    step = scenario().steps[0]
    assert step.sender == "alice@crepes.fr"
    assert step.recipients == ("bob@someschool.edu",)
    assert (step.subject, step.body, step.size) == ("Hello", "Hello from the lab.", None)


def test_a_sender_said_is_the_sender():
    hosts = "  carol: {address: carol@crepes.fr, server: crepes.fr}\n"
    found = scenario(hosts, send="{from: carol@crepes.fr, to: bob@someschool.edu}")
    assert found.steps[0].sender == "carol@crepes.fr"
    with pytest.raises(ScenarioError, match="say 'from': the lab has 2 user agents"):
        scenario(hosts)


def test_a_via_is_enough_to_tell_who_sends():
    hosts = "  carol: {address: carol@crepes.fr, server: crepes.fr}\n"
    found = scenario(hosts, send="{via: carol, to: bob@someschool.edu}")
    assert (found.steps[0].via, found.steps[0].sender) == ("carol", "carol@crepes.fr")


def test_via_the_only_agent_is_no_different():
    found = scenario(send="{via: alice.crepes.fr, to: bob@someschool.edu}")
    assert found.steps[0].sender == "alice@crepes.fr"


def test_a_sender_goes_before_the_owner_of_the_agent():
    found = scenario(send="{via: alice.crepes.fr, from: x@y.example, to: bob@someschool.edu}")
    assert found.steps[0].sender == "x@y.example"


def test_an_interval_alone_is_a_list_of_one():
    relay = scenario("  crepes.fr: {retry: 5m}\n").hosts["crepes.fr"]
    assert isinstance(relay, RelaySpec)
    assert relay.retry == (300 * S,)


def test_the_rest():
    found = scenario()
    assert (found.about, found.rfc, found.seed, found.ip, found.faults) == ("", "", 0, "ipv4", ())
    assert found.expect[0].copies == 1
    assert found.hosts["crepes.fr"].line == 0


@pytest.mark.parametrize("code", ["452", "'452'", "452 4.2.2"])
def test_a_reply_code_may_be_a_number(code):
    found = scenario(expect=f"reply: {{from: someschool.edu, on: RCPT, code: {code}}}")
    assert found.expect[0].code == code.strip("'")

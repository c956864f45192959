"""From what a scenario says of a host to the host itself.  A new role is one function and one row of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from testbed.hosts.name_server import NameServer
from testbed.hosts.post_office import PostOffice
from testbed.hosts.queue import Queue
from testbed.hosts.queue_runner import QueueRunner
from testbed.hosts.receiver import Receiver
from testbed.hosts.relay import Relay
from testbed.hosts.resolver import Resolver
from testbed.hosts.retry import RetrySchedule
from testbed.hosts.routing import Router
from testbed.hosts.site import Host, Site
from testbed.hosts.user_agent import UserAgent
from testbed.hosts.zone import address_kinds, lab_zone
from testbed.scenario.hosts import MailHostSpec, NameServerSpec, ReceiverSpec, RelaySpec, UserAgentSpec, WebmailSpec
from testbed.scenario.scenario import Scenario

Addresses = Mapping[str, tuple[str, ...]]


def build(scenario: Scenario, site: Site, addresses: Addresses) -> Host:
    """The host of that site.  ``addresses`` are those of every host, by name."""
    spec = scenario.hosts[site.name]
    return _BUILDERS[type(spec)](scenario, spec, site, addresses)


def _user_agent(scenario: Scenario, spec: UserAgentSpec, site: Site, addresses: Addresses) -> Host:
    return UserAgent(site, spec.server, spec.port, address_kinds(scenario))


def _relay(scenario: Scenario, spec: RelaySpec, site: Site, addresses: Addresses) -> Host:
    post_office = PostOffice(site, spec.domain, spec.mailboxes)
    router = Router(Resolver(site), site.name, address_kinds(scenario), scenario.seed)
    runner = QueueRunner(
        site, Queue(site.directory / "queue.db"), post_office, router, RetrySchedule(spec.retry, spec.give_up)
    )
    return Relay(site, post_office, runner)


def _receiver(scenario: Scenario, spec: ReceiverSpec, site: Site, addresses: Addresses) -> Host:
    return Receiver(site, PostOffice(site, spec.domain, spec.mailboxes))


def _webmail(scenario: Scenario, spec: WebmailSpec, site: Site, addresses: Addresses) -> Host:
    from testbed.hosts.webmail.host import Webmail  # 0.2 s of libraries that other labs do without

    server, relay = scenario.hosts[spec.server], spec.relay or spec.server
    assert isinstance(server, MailHostSpec)
    port = 587 if isinstance(scenario.hosts[relay], RelaySpec) else 25
    return Webmail(site, server.domain, spec.server, relay, port, address_kinds(scenario))


def _name_server(scenario: Scenario, spec: NameServerSpec, site: Site, addresses: Addresses) -> Host:
    return NameServer(site, lab_zone(scenario, addresses))


_BUILDERS: dict[type, Callable[..., Host]] = {
    UserAgentSpec: _user_agent,
    RelaySpec: _relay,
    ReceiverSpec: _receiver,
    WebmailSpec: _webmail,
    NameServerSpec: _name_server,
}

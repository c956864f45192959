"""From what a scenario says of a host to the host itself.  A new role is one function and one row of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from testbed.hosts.admission import Admission
from testbed.hosts.client import Client
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
from testbed.scenario.hosts import ClientSpec, MailHostSpec, NameServerSpec, ReceiverSpec, RelaySpec, UserAgentSpec
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
    router = Router(Resolver(site), site.name, site.addresses, address_kinds(scenario), scenario.seed)
    runner = QueueRunner(
        site, Queue(site.directory / "queue.db"), post_office, router, RetrySchedule(spec.retry, spec.give_up)
    )
    return Relay(site, post_office, runner, spec.forward, _admission(site, spec))


def _admission(site: Site, spec: MailHostSpec) -> Admission:
    return Admission(site, spec.max_hops, spec.rate_limit, spec.greylist)


def _receiver(scenario: Scenario, spec: ReceiverSpec, site: Site, addresses: Addresses) -> Host:
    post_office = PostOffice(site, spec.domain, spec.mailboxes)
    return Receiver(site, post_office, _admission(site, spec))


def _client(scenario: Scenario, spec: ClientSpec, site: Site, addresses: Addresses) -> Host:
    return Client(site)


def _name_server(scenario: Scenario, spec: NameServerSpec, site: Site, addresses: Addresses) -> Host:
    return NameServer(site, lab_zone(scenario, addresses))


_BUILDERS: dict[type, Callable[..., Host]] = {
    UserAgentSpec: _user_agent,
    RelaySpec: _relay,
    ReceiverSpec: _receiver,
    ClientSpec: _client,
    NameServerSpec: _name_server,
}

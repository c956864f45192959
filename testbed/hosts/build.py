"""From what a scenario says of a host to the host itself.  A new role is one function and one row of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from testbed.hosts.admission import Admission
from testbed.hosts.client import Client
from testbed.hosts.esmtp_commands import Terms
from testbed.hosts.mailbox_servers import MailboxServers
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
from testbed.scenario.readers import served
from testbed.scenario.scenario import Scenario

Addresses = Mapping[str, tuple[str, ...]]


def build(scenario: Scenario, site: Site, addresses: Addresses) -> Host:
    """The host of that site.  ``addresses`` are those of every host, by name."""
    spec = scenario.hosts[site.name]
    return _BUILDERS[type(spec)](scenario, spec, site, addresses)


def _user_agent(scenario: Scenario, spec: UserAgentSpec, site: Site, addresses: Addresses) -> Host:
    return UserAgent(site, spec.address, spec.server, spec.port, address_kinds(scenario))


def _relay(scenario: Scenario, spec: RelaySpec, site: Site, addresses: Addresses) -> Host:
    post_office = PostOffice(site, spec.domain, spec.mailboxes)
    schedule = RetrySchedule(spec.retry, spec.give_up, spec.warn_after)
    runner = _runner(scenario, site, post_office, schedule, spec.pipelining)
    readers = _mailbox_servers(scenario, site, post_office)
    return Relay(site, post_office, runner, spec.forward, readers, _terms(spec), _admission(site, spec))


def _receiver(scenario: Scenario, spec: ReceiverSpec, site: Site, addresses: Addresses) -> Host:
    post_office = PostOffice(site, spec.domain, spec.mailboxes)
    relay = RelaySpec.model_fields
    schedule = RetrySchedule(relay["retry"].default, relay["give_up"].default)
    runner = _runner(scenario, site, post_office, schedule)
    readers = _mailbox_servers(scenario, site, post_office)
    return Receiver(site, post_office, runner, readers, _terms(spec), _admission(site, spec))


def _mailbox_servers(scenario: Scenario, site: Site, post_office: PostOffice) -> MailboxServers:
    return MailboxServers(site, post_office, served(scenario, site.name))


def _client(scenario: Scenario, spec: ClientSpec, site: Site, addresses: Addresses) -> Host:
    return Client(site)


def _runner(
    scenario: Scenario, site: Site, post_office: PostOffice, schedule: RetrySchedule, pipelining: bool | None = None
) -> QueueRunner:
    router = Router(Resolver(site), site.name, site.addresses, address_kinds(scenario), scenario.seed)
    return QueueRunner(site, Queue(site.directory / "queue.db"), post_office, router, schedule, pipelining=pipelining)


def _terms(spec: MailHostSpec) -> Terms:
    return Terms(spec.max_message, spec.max_recipients, frozenset(spec.without))


def _admission(site: Site, spec: MailHostSpec) -> Admission:
    return Admission(site, spec.max_hops, spec.rate_limit, spec.greylist)


def _name_server(scenario: Scenario, spec: NameServerSpec, site: Site, addresses: Addresses) -> Host:
    return NameServer(site, lab_zone(scenario, addresses))


_BUILDERS: dict[type, Callable[..., Host]] = {
    UserAgentSpec: _user_agent,
    RelaySpec: _relay,
    ReceiverSpec: _receiver,
    ClientSpec: _client,
    NameServerSpec: _name_server,
}

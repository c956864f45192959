"""From what a scenario says of a host to the host itself.  A new role is one function and one row of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from testbed.hosts.client import Client
from testbed.hosts.dns.lab_zone import address_kinds, lab_zone
from testbed.hosts.dns.name_server import NameServer
from testbed.hosts.dns.resolver import Resolver
from testbed.hosts.dns.transport_records import changes
from testbed.hosts.envelope import Envelope
from testbed.hosts.forwarding.onward import Forwarding
from testbed.hosts.forwarding.own_domain import OwnDomain
from testbed.hosts.forwarding.sealing import Sealer
from testbed.hosts.mailboxes.post_office import PostOffice
from testbed.hosts.mailboxes.servers import MailboxServers
from testbed.hosts.own_reports import OwnReports
from testbed.hosts.policy_host import PolicyHost
from testbed.hosts.queue.next_hops import NextHops
from testbed.hosts.queue.retry import RetrySchedule
from testbed.hosts.queue.routing import Router
from testbed.hosts.queue.runner import QueueRunner
from testbed.hosts.queue.store import Queue
from testbed.hosts.queue.transport_policies import TransportPolicies
from testbed.hosts.receiver import Receiver
from testbed.hosts.relay import SUBMISSIONS_PORT, Relay
from testbed.hosts.sending.wanted_security import Security, Wanted
from testbed.hosts.signing_key import signing_key
from testbed.hosts.site import Host, Site
from testbed.hosts.smtp.access import Access
from testbed.hosts.smtp.admission import Admission
from testbed.hosts.smtp.commands import Terms
from testbed.hosts.smtp.judge import Judge, JudgeTerms, terms_of
from testbed.hosts.tls import LabTls
from testbed.hosts.user_agent import Account, UserAgent
from testbed.scenario.client import ClientSpec
from testbed.scenario.hosts import (
    MailHostSpec,
    ReceiverSpec,
    RelaySpec,
    UserAgentSpec,
    WebmailSpec,
)
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.next_hops import RouteSpec
from testbed.scenario.readers import served
from testbed.scenario.scenario import Scenario
from testbed.scenario.security import policy_for
from testbed.scenario.transport import exchangers_of, policy_at
from testbed.transport_security.mta_sts import StsPolicy
from testbed.transport_security.report_record import https_parts

if TYPE_CHECKING:
    from testbed.hosts.forwarding.signer import Signer

Addresses = Mapping[str, tuple[str, ...]]


def build(scenario: Scenario, site: Site, addresses: Addresses) -> Host:
    """The host of that site.  ``addresses`` are those of every host, by name."""
    spec = scenario.hosts[site.name]
    return _BUILDERS[type(spec)](scenario, spec, site, addresses)


def _user_agent(scenario: Scenario, spec: UserAgentSpec, site: Site, addresses: Addresses) -> Host:
    account = None
    if spec.server is not None:
        implicit = spec.port == SUBMISSIONS_PORT
        wanted: Wanted = "implicit" if implicit else "required" if spec.tls == "starttls" else "none"
        login = (spec.address, spec.password) if spec.password is not None else None
        account = Account(spec.server, spec.port, Security(spec.server, wanted, login))
    return UserAgent(site, spec.address, account, address_kinds(scenario), spec.retry)


def _relay(scenario: Scenario, spec: RelaySpec, site: Site, addresses: Addresses) -> Host:
    post_office = PostOffice(site, spec.domain, spec.mailboxes)
    schedule = RetrySchedule(spec.retry, spec.give_up, spec.warn_after)
    next_hops = NextHops(site, spec.reuse_connections, pipelining=spec.pipelining)
    router = _router(scenario, site, spec.routes)
    signer = _signer(scenario, spec, site)
    secret = f"{scenario.seed} {site.name}".encode()
    sealer = Sealer(signer, site.now) if signer is not None else None
    forwarding = Forwarding(post_office.domain, spec.forward, spec.lists, site.now, secret, signer, sealer)
    own_domain = OwnDomain(site, post_office, forwarding)
    signed = signer.signed if signer is not None else None

    def send(envelope: Envelope, content: bytes) -> None:
        runner.send(envelope, content)  # made below, as it notes what is reported

    reports = OwnReports(site, spec, send)
    policies = TransportPolicies(
        site, Resolver(site), address_kinds(scenario), lambda domain: policy_for(spec.tls, domain), reports.noted
    )
    runner = QueueRunner(site, _queue(site), own_domain, router, schedule, policies, next_hops, signed)
    own_domain.through(runner.enqueue)
    passwords = {
        f"{user}@{spec.domain}": mailbox.password
        for user, mailbox in spec.mailboxes.items()
        if mailbox.password is not None
    }
    access = Access(_terms(spec), _tls(spec, site), passwords, spec.auth_in_clear)
    readers = _mailbox_servers(scenario, spec, site, post_office)
    admission, judge = _admission(site, spec), _judge(site, spec, reports)
    seals = any(one.arc for one in spec.forward.values()) or any(one.arc for one in spec.lists.values())
    found_by = Judge(site, Resolver(site), JudgeTerms((), {})) if seals else None
    return Relay(site, post_office, own_domain, runner, access, readers, reports, admission, judge, signer, found_by)


def _signer(scenario: Scenario, spec: RelaySpec, site: Site) -> Signer | None:
    if spec.dkim is None:
        return None
    from testbed.hosts.forwarding.signer import Signer  # the libraries of signatures take their time

    return Signer(spec.dkim, spec.domain, signing_key(spec.dkim, spec.domain, scenario.seed), site.now)


def _receiver(scenario: Scenario, spec: ReceiverSpec, site: Site, addresses: Addresses) -> Host:
    post_office = PostOffice(site, spec.domain, spec.mailboxes)
    relay = RelaySpec.model_fields
    schedule = RetrySchedule(relay["retry"].default, relay["give_up"].default)
    runner = QueueRunner(site, _queue(site), post_office, _router(scenario, site), schedule)
    access = Access(_terms(spec), _tls(spec, site))
    readers = _mailbox_servers(scenario, spec, site, post_office)
    admission = _admission(site, spec)
    reports = OwnReports(site, spec, runner.send)
    judge = _judge(site, spec, reports)
    return Receiver(
        site,
        post_office,
        runner,
        access,
        readers,
        reports,
        admission,
        judge,
        smtp=spec.smtp,
        lmtp=spec.lmtp,
        policy_host=_policy_host(scenario, spec, site),
    )


def _policy_host(scenario: Scenario, spec: ReceiverSpec, site: Site) -> PolicyHost | None:
    posts = frozenset(parts[1] for one in spec.tls_reports if (parts := https_parts(one)))
    if not (spec.mta_sts or posts) or site.tls is None:
        return None
    servers = {name: host.domain for name, host in scenario.hosts.items() if isinstance(host, MailHostSpec)}
    exchangers = exchangers_of(spec.domain, servers)

    def policy() -> StsPolicy | None:
        found = policy_at(spec.mta_sts, exchangers, site.since_begin_ns())
        return found[1] if found is not None else None

    return PolicyHost(site, site.tls, spec.domain, policy, site.policies, posts)


def _mailbox_servers(scenario: Scenario, spec: MailHostSpec, site: Site, post_office: PostOffice) -> MailboxServers:
    return MailboxServers(site, post_office, served(scenario, site.name), _tls(spec, site))


def _client(scenario: Scenario, spec: ClientSpec, site: Site, addresses: Addresses) -> Host:
    return Client(site)


def _router(scenario: Scenario, site: Site, routes: Mapping[str, RouteSpec] | None = None) -> Router:
    return Router(Resolver(site), site.name, site.addresses, address_kinds(scenario), scenario.seed, routes)


def _queue(site: Site) -> Queue:
    return Queue(site.directory / "queue.db")


def _terms(spec: MailHostSpec) -> Terms:
    return Terms(spec.max_message, spec.max_recipients, frozenset(spec.without), frozenset(spec.with_))


def _admission(site: Site, spec: MailHostSpec) -> Admission:
    return Admission(site, spec.max_hops, spec.rate_limit, spec.greylist)


def _judge(site: Site, spec: MailHostSpec, reports: OwnReports) -> Judge | None:
    if spec.persona is not None:
        return Judge(site, Resolver(site), terms_of(spec.persona, spec.trusted_sealers, spec.bulk), reports.told)
    terms = JudgeTerms(spec.checks, spec.policy, spec.block_lists, spec.trusted_sealers)
    return Judge(site, Resolver(site), terms, reports.told) if spec.checks else None


def _webmail(scenario: Scenario, spec: WebmailSpec, site: Site, addresses: Addresses) -> Host:
    from testbed.hosts.webmail.host import Webmail  # 0.2 s of libraries that other labs do without

    server, relay = scenario.hosts[spec.server], spec.relay or spec.server
    assert isinstance(server, MailHostSpec)
    port = 587 if isinstance(scenario.hosts[relay], RelaySpec) else 25
    return Webmail(site, server.domain, spec.server, relay, port, address_kinds(scenario), _tls(server, site))


def _name_server(scenario: Scenario, spec: NameServerSpec, site: Site, addresses: Addresses) -> Host:
    authority = site.tls.authority if site.tls is not None else None
    zones = [(at_ns, lab_zone(scenario, addresses, site.now, authority, at_ns)) for at_ns in changes(scenario)]
    return NameServer(site, zones[0][1], zones[1:])


def _tls(spec: MailHostSpec, site: Site) -> LabTls | None:
    return site.tls if spec.starttls else None


_BUILDERS: dict[type, Callable[..., Host]] = {
    UserAgentSpec: _user_agent,
    RelaySpec: _relay,
    ReceiverSpec: _receiver,
    ClientSpec: _client,
    WebmailSpec: _webmail,
    NameServerSpec: _name_server,
}

"""What programs of the user's are given: their variables, their files, and what placeholders stand for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from testbed.hosts.relay import SUBMISSIONS_PORT
from testbed.hosts.site import Site
from testbed.hosts.tls import LabTls
from testbed.lab.addresses import OUTSIDE
from testbed.lab.mail_stores import STORES, MailStore
from testbed.lab.program_files import Facts, names_maildirs, write_files
from testbed.regular_file import read_regular
from testbed.scenario.hosts import MailHostSpec, UserAgentSpec, WebmailSpec
from testbed.scenario.name_server import NameServerSpec
from testbed.scenario.program_hosts import MAILBOXES, PLACEHOLDERS, USER, Stores, filled
from testbed.scenario.scenario import Scenario
from testbed.subjects.installed import search_path

KEYLOG = "tls-keys"
_MAX_SCRIPT = 1 << 20


class ProgramEnvironment:
    """The facts of one lab; ``scratch`` is the folder of its hosts' directories."""

    def __init__(
        self, scenario: Scenario, addresses: Mapping[str, tuple[str, ...]], scratch: Path, tls: LabTls | None
    ) -> None:
        self._scenario = scenario
        self._addresses = addresses
        self._scratch = scratch
        self._tls = tls
        self._know_maildirs: set[str] = set()
        self._known_files: dict[str, set[str]] = {}
        if tls is not None:
            tls.authority.certificate.write_to_path(scratch / "ca.pem")

    def facts(self, name: str) -> Facts:
        """What placeholders stand for, at a host."""
        found = {(what, ""): value for what, value in self._of(name)}
        for other in self._scenario.hosts:
            found |= {(what, other): value for what, value in self._of(other)}
        return found

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a program at a host: the user's own, the lab's, and those of the scenario."""
        unbuffered = {"PYTHONUNBUFFERED": "1"}  # so that what was said before a crash is heard
        return {**unbuffered, **os.environ, "PATH": search_path(), **self.variables(name)}

    def variables(self, name: str) -> dict[str, str]:
        """Those of the lab's and of the scenario's."""
        facts = self.facts(name)
        lab = {f"TESTBED_{what.upper()}": facts[what, ""] for what in PLACEHOLDERS if (what, "") in facts}
        if self._tls is not None:
            lab["SSLKEYLOGFILE"] = str(self._scratch / KEYLOG)
        own = self._scenario.hosts[name].environment
        return {**lab, **self._account(name), **{key: filled(own[key], facts) for key in own}}

    def _account(self, name: str) -> dict[str, str]:
        """Where a user agent submits, and how: variables only, for their names are words of every configuration."""
        spec = self._scenario.hosts[name]
        if not isinstance(spec, UserAgentSpec):
            return {}
        return {
            "TESTBED_SERVER": spec.server or "",
            "TESTBED_PORT": str(spec.port),
            "TESTBED_TLS": "implicit" if spec.port == SUBMISSIONS_PORT else spec.tls,
            "TESTBED_USER": spec.address if spec.password is not None else "",
            "TESTBED_PASSWORD": spec.password or "",
        }

    def mailboxes(self, name: str) -> tuple[str, ...]:
        """The addresses of a host's users."""
        spec = self._scenario.hosts[name]
        return tuple(f"{user}@{spec.domain}" for user in spec.mailboxes) if isinstance(spec, MailHostSpec) else ()

    def knows_maildirs(self, name: str) -> bool:
        """Whether a program was told where to deliver mail: by its command, its variables, its files or its script."""
        spec = self._scenario.hosts[name]
        words = (*(spec.command or ()), *spec.environment.values())
        if spec.stores is not None:
            return True
        return name in self._know_maildirs or any(map(names_maildirs, words)) or any(map(self._script, words))

    def places(self, name: str) -> tuple[Path, ...]:
        """The files and folders of a host's mailboxes, and the folder where they are unless they are elsewhere."""
        return (Path(self.facts(name)[MAILBOXES, ""]), *self._places(name).values())

    def stores(self, name: str) -> dict[str, MailStore]:
        """The mailboxes of a host's users by their addresses, in the form that its program keeps them in."""
        spec = self._scenario.hosts[name]
        kept = STORES[spec.stores.form if spec.stores is not None else "maildir"]
        return {address: kept(place) for address, place in self._places(name).items()}

    def _places(self, name: str) -> dict[str, Path]:
        stores = self._scenario.hosts[name].stores or Stores()
        at = filled(stores.at, self.facts(name))
        return {box: Path(at.replace(USER, box.rpartition("@")[0])) for box in self.mailboxes(name)}

    def known_files(self, name: str) -> set[str]:
        """The messages in a host's mailboxes that have been logged, by any run of its program."""
        return self._known_files.setdefault(name, set())

    def _script(self, word: str) -> bool:
        """Whether a word of a command is a script beside the scenario that names its Maildirs."""
        script = Path(self._scenario.file).parent / word
        try:
            return names_maildirs(read_regular(script, _MAX_SCRIPT).decode("latin-1"))
        except (OSError, ValueError):
            return False

    def write_files(self, site: Site) -> None:
        """Put a program's files into its directory.  Raises StepError."""
        facts = self.facts(site.name)
        (site.directory / MAILBOXES).mkdir(exist_ok=True)
        if ("certificate", "") in facts and self._tls is not None:
            for what, octets in zip(("certificate", "key"), self._tls.authority.pem(site.name), strict=True):
                Path(facts[what, ""]).write_bytes(octets)
        if write_files(self._scenario, site, facts):
            self._know_maildirs.add(site.name)

    def link_mailboxes(self, site: Site) -> None:
        """Let programs find the Maildirs of one of the lab's own servers by their users' names."""
        spec = self._scenario.hosts[site.name]
        users = spec.mailboxes if isinstance(spec, MailHostSpec) else ()
        (site.directory / MAILBOXES).mkdir(exist_ok=True)
        for number, user in enumerate(users, 1):  # as hosts/mailboxes/post_office.py numbers them
            if user not in (".", ".."):
                (site.directory / MAILBOXES / user).symlink_to(f"../mail/{number}")

    def _of(self, name: str) -> Iterator[tuple[str, str]]:
        spec, directory = self._scenario.hosts[name], self._scratch / name
        server = next(n for n, h in self._scenario.hosts.items() if isinstance(h, NameServerSpec))
        yield "name", name
        yield "domain", spec.domain if isinstance(spec, MailHostSpec) else name
        yield "address", self._addresses[name][0]
        yield "directory", str(directory)
        yield "mailboxes", str(directory / MAILBOXES)
        yield "name_server", self._addresses[server][0]
        yield "role", spec.role
        yield "python", sys.executable
        yield "trusted", " ".join(self._trusted())
        if spec.configured is not None and spec.configured.tls:
            yield "tls", next(iter(spec.configured.tls.values()))
        if isinstance(spec, MailHostSpec):
            boxes = spec.mailboxes.items()
            yield "users", " ".join(spec.mailboxes)
            yield "passwords", " ".join(box.password_to_read for _, box in boxes)
            yield "aliases", " ".join(f"{alias}={user}" for user, box in boxes for alias in box.aliases)
        if self._tls is not None:
            yield "ca", str(self._scratch / "ca.pem")
            if isinstance(spec, MailHostSpec) and spec.starttls:
                yield "certificate", str(directory / "certificate.pem")
                yield "key", str(directory / "key.pem")

    def _trusted(self) -> Iterator[str]:
        """The addresses of those who send mail to anywhere: people's mail programs, and visitors of a lab held open."""
        hosts = self._scenario.hosts
        agents = (name for name, host in hosts.items() if isinstance(host, UserAgentSpec | WebmailSpec))
        for name in (*agents, OUTSIDE):
            yield from self._addresses.get(name, ())

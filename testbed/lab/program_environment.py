"""What programs of the user's are given: their variables, their files, and what placeholders stand for."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from testbed.errors import StepError, reason
from testbed.hosts.site import Site
from testbed.hosts.tls import LabTls
from testbed.lab.mail_stores import STORES, MailStore
from testbed.protocols.text import shown
from testbed.regular_file import read_regular
from testbed.scenario.hosts import MailHostSpec, NameServerSpec
from testbed.scenario.program_hosts import PLACEHOLDERS, USER, Stores, filled, placeholders
from testbed.scenario.programs import SYSTEM_FOLDERS
from testbed.scenario.scenario import Scenario

Facts = Mapping[tuple[str, str], str]
"""By what it is, and the host it is of; nothing for the program's own."""

KEYLOG = "tls-keys"
_MAILBOXES = "mailboxes"
_MAX_SCRIPT = 1 << 20
_A_WHILE_S = 3_600  # servers such as Postfix wait when their configuration has only just been changed


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
        facts = self.facts(name)
        lab = {f"TESTBED_{what.upper()}": facts[what, ""] for what in PLACEHOLDERS if (what, "") in facts}
        if self._tls is not None:
            lab["SSLKEYLOGFILE"] = str(self._scratch / KEYLOG)
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS))
        own = self._scenario.hosts[name].environment
        unbuffered = {"PYTHONUNBUFFERED": "1"}  # so that what was said before a crash is heard
        return {**unbuffered, **os.environ, "PATH": path, **lab, **{key: filled(own[key], facts) for key in own}}

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
        return name in self._know_maildirs or any(map(_names_maildirs, words)) or any(map(self._script, words))

    def places(self, name: str) -> tuple[Path, ...]:
        """The files and folders of a host's mailboxes, and the folder where they are unless they are elsewhere."""
        return (Path(self.facts(name)[_MAILBOXES, ""]), *self._places(name).values())

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
            return _names_maildirs(read_regular(script, _MAX_SCRIPT).decode("latin-1"))
        except (OSError, ValueError):
            return False

    def write_files(self, site: Site) -> None:
        """Put a program's files into its directory.  Raises StepError."""
        spec, facts = self._scenario.hosts[site.name], self.facts(site.name)
        (site.directory / _MAILBOXES).mkdir(exist_ok=True)
        if ("certificate", "") in facts and self._tls is not None:
            for what, octets in zip(("certificate", "key"), self._tls.authority.pem(site.name), strict=True):
                Path(facts[what, ""]).write_bytes(octets)
        if isinstance(spec.files, dict):
            for file, text in spec.files.items():
                target = site.directory / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
                target.chmod(0o755 if text.startswith("#!") else 0o644)
        elif spec.files is not None:
            folder = self._scenario.folder_of_files(site.name) / spec.files
            try:
                shutil.copytree(folder, site.directory, dirs_exist_ok=True)
            except (OSError, shutil.Error) as error:
                problem = f"the folder '{shown(folder)}' of {site.name} cannot be copied: {reason(error)}"
                raise StepError(f"{shown(self._scenario.file)}: {problem}") from error
        before = time.time() - _A_WHILE_S
        for found in site.directory.rglob("*"):
            if found.is_file():
                if _fill(found, facts):
                    self._know_maildirs.add(site.name)
                os.utime(found, (before, before))

    def link_mailboxes(self, site: Site) -> None:
        """Let programs find the Maildirs of one of the lab's own servers by their users' names."""
        spec = self._scenario.hosts[site.name]
        users = spec.mailboxes if isinstance(spec, MailHostSpec) else ()
        (site.directory / _MAILBOXES).mkdir(exist_ok=True)
        for number, user in enumerate(users, 1):  # as hosts/mailboxes/post_office.py numbers them
            if user not in (".", ".."):
                (site.directory / _MAILBOXES / user).symlink_to(f"../mail/{number}")

    def _of(self, name: str) -> Iterator[tuple[str, str]]:
        spec, directory = self._scenario.hosts[name], self._scratch / name
        server = next(n for n, h in self._scenario.hosts.items() if isinstance(h, NameServerSpec))
        yield "name", name
        yield "domain", spec.domain if isinstance(spec, MailHostSpec) else name
        yield "address", self._addresses[name][0]
        yield "directory", str(directory)
        yield "mailboxes", str(directory / _MAILBOXES)
        yield "name_server", self._addresses[server][0]
        if self._tls is not None:
            yield "ca", str(self._scratch / "ca.pem")
            if isinstance(spec, MailHostSpec) and spec.starttls:
                yield "certificate", str(directory / "certificate.pem")
                yield "key", str(directory / "key.pem")


def _fill(file: Path, facts: Facts) -> bool:
    """Put the facts into a file of text; whether it names its host's own Maildirs."""
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError:
        return False
    changed = filled(text, facts)
    if changed != text:
        file.write_bytes(changed.encode())
    return _names_maildirs(text)


def _names_maildirs(text: str) -> bool:
    return (_MAILBOXES, "") in placeholders(text) or f"TESTBED_{_MAILBOXES.upper()}" in text

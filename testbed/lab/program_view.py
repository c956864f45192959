"""What programs on a host see in place of the machine's files: their own folders, users, and an unpacked server."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from testbed.net.view import Shown, Sight
from testbed.scenario.host_spec import HostSpec
from testbed.scenario.hosts import MailHostSpec
from testbed.scenario.scenario import Scenario
from testbed.subjects.installed import root_of
from testbed.subjects.subject import subjects

_PRELOAD, _PASSWD, _GROUP, _MAILNAME = "/etc/ld.so.preload", "/etc/passwd", "/etc/group", "/etc/mailname"
_HOSTS = "/etc/hosts"
_FIRST_ID = 61_184  # of those that systemd gives to services for a while, hence free (systemd.exec(5), DynamicUser=)


class ProgramView(Struct, frozen=True):
    """``scratch`` is the folder of the hosts' directories."""

    scenario: Scenario
    scratch: Path

    def sight(self, host: str, library: Path | None, hidden: tuple[str, ...] = ()) -> Sight:
        """What programs on a host see, whatever is ``hidden`` besides; they load ``library``.  Its files are made."""
        spec = self.scenario.hosts.get(host)
        over, private = (_over(spec), self._private(host, spec)) if spec is not None else ((), ())
        return Sight(over, self._shown(host, spec, library), private, hidden)

    def _private(self, host: str, spec: HostSpec) -> tuple[Shown, ...]:
        """The host's own folders in place of the machine's."""
        found = []
        for path in spec.private:
            own = self.scratch / host / path.lstrip("/")
            own.mkdir(parents=True, exist_ok=True)
            found.append(Shown(path, str(own)))
        return tuple(found)

    def _shown(self, host: str, spec: HostSpec | None, library: Path | None) -> tuple[Shown, ...]:
        """The machine's files that are others here.

        They say who is a user, what library all programs load (ld.so(8)), and for ready-made programs the mail domain.
        """
        folder = self.scratch / ".view" / host
        found = list[Shown]()

        def show(path: str, changed: Callable[[str], str]) -> None:
            file = folder / Path(path).name
            _write_beside(file, changed(_text(path)).encode("utf-8", "surrogateescape"))
            found.append(Shown(path, str(file)))

        if library is not None:
            show(_PRELOAD, lambda before: f"{library}\n{before}")
        if spec is None:
            return tuple(found)
        if spec.is_program:
            show(_HOSTS, lambda before: _names_alone(before, ("localhost", host)))
        if spec.program is not None:
            show(_MAILNAME, lambda before: f"{spec.domain if isinstance(spec, MailHostSpec) else host}\n")
        if spec.users:
            ids = dict(self._ids(host))
            show(_PASSWD, lambda before: before + "".join(self._user(host, *user) for user in ids.items()))
            show(_GROUP, lambda before: before + "".join(f"{name}:x:{number}:\n" for name, number in ids.items()))
        return tuple(found)

    def _ids(self, host: str) -> Iterator[tuple[str, int]]:
        """The users that the machine does not have, with a number that is nobody's."""
        there = [line.split(":") for path in (_PASSWD, _GROUP) for line in _text(path).splitlines()]
        names, numbers = {fields[0] for fields in there}, {fields[2] for fields in there if len(fields) > 2}
        free = (number for number in itertools.count(_FIRST_ID) if str(number) not in numbers)
        return zip([name for name in self.scenario.hosts[host].users if name not in names], free, strict=False)

    def _user(self, host: str, name: str, number: int) -> str:
        spec = self.scenario.hosts[host]
        home = self.scratch / host / "home" / name
        if isinstance(spec, MailHostSpec) and name in spec.mailboxes:
            home.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # without root's rights nobody else can be had anyway
                os.chown(home, number, number)
        return f"{name}:x:{number}:{number}::{home}:/usr/sbin/nologin\n"


def _over(spec: HostSpec) -> tuple[str, ...]:
    """The unpacked trees that lie over the machine's files."""
    root = root_of(subjects()[spec.program]) if spec.program is not None else None
    return (str(root),) if root is not None else ()


def _names_alone(hosts: str, names: tuple[str, ...]) -> str:
    """The lines of a hosts(5) with these names: whatever else a program wants to know, it asks the name server."""
    return "".join(line for line in hosts.splitlines(keepends=True) if line.split()[1:2] and line.split()[1] in names)


def _write_beside(file: Path, content: bytes) -> None:
    """Have a file with this content, and leave the one alone that was there: a program may be reading it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_bytes() != content:
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_bytes(content)
        fresh.replace(file)


def _text(path: str) -> str:
    """What a file of the machine says, with a line end behind its last line."""
    try:
        text = Path(path).read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    return text if text.endswith("\n") or not text else f"{text}\n"

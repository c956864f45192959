"""What is known of each ready-made program, as its ``subject.toml`` says."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

AGENT = "user-agent"
"""The role of programs that send mail, or read it."""

ROLES = ("relay", "receiver", AGENT)
_DESCRIPTION = "subject.toml"
_FOLDER = Path(__file__).parent


class Subject(Struct, frozen=True):
    """``folders`` hold its files: those of the program it is ``like``, then its own.

    ``programs`` must be installed for it; ``version`` is a command whose output has its version, ``oldest`` the
    first that will do, ``""`` for any.

    ``apt`` and ``npm`` are the packages that bring it.  ``root`` says that it changes to users of its own.
    ``configuration`` is where production files go, below the host's directory.  ``keeps`` are files that it brings
    itself and needs beside them, as patterns from the machine's root.  ``host`` are the keys of a scenario that say how
    it is a host, ``roles`` those of one role.  ``accounts``: mailboxes belong to users of the machine.
    ``sends`` and ``reads`` are the words of such steps that it can express, besides those that all can; None where it
    does not send or read.  ``queues``: it ends with status 0 once it keeps the mail, and sends it then.
    ``tls`` are the policies it can be set to, as a relay; ``lacks`` are extensions of SMTP that it does not offer.
    ``quirks`` are sentences for people.
    """

    name: str
    title: str
    folders: tuple[Path, ...]
    programs: tuple[str, ...]
    version: str
    oldest: str
    apt: tuple[str, ...]
    npm: tuple[str, ...]
    root: bool
    accounts: bool
    tls: tuple[str, ...]
    lacks: tuple[str, ...]
    configuration: str
    keeps: tuple[str, ...]
    host: Mapping[str, object]
    roles: Mapping[str, Mapping[str, object]]
    sends: frozenset[str] | None
    reads: frozenset[str] | None
    queues: bool
    quirks: tuple[str, ...]

    @property
    def plays(self) -> tuple[str, ...]:
        """Its parts in a lab: its roles, and what it does as a user agent."""
        return (*(role for role in self.roles if role != AGENT), *(f"{errand}s mail" for errand in self.errands))

    @property
    def errands(self) -> tuple[str, ...]:
        """The steps that it does as a user agent: ``send``, ``read``."""
        return tuple(step for step, can in (("send", self.sends), ("read", self.reads)) if can is not None)

    def can(self, errand: str) -> frozenset[str]:
        """What it can express of such a step."""
        return (self.sends if errand == "send" else self.reads) or frozenset()

    def templates(self, role: str) -> tuple[Path, ...]:
        """The folders of files that it finds in its directory, the later before the earlier."""
        return tuple(path for folder in self.folders for name in ("common", role) if (path := folder / name).is_dir())


@cache
def subjects() -> Mapping[str, Subject]:
    """All of them by name, sorted."""
    folders = (file.parent for file in _FOLDER.glob(f"*/{_DESCRIPTION}"))
    return {folder.name: _read(folder) for folder in sorted(folders)}


def _said(folder: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """What a description says, and the folders of files: what it is ``like`` has said the rest, but for its roles."""
    said = tomllib.loads((folder / _DESCRIPTION).read_text("utf-8"))
    if "like" not in said:
        return said, (folder,)
    base, folders = _said(_FOLDER / said["like"])
    kept = {key: value for key, value in base.items() if key not in ROLES}
    return {**kept, **said, "host": {**base["host"], **said.get("host", {})}}, (*folders, folder)


def _read(folder: Path) -> Subject:
    said, folders = _said(folder)
    return Subject(
        name=folder.name,
        title=said["title"],
        folders=folders,
        programs=tuple(map(_of_this_python, said["programs"])),
        version=_of_this_python(said["version"]),
        oldest=said.get("oldest", ""),
        apt=tuple(said.get("apt", ())),
        npm=tuple(said.get("npm", ())),
        root=said.get("root", False),
        accounts=said.get("accounts", False),
        tls=tuple(said.get("tls", ())),
        lacks=tuple(said.get("lacks", ())),
        configuration=said["configuration"],
        keeps=tuple(said.get("keeps", ())),
        host=said["host"],
        roles={role: said[role] for role in ROLES if role in said},
        sends=frozenset(said["sends"]) if "sends" in said else None,
        reads=frozenset(said["reads"]) if "reads" in said else None,
        queues=said.get("queues", False),
        quirks=tuple(said.get("quirks", ())),
    )


def _of_this_python(command: str) -> str:
    return command.replace("{python}", sys.executable)

"""The messages of a capture as files, one ``.eml`` each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from testbed.errors import UsageError, not_written
from testbed.protocols.attachments import attachments
from testbed.protocols.text import shown
from testbed.report.words import octets
from testbed.trace.mail_objects import MailObject

_MAX_ID = 80
_MOST_NAMED = 10
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def export_mail(
    objects: Iterable[MailObject],
    directory: Path,
    tell: Callable[[str], None] | None = None,
    tell_attached: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write every message into a directory, which is made where it is missing; gives the files in their order.

    A name has the numbers of connection, message and first frame, and what of the Message-ID is harmless in a name; a
    message that is not whole ends in ``.partial.eml``, and ``tell`` is given a sentence about what it lacks;
    ``tell_attached`` is given one about what is attached to a message.  Files are readable by their owner only.
    Nothing is overwritten and no symbolic link followed; raises UsageError then, and UsageError or
    MachineError where the directory cannot be made or written.
    """
    written: list[Path] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise not_written(f"{shown(directory)} cannot be made a folder for mail", error) from error
    try:
        for one in objects:
            name = file_name(one)
            _write(folder, name, one.octets, directory)
            written.append(directory / name)
            if tell is not None and not one.complete:
                tell(f"{shown(directory / name)}: {what_is_missing(one)}")
            if tell_attached is not None and (attached := what_is_attached(one)):
                tell_attached(f"{shown(directory / name)}: with {attached}")
    finally:
        os.close(folder)
    return written


def file_name(one: MailObject) -> str:
    """The name of a message's file, the same for every export of a capture."""
    known = _UNSAFE.sub("_", one.message_id.strip("<> "))[:_MAX_ID].strip("._-")
    parts = [f"connection{one.connection}", str(one.ordinal), f"frame{one.frames[0] if one.frames else 0}", known]
    return "-".join(part for part in parts if part) + (".eml" if one.complete else ".partial.eml")


def what_is_missing(one: MailObject) -> str:
    """Why a message is not whole, in words."""
    if one.missing:
        return f"{one.missing:,} octets are missing from the capture or beyond what is kept; nothing stands for them"
    if one.command == "FETCH":
        return "the client fetched only a part, or the connection ended before the rest"
    return "the connection or the capture ended before the message did"


def what_is_attached(one: MailObject) -> str:
    """The files that go with a message, in words; ``""`` when there are none."""
    found = attachments(one.octets)
    named = [f"{file.name or 'a file without a name'} ({octets(file.octets)})" for file in found[:_MOST_NAMED]]
    more = [f"{len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
    return ", ".join(named + more)


def _write(folder: int, name: str, octets: bytes, directory: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    except FileExistsError as error:
        raise UsageError(f"{shown(directory / name)} exists already; name an empty or a new folder") from error
    except OSError as error:
        raise not_written(f"{shown(directory / name)} cannot be written", error) from error
    try:
        with open(descriptor, "wb") as out:
            out.write(octets)
    except OSError as error:
        os.unlink(name, dir_fd=folder)
        raise not_written(f"{shown(directory / name)} cannot be written", error) from error

"""What a worker of a cluster does for a crew.

Its process has threads, which no lab can begin with: so each has a player do it.
"""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Never, cast

from msgspec import Struct

from testbed.crew.crew import DIED_TWICE
from testbed.crew.player import Player
from testbed.crew.work import Order, Work


class Hire(Struct, frozen=True):
    """Work as workers know it: ``client`` is who orders, ``number`` tells its works apart.

    ``home`` is the client's working directory: files are at the same paths on all machines.
    """

    client: str
    number: int
    work: Work[Never, object]
    home: str


class Delivery(Struct, frozen=True):
    """What came of an order; ``kept`` are the octets of the file that stays, None for none."""

    told: object
    kept: bytes | None = None


@dataclass(slots=True)
class _Troupe:
    """The players of one client at this worker, and the folder where they leave files."""

    folder: tempfile.TemporaryDirectory[str] = field(default_factory=lambda: _folder())
    everybody: dict[Player, int] = field(default_factory=dict)
    free: list[Player] = field(default_factory=list)


_lock = threading.Lock()
_troupes: dict[str, _Troupe] = {}


def _folder() -> tempfile.TemporaryDirectory[str]:
    """In that of the worker, which goes even after a worker that was killed."""
    from distributed import get_worker

    return tempfile.TemporaryDirectory(prefix="testbed-", dir=get_worker().local_directory)


def unpacked(packed: bytes) -> Hire:
    """The hire that was packed by pickle; a task by itself, so that the cluster has it wherever workers die."""
    hire = pickle.loads(packed)
    assert isinstance(hire, Hire)
    return hire


def deliver(hire: Hire, order: Order) -> Delivery:
    """Have an order carried out.  A player that dies is replaced, once for each order."""
    for _ in range(2):
        player, folder = _taken(hire)
        try:
            player.order(order)
            told = player.done()
        except (EOFError, OSError):
            _dismissed(hire.client, player)
            continue
        with _lock:
            if hire.client in _troupes:
                _troupes[hire.client].free.append(player)
        return Delivery(told, _picked_up(folder / order.kept) if order.kept else None)
    return Delivery(cast(Work[Order, object], hire.work).not_done(order, DIED_TWICE))


def dismiss(client: str) -> None:
    """The players of a client end."""
    with _lock:
        troupe = _troupes.pop(client, None)
    if troupe is not None:
        for player in troupe.everybody:
            player.dismiss()
        troupe.folder.cleanup()


def _taken(hire: Hire) -> tuple[Player, Path]:
    """A player that is engaged, and nobody else's for now; and its folder."""
    with _lock:
        troupe = _troupes.setdefault(hire.client, _Troupe())
        player = troupe.free.pop() if troupe.free else Player()
        knows, troupe.everybody[player] = troupe.everybody.get(player), hire.number
    folder = Path(troupe.folder.name)
    if knows != hire.number:
        with contextlib.suppress(OSError):  # who is dead shows when asked what came of it
            player.engage(hire.work, folder, hire.home)
    return player, folder


def _dismissed(client: str, player: Player) -> None:
    player.dismiss()
    with _lock:
        if client in _troupes:
            _troupes[client].everybody.pop(player, None)


def _picked_up(file: Path) -> bytes | None:
    """A file that goes home; None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        octets = file.read_bytes()
        file.unlink()
        return octets
    return None

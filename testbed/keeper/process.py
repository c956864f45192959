"""The keeper itself: a process without threads that forks one for each lab it is asked for."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from testbed.errors import LabError, TestbedError, UsageError
from testbed.interruption import Interruption
from testbed.keeper.guide import Guide
from testbed.keeper.orders import Order
from testbed.lab import preload, run
from testbed.lab.hold_open import Holder
from testbed.net.orphans import die_with_parent
from testbed.played import Played
from testbed.runner import Runner
from testbed.serving import Serving

_LOOK_S = 2.0
_GRACE_S = 10.0  # a lab full of mail may take a while to write its inventory


def main(descriptor: int) -> NoReturn:
    """Serve until the other end of the socket is closed, or whoever started this is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    parent = os.getppid()
    with socket.socket(fileno=descriptor) as control, selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while os.getppid() == parent:
            if not selector.select(_LOOK_S):
                continue
            said, descriptors, _, _ = socket.recv_fds(control, 1, 2)
            if not said:
                break
            own = os.getpid()
            if os.fork() == 0:
                _tend(own, control, *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
    os._exit(0)


def _tend(keeper: int, control: socket.socket, life: int, lab: int) -> NoReturn:
    """Look after one lab."""
    try:
        die_with_parent()
        if os.getppid() != keeper:
            os._exit(1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        client = Connection(life)
        try:
            client.send(_played(client.recv(), client, Connection(lab)))
        except TestbedError as error:
            client.send(UsageError(str(error)) if isinstance(error, UsageError) else LabError(str(error)))
    except (EOFError, OSError):
        pass  # whoever asked is gone
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _played(order: Order, client: Connection, lab: Connection) -> Played:
    """Run the lab to its end; when whoever asked says so, or is gone, it is asked to end."""
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    holder: Holder | None = Guide(Serving(order.scenario, (), lab, plays_steps=order.plays_steps), lab)
    if not order.held:
        holder = None
    told = False

    def on_tick() -> None:
        nonlocal told
        if not told and client.poll():
            told = True
            runner.stop()

    interruption = Interruption(heeds_ctrl_c=False)
    runner = Runner(
        lambda scenario, trace, tell: run(scenario, trace, tell, holder, order.network),
        jobs=1,
        time_limit_s=order.time_limit_s,
        grace_s=_GRACE_S,
        interruption=interruption,
        on_tick=on_tick,
        why_not=order.network.why_not,
    )
    preload([order.scenario])
    with interruption:
        [played] = runner.run([(order.scenario, Path(order.trace))])
    return played

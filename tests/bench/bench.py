"""``make bench``: how fast it is, as medians of whole processes and as ratios against a peer in the same run."""

from __future__ import annotations

import asyncio
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import aiosmtplib
from aiosmtpd.smtp import Envelope, Session
from rich.console import Console
from rich.table import Table

from testbed.crew.crew import LocalCrew
from testbed.explore.engagement import Engagement
from testbed.explore.first_run import explored
from testbed.explore.ran import Order, Ran
from testbed.hosts.dialogue import DialogueScript
from testbed.hosts.site import Site
from testbed.hosts.smtp.commands import Terms
from testbed.hosts.smtp.handler import MailHandler
from testbed.hosts.smtp.server import SmtpServer
from testbed.net.clock import ScenarioLoop
from testbed.net.namespace import enter, enter_plain
from testbed.net.netlink import PATIENT_MS
from testbed.net.wire import Wire
from testbed.pcap.write import TraceWriter
from testbed.runner import TIME_LIMIT_S, usual_jobs
from testbed.scenario.load import load
from testbed.trace.inspect import inspect

PROJECT = Path(__file__).parents[2]
CLIENT, SERVER = "127.0.0.10", "127.0.0.20"
MESSAGES, CONNECTIONS, OCTETS = 4_000, 10, 500
RUNS = 7


def whole_process(arguments: Sequence[str], runs: int = RUNS) -> float:
    """The median wall time of a command, seconds, after one run that does not count."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(arguments, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def in_child(work: Callable[[], float]) -> float:
    """A number computed in a forked child, which may give up the machine's network."""
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.write(write_end, pickle.dumps(work()))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer: float = pickle.loads(pipe.read())
    os.wait()
    return answer


class _Sink(MailHandler):
    """Takes every message and keeps none."""

    def refusal(self, recipient: str, peer: str) -> str:
        return ""

    def received(self, session: Session, envelope: Envelope) -> bytes:
        return b""

    def accept(self, message: bytes, envelope: Envelope) -> str:
        return "250 2.0.0 Ok"


async def _exchange(loop: ScenarioLoop) -> float:
    site = Site(
        name="sink",
        addresses=(SERVER,),
        directory=Path("/nowhere"),
        nameserver=SERVER,
        log=lambda event, message: None,
        now=loop.time,
        dialogue=DialogueScript((), lambda fault, vain: None),
    )
    handler = _Sink()
    server = await loop.create_server(lambda: SmtpServer(handler, site, Terms()), SERVER, 25)
    body = b"Subject: bench\r\n\r\n" + b"x" * (OCTETS - 20) + b"\r\n"

    async def client() -> None:
        async with aiosmtplib.SMTP(hostname=SERVER, port=25, source_address=(CLIENT, 0), start_tls=False) as smtp:
            for _ in range(MESSAGES // CONNECTIONS):
                await smtp.sendmail("a@client.example", ["b@sink.example"], body)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    server.close()
    return MESSAGES / (time.perf_counter() - started)


def over_the_wire() -> float:
    """Messages per second with every packet through the wire and into a trace."""
    network = enter({CLIENT: "client", SERVER: "sink"}, SERVER, PATIENT_MS)
    loop = ScenarioLoop()
    with tempfile.TemporaryFile(dir=network.scratch) as file:
        wire = Wire(network.wire, loop, TraceWriter(file, application="bench"), [CLIENT, SERVER], hasty=False)
        rate = loop.run_until_complete(_exchange(loop))
        wire.close()
    return rate


def on_plain_loopback() -> float:
    """The same hosts in a network that has nothing but loopback."""
    enter_plain()
    loop = ScenarioLoop()
    return loop.run_until_complete(_exchange(loop))


def explored_and_run(every: int = 5) -> tuple[float, float]:
    """Labs a minute where single faults of a scenario are explored, and where ``testbed run`` plays the same cases.

    Both from the start of their processes to their end, results and all.
    """
    with tempfile.TemporaryDirectory() as folder:
        cases, keep = Path(folder) / "cases", Path(folder) / "keep"
        cases.mkdir()
        keep.mkdir()
        subject, crew = explored(load(PROJECT / "scenarios" / "delivered.yaml")), LocalCrew(usual_jobs())
        [first] = _played(crew, Engagement(subject, keep, TIME_LIMIT_S), [Order(0, ())])
        faults = [one.fault for one in first.opened[::every]]
        for number, fault in enumerate(faults):
            (cases / f"{number}.yaml").write_text(subject.with_faults([fault]).text)
        started = time.perf_counter()
        subject = replace(subject, candidates=first.opened, digest=first.digest)
        orders = [Order(number, (fault,)) for number, fault in enumerate(faults)]
        assert len(_played(crew, Engagement(subject, keep, TIME_LIMIT_S), orders)) == len(faults)
        exploring = time.perf_counter() - started
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "testbed", "run", "--keep", str(keep), str(cases)],
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
            check=False,  # what stands for an expectation in the cases does not hold
        )
        running = time.perf_counter() - started
    return 60 * len(faults) / exploring, 60 * len(faults) / running


def _played(crew: LocalCrew, engagement: Engagement, orders: Sequence[Order]) -> list[Ran]:
    try:
        return [ran for ran in crew.play(engagement, orders) if ran is not None]
    finally:
        crew.dismiss()


def packets_per_second(trace: Path) -> float:
    """How fast a trace is inspected, inside one process."""
    started = time.perf_counter()
    analysis = inspect(trace)
    return len(analysis.capture.frame) / (time.perf_counter() - started)


def main() -> None:
    """Print the table the docs quote."""
    testbed = [sys.executable, "-m", "testbed"]
    keep = tempfile.mkdtemp(prefix="testbed-bench-")
    run = [*testbed, "run", "--keep", keep]
    table = Table(
        "what", "figure", "bar", title=f"{os.cpu_count()} cores, Python {sys.version.split()[0]}", title_justify="left"
    )

    def seconds(what: str, arguments: Sequence[str], bar: str, runs: int = RUNS) -> None:
        table.add_row(what, f"{whole_process(arguments, runs):.2f} s", bar)

    seconds("testbed run, one scenario (mailbox-full)", [*run, "scenarios/mailbox-full.yaml"], "< 1 s")
    seconds("testbed run, five scenario days", [*run, "scenarios/mailbox-full-five-days.yaml"], "< 1 s")
    seconds("testbed run, the whole catalogue", [*run, "scenarios"], "< 60 s", 3)
    seconds("testbed inspect, 83 frames", [*testbed, "inspect", "captures/delivered.pcapng"], "")
    ratio = whole_process([*testbed, "--help"], 15) / whole_process([sys.executable, "-c", "pass"], 15)
    table.add_row("testbed --help against python -c pass", f"{ratio:.1f} ×", "< 3 ×")
    pairs = [(in_child(over_the_wire), in_child(on_plain_loopback)) for _ in range(7)]
    share = statistics.median(wire / plain for wire, plain in pairs)
    rate = statistics.median(wire for wire, _ in pairs)
    table.add_row(f"messages over the wire against plain loopback ({rate:,.0f}/s)", f"{share:.0%}", "≥ 80 %")
    rounds = [explored_and_run() for _ in range(3)]
    rate, ratio = statistics.median(one for one, _ in rounds), statistics.median(one / run for one, run in rounds)
    table.add_row(f"single faults explored against testbed run ({rate:,.0f} labs/min)", f"{ratio:.1f} ×", "≥ 1,000/min")
    speed = packets_per_second(PROJECT / "captures" / "mailbox-full-five-days.pcapng")
    table.add_row("packets inspected, in-process", f"{speed:,.0f}/s", "")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

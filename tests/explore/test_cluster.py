"""Explored on a cluster: it comes to the same as on one machine, whoever dies; who is missing is told in a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.crew.cluster import cluster_crew
from testbed.crew.crew import Crew, LocalCrew
from testbed.errors import MachineError, UsageError
from testbed.explore.engagement import Engagement
from testbed.explore.first_run import explored
from testbed.explore.ran import Order
from testbed.scenario.load import load
from testbed.trace.inspect import inspect
from tests.clusters import Cluster, cluster_in
from tests.conftest import PROJECT
from tests.explore.played import came_of

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def on_one_machine(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[int, str, str]]:
    return came_of(LocalCrew(2), tmp_path_factory.mktemp("kept"))


def test_the_same_comes_of_it(tmp_path: Path, on_one_machine: set[tuple[int, str, str]]) -> None:
    with cluster_in(tmp_path, 2) as cluster:
        assert came_of(cluster_crew(cluster.address), tmp_path) == on_one_machine


def test_the_same_comes_of_it_when_a_worker_is_killed(
    tmp_path: Path, on_one_machine: set[tuple[int, str, str]]
) -> None:
    with cluster_in(tmp_path, 2) as cluster:
        kill = cluster.workers[0].kill
        assert came_of(cluster_crew(cluster.address), tmp_path, after={5: kill}) == on_one_machine
        assert cluster.workers[0].wait() == -signal.SIGKILL


def test_the_same_comes_of_it_when_workers_are_replaced(
    tmp_path: Path, on_one_machine: set[tuple[int, str, str]]
) -> None:
    with cluster_in(tmp_path, 1) as cluster:

        def replace() -> None:
            cluster.workers[0].kill()
            cluster.hire()

        assert came_of(cluster_crew(cluster.address), tmp_path, after={5: replace}) == on_one_machine


def test_workers_of_this_machine_need_no_scheduler(tmp_path: Path, on_one_machine: set[tuple[int, str, str]]) -> None:
    assert came_of(cluster_crew(workers=2), tmp_path) == on_one_machine


def test_a_trace_that_stays_comes_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with cluster_in(tmp_path, 1) as cluster, _crew_of(cluster) as crew:
        [ran] = [ran for ran in crew.play(_work(home), [Order(0, (), "first.pcapng")]) if ran is not None]
        assert not ran.error
        assert inspect(home / "first.pcapng").connections
        assert [file.name for file in home.iterdir()] == ["first.pcapng"]


def test_nothing_is_left_of_an_exploration_at_its_workers(tmp_path: Path) -> None:
    with cluster_in(tmp_path, 1) as cluster:
        with _crew_of(cluster) as crew:
            assert [ran for ran in crew.play(_work(tmp_path), [Order(0, ())]) if ran is not None]
            assert _children(cluster.workers[0].pid)
        assert not _children(cluster.workers[0].pid)


def test_who_has_enough_leaves_nothing_to_be_played(tmp_path: Path) -> None:
    with cluster_in(tmp_path, 1) as cluster, _crew_of(cluster) as crew:
        work = _work(tmp_path)
        play = crew.play(work, (Order(number, ()) for number in range(1_000)))
        assert next(ran for ran in play if ran is not None)
        play.close()  # type: ignore[attr-defined]
        [ran] = [ran for ran in crew.play(work, [Order(7, ())]) if ran is not None]
        assert ran.number == 7


def test_no_scheduler_is_a_sentence() -> None:
    with pytest.raises(MachineError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9; start one"):
        cluster_crew("tcp://127.0.0.1:9")


@pytest.mark.parametrize("address", ["nonsense://there", "tcp://127.0.0.1:port"])
def test_no_address_is_a_sentence(address: str) -> None:
    with pytest.raises(UsageError, match=rf"--scheduler {address}: this is not an address"):
        cluster_crew(address)


@pytest.mark.parametrize(
    ("init", "has"), [('__version__ = "0.0.1"', "Mail Testbed 0.0.1"), ("raise ImportError", "no Mail Testbed")]
)
def test_another_version_at_a_worker_is_a_sentence(tmp_path: Path, init: str, has: str) -> None:
    (tmp_path / "other" / "testbed").mkdir(parents=True)
    (tmp_path / "other" / "testbed" / "__init__.py").write_text(init)
    cluster = Cluster(tmp_path)
    try:
        cluster.hire(python_path=tmp_path / "other")
        with pytest.raises(UsageError, match=rf"the worker at tcp://[0-9.:]+ has {has}, and this is .*: install"):
            cluster_crew(cluster.address)
    finally:
        cluster.end()


def test_a_scheduler_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with cluster_in(tmp_path, 1) as cluster, _crew_of(cluster) as crew:
        assert [ran for ran in crew.play(_work(tmp_path), [Order(0, ())]) if ran is not None]
        cluster.scheduler.kill()
        with pytest.raises(MachineError, match="the scheduler at tcp://.* is gone"):
            for _ in crew.play(_work(tmp_path), (Order(number, ()) for number in range(1_000))):
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root joins network namespaces by a veth")
@pytest.mark.skipif(shutil.which("ip") is None, reason="iproute2 is not installed")
def test_the_same_comes_of_it_in_two_networks(tmp_path: Path, on_one_machine: set[tuple[int, str, str]]) -> None:
    with _two_networks() as (here, there):
        cluster = Cluster(tmp_path, "10.9.8.1", here)
        try:
            cluster.hire(inside=here, host="10.9.8.1")
            cluster.hire(inside=there, host="10.9.8.2")
            command = [*here, sys.executable, "-m", "tests.explore.played", cluster.address, str(tmp_path)]
            told = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout
        finally:
            cluster.end()
    assert {(number, came, how) for number, came, how in json.loads(told)} == on_one_machine


@contextlib.contextmanager
def _crew_of(cluster: Cluster) -> Iterator[Crew]:
    crew = cluster_crew(cluster.address)
    try:
        yield crew
    finally:
        crew.dismiss()


def _work(keep: Path) -> Engagement:
    return Engagement(explored(load(PROJECT / "scenarios" / "delivered.yaml")), keep, 60.0)


def _children(pid: int) -> str:
    return "".join(task.joinpath("children").read_text() for task in Path(f"/proc/{pid}/task").iterdir())


@contextlib.contextmanager
def _two_networks() -> Iterator[tuple[list[str], list[str]]]:
    """What begins a command in either of two network namespaces that a cable joins: 10.9.8.1 and 10.9.8.2."""
    holders = [subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) for _ in range(2)]
    try:
        insides = [["nsenter", f"--net=/proc/{holder.pid}/ns/net"] for holder in holders]
        for holder in holders:
            _until_apart(holder.pid)
        [here, there] = insides
        peer = f"/proc/{holders[1].pid}/ns/net"
        _ip(here, f"link add cable type veth peer name cable netns {peer}")
        for number, inside in enumerate(insides, 1):
            _ip(inside, f"address add 10.9.8.{number}/24 dev cable")
            _ip(inside, "link set cable up")
            _ip(inside, "link set lo up")
        yield here, there
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def _until_apart(pid: int) -> None:
    from tests.patience import until

    own = os.readlink("/proc/self/ns/net")
    until(lambda: os.readlink(f"/proc/{pid}/ns/net") != own)


def _ip(inside: list[str], words: str) -> None:
    subprocess.run([*inside, "ip", *words.split()], check=True)

"""Programs on the lab's clock: whatever they wait with, hours pass at once, and every clock they read agrees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from testbed.errors import LabError
from testbed.net.namespace import libc
from testbed.net.program_process import KEEPERS
from testbed.net.program_time import library
from testbed.net.program_time.library import compiler, scenario_time_library
from testbed.net.program_time.looks import Looks
from testbed.net.program_time.page import NEVER, ScenarioPage
from testbed.net.program_time.programs import ProgramTime
from testbed.net.program_time.threads import Thread, ThreadTree
from tests.patience import until

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")

HOUR = 3600
NOBODY, PR_SET_DUMPABLE = 65534, 4
A_WHILE = 600
"""Seconds that a busy machine may add to hours: real time passes, too."""


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[ProgramTime]:
    """The clock of a lab without a lab."""
    clock = ProgramTime(tmp_path / "clock", scenario_time_library())
    yield clock
    clock.close()


def played(clock: ProgramTime, *command: str) -> str:
    """What a program says, while its clock jumps whenever it rests.  ``/bin/sh`` loads the library by itself."""
    library = clock.library()
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    clock.watch(process.pid, library, keepers=0)
    offset = 0
    while process.poll() is None:
        end = clock.rest()
        ahead = 0 if end is None or end == NEVER else end - time.monotonic_ns() - offset
        if ahead > 0:
            offset += ahead
            clock.shift(offset)
        else:
            time.sleep(0.0002)
    clock.forget(process.pid)
    assert process.stdout is not None
    said = process.stdout.read()
    assert process.returncode == 0, said
    return said


PYTHON = {
    "sleep": "time.sleep(WAIT)",
    "select": "select.select([], [], [], WAIT)",
    "poll": "select.poll().poll(WAIT * 1000)",
    "epoll": "select.epoll().poll(WAIT)",
    "sem_clockwait": "threading.Event().wait(WAIT)",
    "sigtimedwait": "signal.sigtimedwait([signal.SIGUSR1], WAIT)",
    "alarm": "signal.signal(signal.SIGALRM, lambda *a: None); signal.alarm(WAIT); signal.pause()",
    "setitimer": "signal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, WAIT); "
    "signal.pause()",
    "an alarm that ends a read": "signal.signal(signal.SIGALRM, lambda *a: os.write(w, b'x')); signal.alarm(WAIT); "
    "os.read(r, 1)",
    "a child that sleeps": "subprocess.run(['sleep', str(WAIT)])",
    "a forked child": "pid = os.fork()\nif pid == 0: time.sleep(WAIT); os._exit(0)\nos.waitpid(pid, 0)",
    "threads": "ts = [threading.Thread(target=time.sleep, args=(WAIT / n,)) for n in (1, 2, 4)]\n"
    "[t.start() for t in ts]; [t.join() for t in ts]",
    "a socket's time limit in Python": "a, b = socket.socketpair(); a.settimeout(WAIT)\n"
    "try: a.recv(1)\nexcept TimeoutError: pass",
    "an event loop": "asyncio.run(asyncio.sleep(WAIT))",
}


@pytest.mark.parametrize("wait", PYTHON.values(), ids=PYTHON)
def test_a_wait_of_hours_passes_at_once(clock: ProgramTime, wait: str) -> None:
    imports = "import asyncio, os, select, signal, socket, subprocess, threading, time\n"
    clocks = "clocks = lambda: (time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME))\n"
    program = f"{imports}{clocks}WAIT = {5 * HOUR}\nr, w = os.pipe()\nbegan = clocks()\n{wait}\n"
    began = time.monotonic()
    said = played(clock, sys.executable, "-c", f"{program}print(*(b - a for a, b in zip(began, clocks())))")
    assert time.monotonic() - began < HOUR
    for elapsed in map(float, said.split()):
        assert 5 * HOUR <= elapsed < 5 * HOUR + A_WHILE


C = {
    "nanosleep": "struct timespec t = {WAIT, 0}; nanosleep(&t, NULL);",
    "a date to sleep to": "struct timespec t; clock_gettime(CLOCK_REALTIME, &t); t.tv_sec += WAIT; "
    "clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);",
    "ppoll": "struct timespec t = {WAIT, 0}; ppoll(NULL, 0, &t, NULL);",
    "pselect": "struct timespec t = {WAIT, 0}; pselect(0, NULL, NULL, NULL, &t, NULL);",
    "usleep": "for (int i = 0; i < WAIT / 1000; i++) usleep(1000000000);",
    "sem_timedwait": "sem_t s; sem_init(&s, 0, 0); struct timespec t; clock_gettime(CLOCK_REALTIME, &t); "
    "t.tv_sec += WAIT; while (sem_timedwait(&s, &t) && errno == EINTR);",
    "a condition": "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t c = PTHREAD_COND_INITIALIZER; "
    "struct timespec t; clock_gettime(CLOCK_REALTIME, &t); t.tv_sec += WAIT; pthread_mutex_lock(&m); "
    "while (pthread_cond_timedwait(&c, &m, &t) != ETIMEDOUT);",
    "a condition with the monotonic clock": "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_condattr_t a; "
    "pthread_condattr_init(&a); pthread_condattr_setclock(&a, CLOCK_MONOTONIC); pthread_cond_t c; "
    "pthread_cond_init(&c, &a); struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); t.tv_sec += WAIT; "
    "pthread_mutex_lock(&m); while (pthread_cond_timedwait(&c, &m, &t) != ETIMEDOUT);",
    "a timer in an epoll": "int f = timerfd_create(CLOCK_MONOTONIC, 0); struct itimerspec v = {{0, 0}, {WAIT, 0}}; "
    "timerfd_settime(f, 0, &v, NULL); int e = epoll_create1(0); struct epoll_event x = {.events = EPOLLIN}; "
    "epoll_ctl(e, EPOLL_CTL_ADD, f, &x); epoll_wait(e, &x, 1, -1);",
    "a timer in a poll": "int f = timerfd_create(CLOCK_MONOTONIC, 0); struct itimerspec v = {{0, 0}, {WAIT, 0}}; "
    "timerfd_settime(f, 0, &v, NULL); struct pollfd p = {f, POLLIN, 0}; poll(&p, 1, -1);",
    "a timer in a select": "int f = timerfd_create(CLOCK_REALTIME, 0); struct itimerspec v = {{0, 0}, {0, 0}}; "
    "clock_gettime(CLOCK_REALTIME, &v.it_value); v.it_value.tv_sec += WAIT; "
    "timerfd_settime(f, TFD_TIMER_ABSTIME, &v, NULL); fd_set s; FD_ZERO(&s); FD_SET(f, &s); "
    "select(f + 1, &s, NULL, NULL, NULL);",
    "a futex": "int f = 0; struct timespec t = {WAIT, 0}; syscall(SYS_futex, &f, 0, 0, &t, NULL, 0);",
    "a futex until a date": "int f = 0; struct timespec t; clock_gettime(CLOCK_REALTIME, &t); t.tv_sec += WAIT; "
    "syscall(SYS_futex, &f, 9 | 256, 0, &t, NULL, -1);",
    "a signal at the wrong time": "signal(SIGUSR1, handle); pid_t p = getpid(); if (fork() == 0) { sleep(WAIT); "
    "kill(p, SIGUSR1); _exit(0); } if (poll(NULL, 0, -1) != -1 || errno != EINTR) return 1;",
}
REAL = {
    "a timer that sends a signal": "signal(SIGALRM, handle); timer_t t; timer_create(CLOCK_MONOTONIC, NULL, &t); "
    "struct itimerspec v = {{0, 0}, {2, 0}}; timer_settime(t, 0, &v, NULL); pause();",
    "a timer that is read": "int f = timerfd_create(CLOCK_MONOTONIC, 0); struct itimerspec v = {{0, 0}, {2, 0}}; "
    "timerfd_settime(f, 0, &v, NULL); long n; if (read(f, &n, 8) != 8) return 1;",
    "a socket's time limit": "int s[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, s); struct timeval v = {2, 0}; char c; "
    "setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &v, sizeof v); if (read(s[0], &c, 1) != -1) return 1;",
    "one that a child has inherited": "int s[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, s); struct timeval v = {2, 0}; "
    "setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &v, sizeof v); char c; if (fork() == 0) { "
    "if (read(s[0], &c, 1) != -1) _exit(1); _exit(0); } int e; wait(&e); if (e) return 1;",
    "a lock": "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_mutex_lock(&m); struct timespec t; "
    "clock_gettime(CLOCK_REALTIME, &t); t.tv_sec += 2; if (pthread_mutex_timedlock(&m, &t) != ETIMEDOUT) return 1;",
    "a condition of C11": "mtx_t m; mtx_init(&m, mtx_plain); mtx_lock(&m); cnd_t c; cnd_init(&c); struct timespec t; "
    "timespec_get(&t, TIME_UTC); t.tv_sec += 2; if (cnd_timedwait(&c, &m, &t) != thrd_timedout) return 1;",
}
"""Waits of two seconds that nobody can shorten, behind one of hours."""

_HEADERS = (
    "errno.h", "poll.h", "pthread.h", "semaphore.h", "signal.h", "stdio.h", "sys/epoll.h", "sys/select.h",
    "sys/socket.h", "sys/syscall.h", "sys/time.h", "sys/timerfd.h", "sys/wait.h", "threads.h", "time.h", "unistd.h",
)  # fmt: skip


def built(statements: str, folder: Path) -> str:
    """A program in C that does this, and says how many seconds it took by its clock; ``WAIT`` is five hours."""
    source = "".join(f"#include <{header}>\n" for header in _HEADERS)
    source += "static void handle(int number) { (void)number; }\n"
    source += f"int main(void) {{ (void)handle; const long WAIT = {5 * HOUR}; (void)WAIT; time_t began = time(NULL);\n"
    source += f'{statements}\nprintf("%ld\\n", (long)(time(NULL) - began)); return 0; }}\n'
    program = folder / "program"
    options = ("-D_GNU_SOURCE", "-x", "c", "-", "-o", str(program), "-pthread")
    subprocess.run((compiler() or "cc", *options), input=source, text=True, check=True)
    return str(program)


@pytest.mark.parametrize("wait", C.values(), ids=C)
def test_so_it_does_for_programs_in_c(clock: ProgramTime, wait: str, tmp_path: Path) -> None:
    elapsed = int(played(clock, built(wait, tmp_path)))
    assert 5 * HOUR - 1 <= elapsed < 5 * HOUR + A_WHILE


@pytest.mark.parametrize("wait", REAL.values(), ids=REAL)
def test_what_nobody_can_shorten_is_waited_for_in_real_time(clock: ProgramTime, wait: str, tmp_path: Path) -> None:
    """Another process sleeps for hours beside it; its clock has jumped before, and jumps after."""
    sleeper = "pid_t p = fork(); if (p == 0) { sleep(3 * WAIT); _exit(0); }"
    program = built(f"sleep(WAIT); began = time(NULL); {sleeper} {wait} kill(p, SIGKILL);", tmp_path)
    assert 1 <= int(played(clock, program)) < A_WHILE


def test_files_have_dates_of_the_clock_and_those_a_program_gave_them(clock: ProgramTime, tmp_path: Path) -> None:
    program = f"""
import os, time
file = {str(tmp_path / "file")!r}
age = lambda: round((time.time() - os.stat(file).st_mtime) / 60)
time.sleep({HOUR})
open(file, "w").close(); print(age())
time.sleep({HOUR}); print(age())
os.utime(file, (time.time() + 7200,) * 2); print(age())
time.sleep({HOUR}); print(age())
os.utime(file); print(age())
"""
    said = played(clock, sys.executable, "-c", program)
    assert [int(line) // 10 for line in said.split()] == [0, 6, -12, -6, 0]


def test_a_shell_and_its_children_have_one_clock(clock: ProgramTime) -> None:
    said = played(clock, "sh", "-c", "date +%s; sleep 86400; date +%s; sleep 3600 & sleep 7200; wait; date +%s")
    first, second, third = map(int, said.split())
    assert 86_400 <= second - first < 86_400 + A_WHILE
    assert 7_200 <= third - second < 7_200 + A_WHILE


def test_many_waits(clock: ProgramTime) -> None:
    """As a server does that looks at its queue every minute, for a day."""
    said = played(clock, sys.executable, "-c", "import time\nt = time.time()\nfor _ in range(1440): time.sleep(60)\n"
                  "print(time.time() - t)")  # fmt: skip
    assert 86_400 <= float(said) < 86_400 + A_WHILE


def test_time_passes_as_it_does_everywhere_while_a_program_works(clock: ProgramTime) -> None:
    """It computes, and another sleeps for an hour beside it: the hour waits."""
    program = """
import os, time
if os.fork() == 0:
    time.sleep(3600)
    os._exit(0)
began, real = time.time(), time.process_time()
while time.process_time() - real < 0.3: pass
print(time.time() - began < 1800)
os.wait()
"""
    assert played(clock, sys.executable, "-c", program).split() == ["True"]


def test_a_program_that_cannot_be_reached_keeps_the_clock_from_jumping(clock: ProgramTime) -> None:
    """A sleep that has not loaded the library: nobody can tell it that time has passed."""
    process = subprocess.Popen(["sleep", str(HOUR)])
    clock.watch(process.pid, clock.library(), keepers=0)
    try:
        assert {clock.rest() for _ in range(20)} == {None}
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("unseen", "rests"), [((), True), (("stat",), False), (("schedstat",), False), (("syscall",), True)]
)
def test_what_the_kernel_does_not_show_of_a_thread_is_not_taken_for_rest(
    unseen: tuple[str, ...], rests: bool, tmp_path: Path
) -> None:
    """Of one that keeps a program, the call it sleeps in need not be known: it waits for no time."""
    page = ScenarioPage(tmp_path / "page")
    reading, writing = os.pipe()
    process = subprocess.Popen(["cat"], stdin=reading)
    thread = Thread.open(process.pid, process.pid, 1, keeps=True)
    looks, seen = Looks(scenario_time_library(), page), replace(thread, **dict.fromkeys(unseen, -1))

    def rest(of: Thread) -> int | None:
        looks.ran((of,))
        return looks.rest()

    try:
        until(lambda: rest(thread) == NEVER)
        assert rest(seen) == (NEVER if rests else None)
    finally:
        os.close(writing)
        os.close(reading)
        process.wait()
        thread.close()
        page.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_whose_memory_is_closed_to_others_is_seen_all_the_same() -> None:
    """As keepers are in the lab of an ordinary user: the kernel shows no namespace of theirs."""
    ready, reading = os.pipe(), os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        os.fork()
        os.write(ready[1], b".")
        os.read(reading[0], 1)
        os._exit(0)
    seen = os.fork()
    if seen == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        tree = ThreadTree()
        os.read(ready[0], 1), os.read(ready[0], 1)
        tree.plant(keeper, 1, KEEPERS)
        os._exit(len(tree.threads))
    assert os.waitstatus_to_exitcode(os.waitpid(seen, 0)[1]) == 2
    os.write(reading[1], b"..")
    os.waitpid(keeper, 0)


SERVER = """
import ctypes, os, signal
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
server = os.fork()
if server:
    print(server, flush=True)
    os.waitpid(server, 0)
else:
    input()
    between = os.fork()
    if not between:
        if not os.fork():
            signal.pause()
        os._exit(0)
    os.waitpid(between, 0)
    print("orphaned", flush=True)
    input()
"""


def test_who_is_an_orphan_by_the_time_of_the_look_is_found() -> None:
    """A server forks, and its child forks and ends: as those do that hand mail to a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        server = int(keeper.stdout.readline())
        tree = ThreadTree()
        tree.plant(keeper.pid, 1, 1)
        assert {thread.process for thread in tree.threads} == {keeper.pid, server}
        print(file=keeper.stdin, flush=True)
        assert keeper.stdout.readline() == "orphaned\n"
        assert tree.look_at({server})
        [orphan] = {thread.process for thread in tree.threads} - {keeper.pid, server}
        os.kill(orphan, signal.SIGKILL)
        print(file=keeper.stdin, flush=True)


def test_without_a_compiler_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="there is no C compiler here") as caught:
        scenario_time_library()
    assert "time: real" in str(caught.value)


def test_it_is_compiled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = scenario_time_library()
    monkeypatch.setenv("PATH", "")
    assert scenario_time_library() == made
    assert made.parent.stat().st_mode & 0o777 == 0o700


def compiled(folder: Path, *options: str) -> Path:
    """The library, with other options."""
    source = Path(library.__file__).with_name("scenario_time.c")
    made = folder / "library.so"
    own = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")
    subprocess.run([compiler() or "cc", *own, *options, str(source), "-o", str(made), "-ldl"], check=True)
    return made


def test_the_compiler_warns_of_nothing_and_the_sanitizer_finds_nothing(tmp_path: Path) -> None:
    """Undefined behaviour ends a program."""
    clock = ProgramTime(tmp_path / "clock", compiled(tmp_path, "-fsanitize=undefined", "-fno-sanitize-recover=all"))
    for number, wait in enumerate((*C.values(), *REAL.values())):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert int(played(clock, built(wait, folder))) >= 1
    clock.close()

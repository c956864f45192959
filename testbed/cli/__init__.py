"""The command line.  Importing this must stay cheap: ``testbed --help`` loads next to nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from testbed.cli.streams import PatientOutput

HELD, FAILED, WRONG_USAGE, NO_LAB = 0, 1, 2, 3
SIGNALLED = 128
"""What shells add to the number of the signal that ended a program: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
_MODULES = {"list": "listing"}  # a module 'list' of this package would hide Python's own
_SHOWN_ONLY = (
    "inspect",
    "schema",
    "faults",
    "list",
    "completion",
)  # commands that have nothing more to do once nobody reads
_GARBAGE = 100_000  # new objects until it is looked for; at Python's 700, imports look eighty times and find none


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    0 all held, 1 something failed, 2 wrong usage, 3 the machine did not do its part, 128 + N ended by signal N.
    """
    from testbed.cli.streams import patient_streams

    words = sys.argv[1:] if arguments is None else list(arguments)
    with patient_streams() as output:
        code = _run(words, output)
        if output.lost is None:
            return code
        from testbed.errors import machine_error

        _complain(machine_error("standard output", output.lost))
        return NO_LAB


def _run(words: list[str], output: PatientOutput) -> int:
    try:
        with _signals_end_it():
            if not words or words[0] in ("-h", "--help", "help"):
                from testbed.cli.help import main_help

                print(main_help(), end="")
                return HELD if words else WRONG_USAGE
            from testbed.cli.parser import parse

            options = parse(words)
            output.ends_with_reader = options.command in _SHOWN_ONLY
            code = _call(options.command, options)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        return HELD
    except SystemExit as end:
        if isinstance(output.failed, BrokenPipeError):  # rich takes a reader that has gone for a failure
            return HELD
        return end.code if isinstance(end.code, int) else WRONG_USAGE
    except KeyboardInterrupt as end:
        return SIGNALLED + (end.args[0] if end.args else signal.SIGINT)


def _call(command: str, options: object) -> int:
    import gc
    from importlib import import_module

    from testbed.errors import LabError, MachineError, TestbedError, machine_error
    from testbed.protocols.text import shown

    usual = gc.get_threshold()
    gc.set_threshold(_GARBAGE)
    if command in _SHOWN_ONLY:  # others start programs, which get the user's own environment
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads for matrices would only spin
    module = import_module(f"testbed.cli.{_MODULES.get(command, command)}")
    try:
        code: int = module.main(options)
        return code
    except (LabError, MachineError) as error:
        _complain(error)
        return NO_LAB
    except TestbedError as error:
        _complain(error)
        return WRONG_USAGE
    except BrokenPipeError:
        raise
    except OSError as error:
        _complain(machine_error(shown(os.fsdecode(error.filename or "")), error))
        return NO_LAB
    finally:
        gc.set_threshold(*usual)


@contextlib.contextmanager
def _signals_end_it() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does, so that nothing unfinished is left; unless they are ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _complain(error: Exception) -> None:
    from testbed.cli.style import styled
    from testbed.protocols.text import obeyed_by_none, printable

    text = obeyed_by_none("\n".join(map(printable, str(error).split("\n"))))
    print(f"{styled('error', 'red bold', sys.stderr)}: {text}", file=sys.stderr)

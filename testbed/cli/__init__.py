"""The command line.  Importing this must stay cheap: ``testbed --help`` loads next to nothing."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HELD, FAILED, WRONG_USAGE, NO_LAB, INTERRUPTED = 0, 1, 2, 3, 130
_GARBAGE = 100_000  # new objects until it is looked for; at Python's 700, imports look eighty times and find none


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0 all held, 1 something failed, 2 wrong usage, 3 no lab."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            from testbed.cli.help import main_help

            print(main_help(), end="")
            return HELD if words else WRONG_USAGE
        from testbed.cli.parser import parse

        options = parse(words)
        return _call(options.command, options)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else WRONG_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (``testbed inspect x | head``).
        sys.stderr.close()
        return HELD


def _call(command: str, options: object) -> int:
    import gc
    from importlib import import_module

    from testbed.errors import LabError, TestbedError

    gc.set_threshold(_GARBAGE)
    module = import_module(f"testbed.cli.{command}")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character gets its number
    try:
        code: int = module.main(options)
        sys.stdout.flush()
        return code
    except LabError as error:
        _complain(error)
        return NO_LAB
    except TestbedError as error:
        _complain(error)
        return WRONG_USAGE


def _complain(error: Exception) -> None:
    from testbed.cli.style import styled

    print(f"{styled('error', 'red bold', sys.stderr)}: {error}", file=sys.stderr)

"""Oracles of a team's own: a file or a module of Python with a function ``breaches(scenario, analysis)``.

It yields a :class:`~testbed.explore.ran.Breach` for each thing that was broken in a run, none where all was well.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from testbed.allowance import Overspent, allowance
from testbed.errors import UsageError, reason
from testbed.explore.ran import Breach
from testbed.protocols.text import printable, shown
from testbed.scenario.scenario import Scenario
from testbed.trace.analysis import Analysis

_FUNCTION = "breaches"
_LIMIT_S = 10.0  # of processor time, for a run
_ENDED = (Exception, SystemExit, Overspent)  # how a stranger's code may end


def own_oracles(names: Sequence[str]) -> tuple[OwnOracle, ...]:
    """The oracles in files (``ours.py``, ``checks/ours.py``) and modules (``ours.oracles``) of such names.

    Raises UsageError for one that cannot be had.
    """
    return tuple(map(_loaded, names))


class OwnOracle:
    """One of them; ``str()`` of it is the name it was asked for by."""

    def __init__(self, name: str, file: str, function: Callable[[Scenario, Analysis], Iterable[object]]) -> None:
        self._name = name
        self._file = file
        self._function = function

    def __str__(self) -> str:
        return shown(self._name)

    def __call__(self, scenario: Scenario, analysis: Analysis) -> Iterator[Breach]:
        """What it has found broken.  Raises UsageError where it fails, for then nobody knows."""
        try:
            with allowance(_LIMIT_S):
                found = [self._checked(one) for one in self._function(scenario, analysis)]
        except UsageError:
            raise
        except _ENDED as error:
            raise UsageError(f"the oracle {self} failed: {_why(error, self._file)}") from error
        yield from found

    def _checked(self, one: object) -> Breach:
        """The breach, as plain values: it goes from process to process."""
        if isinstance(one, Breach) and isinstance(one.what, str) and isinstance(one.why, str):
            frames = tuple(one.frames)
            if all(type(frame) is int for frame in frames):
                return Breach(printable(one.what), printable(one.why), frames)
        what = printable(repr(one))[:100]
        raise UsageError(f"the oracle {self} yields {what}; it is to yield Breach(what, why, frames), frames by number")


@cache
def _loaded(name: str) -> OwnOracle:
    try:
        with allowance(_LIMIT_S):
            module = _of_file(name) if name.endswith(".py") else importlib.import_module(name)
    except FileNotFoundError as error:
        raise UsageError(f"the oracle {shown(name)}: there is no such file") from error
    except (ModuleNotFoundError, TypeError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and not f"{name}.".startswith(f"{error.name}."):
            raise UsageError(f"the oracle {shown(name)} cannot be loaded: {_why(error, name)}") from error
        remedy = "name a file that ends in .py, or a module that Python finds"
        raise UsageError(f"the oracle {shown(name)}: there is no such module; {remedy}") from error
    except OSError as error:
        raise UsageError(f"the oracle {shown(name)}: {reason(error)}") from error
    except _ENDED as error:
        raise UsageError(f"the oracle {shown(name)} cannot be loaded: {_why(error, name)}") from error
    function = getattr(module, _FUNCTION, None)
    if not callable(function):
        raise UsageError(f"the oracle {shown(name)} has no function {_FUNCTION}(scenario, analysis)")
    return OwnOracle(name, module.__file__ or name, function)


def _of_file(name: str) -> ModuleType:
    """The module in a file, under a name that is no other's."""
    path = Path(name).resolve(strict=True)
    known_as = f"{__name__}.{path.stem}_{sha256(bytes(path)).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(known_as, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[known_as] = module  # dataclasses look for it there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[known_as]
        raise
    return module


def _why(error: BaseException, file: str) -> str:
    """What went wrong, and in which line of the file where it was there."""
    if isinstance(error, Overspent):
        return f"it has computed for more than {_LIMIT_S:.0f} s"
    lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if Path(at.filename) == Path(file).resolve()]
    where = f" in line {lines[-1]}" if lines and lines[-1] else ""
    return f"{type(error).__name__}{where}: {printable(str(error)) or 'without a word'}"

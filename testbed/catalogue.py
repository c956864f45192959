"""The catalogue that comes with the program: scenarios of failures, and a reference trace of each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Literal

from testbed.errors import UsageError

Kind = Literal["scenarios", "captures"]

CATALOGUE = "@catalogue"
PACKED = ".gz"
"""What the captures of an installed package end in besides."""
_SUFFIX: dict[Kind, str] = {"scenarios": ".yaml", "captures": ".pcapng"}
_PACKAGE = Path(__file__).resolve().parent
INSTALLED = _PACKAGE / "_catalogue"
"""Where its two folders lie in an installed package."""
_ROOTS = (INSTALLED, _PACKAGE.parent)
"""Where they may lie: within an installed package, beside it in a checkout."""


def located(name: str, kind: Kind) -> str:
    """The path that a name on the command line stands for, which may be one of the catalogue.

    ``@catalogue`` is the folder of scenarios, or of captures where a command reads those; ``@catalogue/tls`` a folder
    in it; ``@catalogue/tls/no-starttls``, or ``@catalogue/no-starttls``, is a file, its suffix written or not.  Any
    other name stands for itself.  Raises UsageError for what the catalogue does not hold.
    """
    first, _, rest = name.partition("/")
    if first != CATALOGUE:
        return name
    suffix = Path(rest.removesuffix(PACKED)).suffix
    kind = next((one for one, its in _SUFFIX.items() if its == suffix), kind)
    root = _folder(kind)
    known = dict(_names(root, _SUFFIX[kind]))
    wanted = rest.strip("/").removesuffix(PACKED).removesuffix(_SUFFIX[kind])
    if wanted in known:
        return str(known[wanted])
    near = get_close_matches(wanted, known, 1)
    hint = f"did you mean '{CATALOGUE}/{near[0]}'?" if near else "'testbed list' shows what there is"
    raise UsageError(f"the catalogue holds no '{wanted}'; {hint}")


def meant(name: str, kind: Kind) -> str:
    """What of the catalogue a name that leads nowhere stands for, ``""`` where nothing of it is called so.

    ``scenarios/dns/null-mx.yaml``, as in the sources, ``null-mx``, and ``@catalog/null-mx`` are ``@catalogue/null-mx``.
    """
    first, *rest = PurePath(name).parts or ("",)
    parts = rest if first in _SUFFIX or first.startswith("@") else [first, *rest]
    stem = "/".join(parts).removesuffix(PACKED).removesuffix(_SUFFIX[kind])
    with contextlib.suppress(UsageError):
        if name and stem in dict(_names(_folder(kind), _SUFFIX[kind])):
            return f"{CATALOGUE}/{stem}".rstrip("/")
    return ""


def _folder(kind: Kind) -> Path:
    for root in _ROOTS:
        if (root / kind).is_dir():
            return root / kind
    raise UsageError("this installation has no catalogue; install the package 'mail-testbed' as it is distributed")


def _names(root: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    """Every name there is for the folder, its folders and its files."""
    found = [(path.relative_to(root).as_posix().removesuffix(PACKED), path) for path in sorted(root.rglob("*"))]
    yield "", root
    yield from ((PurePath(name).stem, path) for name, path in found if name.endswith(suffix))
    yield from ((name.removesuffix(suffix), path) for name, path in found)

"""The extras of the package: what each brings, and what to say where one is not installed."""

from __future__ import annotations

from importlib.util import find_spec

from testbed.errors import UsageError

EXTRAS = {
    "cluster": ("distributed", "fsspec"),
    "deep": ("pyshark",),
    "learn": ("aalpy",),
    "parquet": ("pyarrow",),
    "view": ("textual",),
    "web": ("nh3", "starlette", "uvicorn"),
    "zstd": ("zstandard",),
}
"""From each to its packages, by the names they are imported by."""


def needs_extra(extra: str, purpose: str) -> None:
    """Raises UsageError, with the remedy, where an extra is not installed.  ``purpose``: ``to write Parquet``."""
    if wanted := lacking(extra):
        raise UsageError(f"{purpose}, {wanted}")


def lacking(extra: str) -> str:
    """``install the package textual: pip install 'mail-testbed[view]'``; ``""`` where it is installed."""
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if not missing:
        return ""
    noun = "package" if len(missing) == 1 else "packages"
    return f"install the {noun} {', '.join(missing)}: pip install 'mail-testbed[{extra}]'"

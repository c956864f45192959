"""What the options of ``testbed inspect`` mean together.  Cheap to import, since ``--deep`` needs no inspector."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.cli.cluster import wants_cluster
from testbed.errors import UsageError
from testbed.protocols.text import shown
from testbed.regular_file import files_below

if TYPE_CHECKING:
    from testbed.authentication.lookup import Lookup

_SUFFIXES = tuple(kind + packing for kind in (".pcap", ".pcapng", ".cap") for packing in ("", ".gz", ".zst"))
_ONE_DOCUMENT = ("json", "parquet", "html", "ladder")
_ONE_CAPTURE = ("output", "export_mail", "deep")
_NOT_REDACTED = {
    "deep": "Wireshark dissects the capture as it is; redact it with -o first",
    "keylog": "what TLS hides stays hidden, and keys are left out",
    "dns": "who sent the messages is not judged, as no signature fits what was replaced",
    "live": "what is replaced is known from the whole capture; write it to a file first",
    "stream": "what is replaced is known from the whole capture; write it to a file first",
}
_FORMS = ("html", "json", "ndjson", "csv", "parquet", "export_mail", "ladder", "markdown", "output")
_TOLD = ("ladder", "markdown")  # go into the file of --output where one is named
_PCAPNG = (".pcapng", "")
# Whoever names such a file for --output means something else.
_OTHERS = {
    ".html": "--html FILE writes a page",
    ".json": "--json prints JSON",
    ".ndjson": "--ndjson prints a line of JSON for each thing",
    ".csv": "--csv prints a row for each connection",
    ".parquet": "--parquet DIR writes tables",
    ".md": "with --markdown it is written for tickets",
    ".eml": "--export-mail DIR writes messages",
    ".svg": "with --ladder svg it is drawn",
}
_WHOLE_CAPTURE = ("output", "export_mail", "deep", "html", "json", "packets", "parquet", "ladder", "markdown")


def refuse_contradictions(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other.  Raises UsageError."""
    if bool(options.paths) == bool(options.live):
        both = "name FILEs or --live IFACE, not both" if options.live else "name a FILE, a folder, - or --live IFACE"
        raise UsageError(f"nothing to inspect: {both}" if not options.live else both)
    if not options.live and (options.seconds or options.count):
        raise UsageError("--for and --count end a live capture: they need --live IFACE")
    if options.redact and (name := _first(_NOT_REDACTED, options)):
        raise UsageError(f"--redact and {name} do not go together: {_NOT_REDACTED[name.removeprefix('--')]}")
    given = [f"--{name.replace('_', '-')}" for name in _FORMS if getattr(options, name)]
    if len(given) > 1 and not (len(given) == 2 and options.output and _first(_TOLD, options)):
        raise UsageError(f"{' and '.join(given)}: one output at a time")
    if options.output:
        _refuse_suffix(Path(options.output), options)
    if wants_cluster(options):
        _refuse_to_share(options)
    options.stream = options.stream or bool(options.live)
    if options.stream and (name := _first(_WHOLE_CAPTURE, options)):
        raise UsageError(f"{name} needs the whole capture, and a stream is shown in pieces; use --ndjson or --csv")
    if options.stream and options.keylog:
        raise UsageError("--keylog decrypts whole captures; write the stream to a file first")
    if options.stream and options.dns:
        raise UsageError("--dns tells who sent the messages of whole captures; write the stream to a file first")


def _refuse_to_share(options: argparse.Namespace) -> None:
    """Refuse to share what only this machine can do."""
    if not options.parquet:
        raise UsageError("--workers and --scheduler share captures for --parquet DIR; other outputs are made here")
    if "-" in options.paths:
        raise UsageError("what comes by a pipe is read here only; write it to a file that workers can read")


def _refuse_suffix(output: Path, options: argparse.Namespace) -> None:
    """Refuse a file whose name promises something else than is written into it."""
    suffix = output.suffix.lower()
    if told := _first(_TOLD, options):
        if suffix and str(output).lower().endswith(_SUFFIXES):
            raise UsageError(f"{shown(output)}: {told} writes no capture; name another file for --output")
    elif suffix not in _PCAPNG:
        other = f"; {_OTHERS[suffix]}" if suffix in _OTHERS else ""
        raise UsageError(f"{shown(output)}: --output writes pcapng only, so name OUT.pcapng{other}")


def zone_of(options: argparse.Namespace) -> Lookup | None:
    """What the zone files of ``--dns`` answer, None for none.  Raises UsageError for what is none."""
    if not options.dns:
        return None
    from testbed.trace.authentication.zone import zone_lookup

    return zone_lookup(options.dns)


def files(options: argparse.Namespace) -> list[str]:
    """The captures to inspect, those of folders included.

    Raises UsageError for a folder without any, and for many where an option takes one at a time.
    """
    paths = captures(options.paths)
    if len(paths) > 1 and not options.ladder and (name := _first(_ONE_CAPTURE, options)):
        raise UsageError(f"{name} takes one capture at a time; name one FILE")
    return paths


def captures(paths: Iterable[str]) -> list[str]:
    """Captures as they are named, and those in folders.  Raises UsageError for a folder without any."""
    return [path for given in paths for path in _inside(given)]


def refuse_to_overwrite(target: Path, options: argparse.Namespace) -> None:
    """Refuse to write over a capture that is being told.  Raises UsageError."""
    if any(target.samefile(source) for source in options.sources if target.exists() and Path(source).exists()):
        raise UsageError(f"{shown(target)} is the capture itself; name another file for --output")


def pages(options: argparse.Namespace) -> bool:
    """Whether the output of many captures is that of each, one after the other."""
    return not _first(_ONE_DOCUMENT, options)


def _first(names: Iterable[str], options: argparse.Namespace) -> str:
    """The first of some options that is given, ``""`` for none."""
    return next((f"--{name.replace('_', '-')}" for name in names if getattr(options, name)), "")


def _inside(path: str) -> list[str]:
    if not Path(path).is_dir():
        return [path]
    inside = [str(file) for file in files_below(path) if file.name.endswith(_SUFFIXES) and file.is_file()]
    if not inside:
        raise UsageError(f"{shown(path)} holds no capture: no file in it ends in .pcap, .pcapng or .cap")
    return inside

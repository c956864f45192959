"""The files by which processes of this machine are spoken to: Docker's, D-Bus's, an SSH agent's."""

from __future__ import annotations

from pathlib import Path


def socket_files() -> tuple[str, ...]:
    """Those of the network this process is in, sorted; unlike files, network namespaces do not part them (unix(7))."""
    try:
        lines = Path("/proc/net/unix").read_text("utf-8", "surrogateescape").splitlines()[1:]
    except OSError:
        return ()
    paths = {fields[7] for line in lines if len(fields := line.split(maxsplit=7)) == 8}
    return tuple(sorted(path for path in paths if path.startswith("/")))

"""Wireshark's full dissection of one frame, through pyshark.

pyshark takes over the event loop and the handling of ended children of the process it runs in, so it gets one of its
own: this module, run as a program.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from testbed.errors import UsageError
from testbed.protocols.text import printable


def dissection(path: str, frame: int) -> str:
    """The layers and fields of a frame as text.

    Raises UsageError when tshark is missing, when it cannot read the capture, or when there is no such frame.
    """
    if shutil.which("tshark") is None:
        raise UsageError("--deep needs tshark, which is not installed; run 'apt-get install tshark'")
    command = [sys.executable, "-m", __name__, path, str(frame)]
    ended = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace")
    if ended.returncode:
        raise UsageError(ended.stdout.rstrip() or ended.stderr.rstrip().rpartition("\n")[2])
    return ended.stdout.removesuffix("\n")


def _dissect(path: str, frame: int) -> int:
    import pyshark
    from pyshark.capture.capture import TSharkCrashException

    try:
        with pyshark.FileCapture(path, display_filter=f"frame.number == {frame}", keep_packets=False) as capture:
            packet = next(iter(capture), None)
    except TSharkCrashException as error:
        return _refused(f"{path}: tshark cannot read it: {' '.join(str(error).split())}")
    if packet is None:
        return _refused(f"{path}: there is no frame {frame}")
    lines = [f"Frame {frame}, {packet.length} octets, {packet.highest_layer}"]
    for layer in packet.layers:
        lines.append(f"{layer.layer_name.upper()}")
        for name in layer.field_names:
            field = layer.get_field(name)
            shown = getattr(field, "showname", None) or f"{name}: {field}"
            lines.append(f"  {printable(str(shown))}")
    print("\n".join(lines))
    return 0


def _refused(why: str) -> int:
    print(printable(why))  # not on stderr, where pyshark may have more to say
    return 1


if __name__ == "__main__":
    sys.exit(_dissect(sys.argv[1], int(sys.argv[2])))

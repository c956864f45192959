"""Wireshark's full dissection of one frame, through pyshark."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

from testbed.errors import UsageError
from testbed.protocols.text import printable


def dissection(path: str, frame: int) -> str:
    """The layers and fields of a frame as text.

    Raises UsageError when tshark is missing, when it cannot read the capture, or when there is no such frame.
    """
    if shutil.which("tshark") is None:
        raise UsageError("--deep needs tshark, which is not installed; run 'apt-get install tshark'")
    # In the main thread pyshark would need its current event loop, and leave a handler of SIGCHLD behind.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_dissect, path, frame).result()


def _dissect(path: str, frame: int) -> str:
    import pyshark
    from pyshark.capture.capture import TSharkCrashException

    capture = pyshark.FileCapture(path, display_filter=f"frame.number == {frame}", keep_packets=False)
    try:
        packet = next(iter(capture), None)
    except TSharkCrashException as error:
        raise UsageError(f"{path}: tshark cannot read it: {error}") from None
    finally:
        capture.close()
        capture.eventloop.close()
    if packet is None:
        raise UsageError(f"{path}: there is no frame {frame}")
    lines = [f"Frame {frame}, {packet.length} octets, {packet.highest_layer}"]
    for layer in packet.layers:
        lines.append(f"{layer.layer_name.upper()}")
        for name in layer.field_names:
            field = layer.get_field(name)
            shown = getattr(field, "showname", None) or f"{name}: {field}"
            lines.append(f"  {printable(str(shown))}")
    return "\n".join(lines)

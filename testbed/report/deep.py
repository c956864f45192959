"""Wireshark's full dissection of one frame, through pyshark: every layer and field, nested as ``tshark -V`` shows it.

pyshark takes over the event loop and the handling of ended children of the process it runs in, so it gets one of its
own: this module, run as a program.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.errors import UsageError
from testbed.extras import needs_extra
from testbed.protocols.text import printable, shown

if TYPE_CHECKING:
    from lxml.etree import _Element

_INDENT = "    "
_NO_LAYER = "fake-field-wrapper"  # around fields that are in none, as what segments were put together


def dissection(path: str, frame: int) -> str:
    """The layers and fields of a frame as text.

    Raises UsageError when tshark is missing, when it cannot read the capture, or when there is no such frame.
    """
    if not Path(path).is_file():
        raise UsageError(f"{shown(path)}: it cannot be read: no such file")
    needs_extra("deep", "to see Wireshark's dissection")
    if shutil.which("tshark") is None:
        raise UsageError("--deep needs tshark, which is not installed; 'testbed doctor' says how to install it")
    command = [sys.executable, "-m", __name__, path, str(frame)]
    ended = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace")
    if ended.returncode:
        raise UsageError(ended.stdout.rstrip() or ended.stderr.rstrip().rpartition("\n")[2])
    return ended.stdout.removesuffix("\n")


def _dissect(path: str, frame: int) -> int:
    import pyshark
    from lxml import etree
    from pyshark.capture.capture import TSharkCrashException
    from pyshark.tshark.output_parser.tshark_xml import DEL_BAD_XML_CHARS, TsharkXmlParser

    class TreeParser(TsharkXmlParser):  # type: ignore[misc]
        """pyshark's own layers hold their fields flat; a packet is to stay the tree that tshark gave."""

        def _parse_single_packet(self, packet: bytes) -> list[_Element]:
            clean = packet.decode(errors="replace").translate(DEL_BAD_XML_CHARS).encode()
            return list(etree.fromstring(clean, etree.XMLParser(huge_tree=True, recover=True)))

    class Capture(pyshark.FileCapture):  # type: ignore[misc]
        def _setup_tshark_output_parser(self) -> TreeParser:
            return TreeParser()

        async def _cleanup_subprocess(self, process: Any) -> None:
            if self._eof_reached:  # pyshark kills what has not ended yet: then nobody learns that it failed
                await process.wait()
            await super()._cleanup_subprocess(process)

    # As a display filter of pyshark's it would start tshark once more, to ask for its version.
    only = ["-c", str(frame), "-Y", f"frame.number == {frame}"]
    try:
        with Capture(path, custom_parameters=only, keep_packets=False) as capture:
            packet = next(iter(capture), None)
    except TSharkCrashException as error:
        return _refused(f"{shown(path)}: tshark cannot read it: {' '.join(str(error).split())}")
    if packet is None:
        return _refused(f"{shown(path)}: there is no frame {frame}")
    general, *layers = packet
    assert general.get("name") == "geninfo"  # which the layer "frame" says again
    print("\n".join(line for layer in layers for line in _lines(layer)))
    return 0


def _lines(item: _Element, depth: int = 0) -> Iterator[str]:
    if item.get("hide") == "yes":
        return
    if item.get("name") != _NO_LAYER:
        yield _INDENT * depth + printable(item.get("showname") or item.get("show") or item.get("name") or "")
        depth += 1
    for within in item:
        yield from _lines(within, depth)


def _refused(why: str) -> int:
    print(printable(why))  # not on stderr, where pyshark may have more to say
    return 1


if __name__ == "__main__":
    sys.exit(_dissect(sys.argv[1], int(sys.argv[2])))

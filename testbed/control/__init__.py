"""Labs for programs in any language: HTTP and JSON on this machine's loopback, and a page over it.

A thin layer over :class:`testbed.bed.Bed`: :mod:`testbed.control.operations` is the table of what can be asked.
"""

from testbed.control.labs import Labs
from testbed.control.server import ControlServer

__all__ = ["ControlServer", "Labs"]

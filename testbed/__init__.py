"""Mail Testbed: stage mail failures, capture every packet, explain what happened.

>>> import testbed
>>> analysis = testbed.inspect("captures/mailbox-full.pcapng")
>>> [finding.code for finding in analysis.findings]
['delivery-retried', 'mailbox-full', 'mailbox-full']
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from testbed.bed import Bed as Bed
    from testbed.bed import NotHeld as NotHeld
    from testbed.bed import check as check
    from testbed.bed import open_lab as open_lab
    from testbed.bed import play as play
    from testbed.errors import TestbedError as TestbedError
    from testbed.outcome import Outcome as Outcome
    from testbed.trace.analysis import Analysis as Analysis
    from testbed.trace.inspect import inspect as inspect

__version__ = "0.1.0"
_HOMES = {
    "Analysis": "testbed.trace.analysis",
    "Bed": "testbed.bed",
    "NotHeld": "testbed.bed",
    "Outcome": "testbed.outcome",
    "TestbedError": "testbed.errors",
    "check": "testbed.bed",
    "inspect": "testbed.trace.inspect",
    "open_lab": "testbed.bed",
    "play": "testbed.bed",
}
__all__ = [
    "Analysis",
    "Bed",
    "NotHeld",
    "Outcome",
    "TestbedError",
    "__version__",
    "check",
    "inspect",
    "open_lab",
    "play",
]


def __getattr__(name: str) -> object:
    """Load what is asked for when it is first asked for: ``testbed --help`` has no use for the inspector."""
    if name not in _HOMES:
        raise AttributeError(f"module 'testbed' has no attribute '{name}'")
    from importlib import import_module

    found: object = getattr(import_module(_HOMES[name]), name)
    return found

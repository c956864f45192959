"""Mail Testbed: stage mail failures, capture every packet, explain what happened.

>>> import testbed
>>> analysis = testbed.inspect("captures/mailbox-full.pcapng")
>>> [finding.code for finding in analysis.findings]
['delivery-retried', 'mailbox-full', 'mailbox-full']
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from testbed.trace.analysis import Analysis as Analysis
    from testbed.trace.inspect import inspect as inspect

__version__ = "0.1.0"
__all__ = ["Analysis", "__version__", "inspect"]


def __getattr__(name: str) -> object:
    """Load the inspector when it is first asked for: ``testbed --help`` has no use for it."""
    if name == "inspect":
        from testbed.trace.inspect import inspect

        return inspect
    if name == "Analysis":
        from testbed.trace.analysis import Analysis

        return Analysis
    raise AttributeError(f"module 'testbed' has no attribute '{name}'")

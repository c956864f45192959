"""Mail Testbed: stage mail failures, capture every packet, explain what happened."""

__version__ = "0.1.0"

"""From a capture to a scenario that plays it again.

:mod:`~testbed.reproduce.evidence` has what the packets say; files by aspect make parts of a scenario of it;
:mod:`~testbed.reproduce.composed` puts them together, :mod:`~testbed.reproduce.played` plays it, and
:mod:`~testbed.reproduce.alike` says how far it went.
"""

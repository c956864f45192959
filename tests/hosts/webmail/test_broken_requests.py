"""Clients that break off in the middle of HTTP are no news on anybody's terminal; mistakes of ours are."""

from __future__ import annotations

import logging

import h11
import pytest

import testbed.hosts.webmail.http  # noqa: F401 - which says so


@pytest.mark.parametrize(("error", "told"), [(h11.LocalProtocolError("closing"), 0), (ZeroDivisionError("ours"), 1)])
def test_only_mistakes_of_ours_are_told(error: Exception, told: int, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.warning("Invalid HTTP request received.")
    logger.error("Exception in ASGI application", exc_info=error)
    assert len(caplog.records) == told

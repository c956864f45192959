from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.control import ControlServer, Labs
from tests.control.client import Client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with ControlServer(Labs(keep=str(tmp_path))) as server:
        yield Client(server)

"""An unpacked tree lies over the machine's files, for one process and those it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

pytestmark = pytest.mark.lab

UNPACKED = {
    "usr/sbin/no-such-server-of-this-machine": "#!/bin/sh\necho runs\n",
    "usr/bin/env": "#!/bin/sh\necho in place of another\n",
    "usr/libexec/no-such-folder/of-this-machine": "x\n",
    "bin/no-such-program-of-this-machine": "#!/bin/sh\necho runs too\n",
    "etc/no-such-file-of-this-machine": "is no program\n",
}
LINKS = sum(entry.is_symlink() for entry in os.scandir("/usr/bin"))
LAID = f"""
import os, sys
sys.path.insert(0, {str(PROJECT)!r})
from testbed.net.view import Sight
Sight(over=(sys.argv[1],)).enter()
os.execvp("sh", ["sh", "-c", sys.argv[2]])
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in UNPACKED.items():
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    (tmp_path / "root/usr/sbin/link-of-no-machine").symlink_to("no-such-server-of-this-machine")
    return tmp_path / "root"


def told(root: Path, command: str) -> str:
    """What a shell says that sees the tree."""
    alone = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
    words = [*alone, sys.executable, "-c", LAID, str(root), command]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/usr/sbin/no-such-server-of-this-machine", "runs"),
        ("/usr/sbin/link-of-no-machine", "runs"),
        ("/usr/bin/env", "in place of another"),
        ("cat /usr/libexec/no-such-folder/of-this-machine", "x"),
        ("/usr/bin/no-such-program-of-this-machine", "runs too"),
        ("cat /etc/no-such-file-of-this-machine 2>&1 >/dev/null | wc -l", "1"),
        ("ls /usr/sbin | wc -l", str(len(os.listdir("/usr/sbin")) + 2)),
        (
            "find /usr/bin -maxdepth 1 -type l | wc -l",
            str(LINKS),
        ),
        ("stat -c %a /usr/bin", f"{os.stat('/usr/bin').st_mode & 0o1777:o}"),
    ],
)
def test_its_programs_are_seen_beside_and_in_place_of_the_machines(command: str, said: str, root: Path) -> None:
    assert told(root, command) == said


def test_the_machine_has_none_of_it(root: Path) -> None:
    assert told(root, "/usr/bin/env") == "in place of another"
    assert not any(Path("/", name).exists() for name in UNPACKED if "no-such" in name)
    assert subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True).stdout != "in place of another"

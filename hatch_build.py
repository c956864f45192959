"""Compiles ``testbed/native`` where there is a C compiler; without one, the wheel is pure Python, and slower.

Packs the captures of the catalogue, which is a third of their size.
"""

from __future__ import annotations

import gzip
import runpy
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUILD = "testbed/native/build.py"
_CAPTURES = "testbed/_catalogue/captures"


class Compiling(BuildHookInterface[Any]):
    """Adds the library to wheels, and puts it beside its sources for editable installs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is built."""
        if version != "editable":
            self._packed = Path(tempfile.mkdtemp())
            build_data["force_include"][str(self._packed)] = _CAPTURES
            for capture in Path(self.root, "captures").iterdir():
                packed = gzip.compress(capture.read_bytes(), mtime=0)
                Path(self._packed, f"{capture.name}.gz").write_bytes(packed)
        native = runpy.run_path(f"{self.root}/{_BUILD}")
        problem = native["build"]()
        if problem:
            print(f"captures will be inspected without the compiled library: {problem}", file=sys.stderr)
            return
        build_data["artifacts"].append(f"testbed/native/{native['LIBRARY'].name}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """When it is built."""
        if version != "editable":
            shutil.rmtree(self._packed)

"""Compiles ``testbed/native`` where there is a C compiler; without one, the wheel is pure Python, and slower."""

from __future__ import annotations

import runpy
import sys
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUILD = "testbed/native/build.py"


class Compiling(BuildHookInterface[Any]):
    """Adds the library to wheels, and puts it beside its sources for editable installs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is built."""
        native = runpy.run_path(f"{self.root}/{_BUILD}")
        problem = native["build"]()
        if problem:
            print(f"captures will be inspected without the compiled library: {problem}", file=sys.stderr)
            return
        build_data["artifacts"].append(f"testbed/native/{native['LIBRARY'].name}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"

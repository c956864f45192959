"""Takes the docs' pictures of reports in a browser: ``python docs/screenshots.py``; without Chromium they stay."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
PROJECT = DOCS.parent
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server"),
)
_LIGHT, _DARK = "1", "0"  # of Blink's preferredColorScheme
# Name, what the page shows, width and height in pixels, colours.
SHOTS = (
    ("report-way", "captures/mailbox-full.pcapng", 1280, 1180, _LIGHT),
    ("report-dark", "captures/reset-after-final-dot.pcapng", 1280, 1180, _DARK),
    ("report-narrow", "captures/mailbox-full.pcapng", 390, 1200, _LIGHT),
)


def main() -> None:
    """Take all of them."""
    browser = shutil.which("chromium")
    if browser is None:
        print("docs/screenshots.py: Chromium is not here, so the screenshots stay as they are", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, capture, width, height, scheme in SHOTS:
            page = Path(folder) / f"{name}.html"
            testbed = (sys.executable, "-m", "testbed", "inspect", "--utc", "--html", str(page), capture)
            subprocess.run(testbed, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
            _shoot(browser, page, DOCS / f"{name}.png", (width, height), scheme, Path(folder) / "profile")


def _shoot(browser: str, page: Path, target: Path, size: tuple[int, int], scheme: str, profile: Path) -> None:
    # A window is never narrower than 500 pixels; a frame in a page may be.
    width, height = size
    framed = page.with_suffix(".framed.html")
    framed.write_text(
        f'<body style="margin:0"><iframe src="{page.name}" width="{width}" height="{height}" style="border:0">'
    )
    command = (
        *(browser, *_QUIET, f"--user-data-dir={profile}", f"--window-size={max(500, width)},{height}"),
        *(f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={target}", framed.as_uri()),
    )
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"}
    )


if __name__ == "__main__":
    main()

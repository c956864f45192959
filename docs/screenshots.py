"""Takes the docs' pictures of reports and of the web mail in a browser; without Chromium they stay as they are.

Run it as ``python docs/screenshots.py``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from testbed import open_lab

DOCS = Path(__file__).parent
PROJECT = DOCS.parent
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server"),
)
_LIGHT, _DARK = "1", "0"  # of Blink's preferredColorScheme
# Name, what the page shows, width and height in pixels, colours.
SHOTS = (
    ("report-way", "captures/mailbox-full.pcapng", 1000, 880, _LIGHT),
    ("report-dark", "captures/reset-after-final-dot.pcapng", 1000, 840, _DARK),
    ("report-narrow", "captures/mailbox-full.pcapng", 390, 1000, _LIGHT),
)
_BOB, _PASSWORD = "bob@someschool.edu", "secret"
_MAIL = (
    ("Lunch?", "Bob,\n\nthe crêperie has a new cook. Shall we try it on Friday at noon?\n\nAlice\n"),
    ("The minutes of Monday", "They are attached.\n"),
    ("Rowing on Sunday", "Bring a towel.\n"),
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
    if find_spec("selenium") is None:
        print("docs/screenshots.py: selenium is not here, so the web mail's stays as it is", file=sys.stderr)
    else:
        _shoot_web_mail(browser)


def _shoot_web_mail(browser: str) -> None:
    """Log in as Bob, as nobody can by the options of a browser."""
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for option in (*_QUIET, "--window-size=1100,520"):
        options.add_argument(option)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    webmail = {"mail.someschool.edu": {"role": "webmail", "server": "someschool.edu", "relay": "crepes.fr"}}
    with open_lab(hosts=webmail) as bed, webdriver.Chrome(options, service) as driver:
        for subject, text in _MAIL:
            bed.send(_BOB, subject=subject, body=text)
        bed.settle()
        host, port = bed.address("mail.someschool.edu", "http")
        driver.implicitly_wait(20)
        driver.get(f"http://{host}:{port}/")
        driver.find_element(By.NAME, "user").send_keys(_BOB)
        driver.find_element(By.NAME, "password").send_keys(_PASSWORD + Keys.ENTER)
        driver.find_element(By.CSS_SELECTOR, "nav[aria-label=Folders]")
        driver.save_screenshot(str(DOCS / "webmail.png"))


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

"""A real browser (Chromium, without a window) that fetches nothing by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("selenium")
from selenium import webdriver

SHOTS = os.environ.get("TESTBED_SCREENSHOTS")  # a folder to keep pictures in, for people who change the look
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server"),
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in (*_OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.implicitly_wait(20)
    yield driver
    driver.quit()


def picture(browser: webdriver.Chrome, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(f"{SHOTS}/{name}.png")


def looked_at(browser: webdriver.Chrome, width: int, scheme: str, *, mobile: bool = False) -> None:
    """Have pages be seen in a window of so many pixels, in a ``light`` or a ``dark`` scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": mobile}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


def barriers(browser: webdriver.Chrome) -> list[str]:
    """What of the page breaks WCAG 2.1 A or AA, as far as axe can tell.  Skips the test where axe is not installed."""
    axe = pytest.importorskip("axe_core_python", reason="the package axe-core-python is not installed")
    browser.execute_script(files(axe).joinpath("axe.min.js").read_text("utf-8"))
    found = browser.execute_async_script(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(arguments[arguments.length - 1])"
    )
    return [f"{one['id']}: {[node['html'] for node in one['nodes'][:3]]}" for one in found["violations"]]


def overhang(browser: webdriver.Chrome) -> int:
    """By how many pixels the page is wider than its window."""
    wide: int = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    return max(0, wide)


def complaints(browser: webdriver.Chrome) -> list[str]:
    """What the page made the browser complain of; its own start page (chrome:) complains of slow networks."""
    messages = [entry["message"] for entry in browser.get_log("browser")]
    return [message for message in messages if not message.startswith("chrome:")]

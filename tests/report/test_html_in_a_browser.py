"""Pages of captures and runs in a real browser, opened from disk: nothing of a mail runs, all is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.report.html.capture import capture_html
from testbed.report.html.compared import comparison_html
from testbed.report.html.differences import differences_html
from testbed.report.html.explored import exploration_html
from testbed.report.html.run import run_html
from testbed.trace.compare.comparison import compare_analyses
from testbed.trace.inspect import inspect
from tests.browser import barriers, browser, complaints, looked_at, overhang, picture
from tests.conftest import PROJECT
from tests.report import test_compared as compared
from tests.report.runs import every_kind, held, inspected, run, scenarios
from tests.report.test_compared import comparison, row
from tests.report.test_explored import OTHER, OURS
from tests.report.test_hostile_output import hostile as hostile_capture

pytest.importorskip("selenium")
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

__all__ = ["browser"]
pytestmark = [pytest.mark.program("chromium"), pytest.mark.program("chromedriver")]

MAILBOX_FULL = PROJECT / "captures" / "mailbox-full.pcapng"
ATTACKS = (
    "<script>document.title='taken over'</script>",
    "<img src=x onerror=\"document.title='taken over'\">",
    "\"><svg onload=document.title='taken over'>",
    "</script><script>document.title='taken over'</script>",
    "{{ 7*7 }}{% raw %}<b>",
    "javascript:document.title='taken over'",
    "</style><style>body{display:none}</style>",
    "<!-- <iframe srcdoc=\"<script>parent.document.title='taken over'</script>\">",
)


def opened(browser: webdriver.Chrome, folder: Path, text: str, fragment: str = "") -> None:
    file = folder / "page.html"
    file.write_text(text, "utf-8")
    browser.get(f"{file.as_uri()}{fragment}")


def shown(browser: webdriver.Chrome, selector: str) -> list[str | None]:
    found = browser.find_elements(By.CSS_SELECTOR, selector)
    return [one.get_attribute("id") for one in found if one.is_displayed()]


@pytest.mark.parametrize("text", ATTACKS, ids=ascii)
def test_hostile_mail_runs_nothing(browser: webdriver.Chrome, tmp_path: Path, text: str) -> None:
    for page in (capture_html([hostile_capture(text)]), run_html(every_kind(text))):
        opened(browser, tmp_path, page)
        title = browser.title
        for summary in browser.find_elements(By.CSS_SELECTOR, "details:not([open]) > summary"):
            browser.execute_script("arguments[0].parentElement.open = true", summary)
        assert browser.title == title != "taken over"
        assert browser.find_element(By.TAG_NAME, "h1").is_displayed()
        assert complaints(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_accessible_and_never_wider_than_the_window(
    browser: webdriver.Chrome, tmp_path: Path, width: int, scheme: str
) -> None:
    """WCAG 2.1 A and AA, as far as axe can tell."""
    looked_at(browser, width, scheme, mobile=width < 600)
    bob, carol = scenarios()
    mailbox_full, delivered = inspect(MAILBOX_FULL), inspect(PROJECT / "captures" / "delivered.pcapng")
    pages = {
        "capture": capture_html([inspect(MAILBOX_FULL)]),
        "run": run_html(run(held(bob), inspected(carol, "it broke"))),
        "exploration": exploration_html([[OURS, OTHER]]),
        "differences": differences_html(mailbox_full, delivered, compare_analyses(mailbox_full, delivered)),
        "comparison": comparison_html(comparison(row(compared.OURS, compared.EXIM))),
    }
    for name, page in pages.items():
        opened(browser, tmp_path, page)
        browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert barriers(browser) == []
        assert overhang(browser) == 0
        picture(browser, f"{name}-{width}-{scheme}")


def test_a_link_to_a_frame_opens_its_connection_and_shows_its_octets(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, capture_html([inspect(MAILBOX_FULL)]), "#frame=22")
    row = browser.find_element(By.ID, "frame=22")
    assert row.is_displayed()
    panel = browser.find_element(By.ID, "octets")
    assert "Frame 22" in panel.text
    assert "250 2.0.0 Qu" in panel.find_element(By.TAG_NAME, "pre").text
    panel.find_element(By.CLASS_NAME, "close").click()
    assert not panel.is_displayed()


def test_a_finding_leads_to_its_frame(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, capture_html([inspect(MAILBOX_FULL)]))
    browser.find_element(By.CSS_SELECTOR, ".found .warning a").click()
    assert browser.current_url.endswith("#frame=50")
    assert browser.find_element(By.CSS_SELECTOR, ".rung.here").get_attribute("id") == "frame=50"


def test_searching_leaves_what_was_searched_for(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, capture_html([inspect(MAILBOX_FULL)]))
    browser.find_element(By.TAG_NAME, "body").send_keys("/")
    browser.switch_to.active_element.send_keys("452 4.2.2")
    browser.implicitly_wait(0)
    left = [
        one.get_attribute("id") for one in browser.find_elements(By.CSS_SELECTOR, ".connection") if one.is_displayed()
    ]
    assert left == ["c5", "c8"]
    browser.find_element(By.ID, "search").clear()
    browser.find_element(By.ID, "wrong").click()
    left = [
        one.get_attribute("id") for one in browser.find_elements(By.CSS_SELECTOR, ".connection") if one.is_displayed()
    ]
    assert left == ["c5", "c8"]


def test_a_packed_scenario_is_unpacked_where_it_is_looked_at(browser: webdriver.Chrome, tmp_path: Path) -> None:
    outcomes = [inspected(scenarios(f"Number {number}")[0], "it broke") for number in range(25)]
    opened(browser, tmp_path, run_html(run(*outcomes)))
    last = browser.find_element(By.ID, "s25")
    last.find_element(By.TAG_NAME, "summary").click()
    assert last.find_element(By.CSS_SELECTOR, ".timeline").is_displayed()
    opened(browser, tmp_path, run_html(run(*outcomes)), "#s24.frame=50")
    WebDriverWait(browser, 20).until(lambda page: page.find_element(By.ID, "s24.frame=50").is_displayed())
    assert complaints(browser) == []


def test_without_scripts_all_of_a_capture_can_be_read(browser: webdriver.Chrome, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened(browser, tmp_path, capture_html([inspect(MAILBOX_FULL)]))
    text = browser.find_element(By.TAG_NAME, "body").text
    for words in ("mailbox full (temporary)", "452 4.2.2 Mailbox full", "SYN-ACK", "Download mailbox-full.pcapng"):
        assert words in text
    assert "Search" not in text


def test_all_is_reached_by_the_keyboard(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, capture_html([inspect(MAILBOX_FULL)]))
    browser.find_element(By.TAG_NAME, "body").send_keys("j")
    first = browser.switch_to.active_element
    assert "#2" in first.text
    first.send_keys(Keys.ENTER)
    assert browser.find_element(By.ID, "frame=6").is_displayed()
    first.send_keys("j")
    assert "#5" in browser.switch_to.active_element.text

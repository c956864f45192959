"""The page over the control API in a real browser: it works, for all people, and hostile mail runs nothing in it."""

from __future__ import annotations

import pytest

from tests.browser import barriers, browser, complaints, looked_at, overhang, picture
from tests.control.client import BOB, Client
from tests.patience import HANG_S

pytest.importorskip("selenium")
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from selenium.webdriver.support.wait import WebDriverWait

__all__ = ["browser"]
pytestmark = [pytest.mark.lab, pytest.mark.program("chromium"), pytest.mark.program("chromedriver")]


ATTACK = "<img src=x onerror=\"document.title='taken over'\"><script>document.title='taken over'</script>"


def text(browser: webdriver.Chrome, name: str) -> str:
    return browser.find_element(By.ID, name).text


def wait_for(browser: webdriver.Chrome, name: str, words: str) -> None:
    WebDriverWait(browser, HANG_S).until(lambda driver: words in text(driver, name), f"{words!r} in {name}")


def press(browser: webdriver.Chrome, selector: str) -> None:
    found = browser.find_element(By.CSS_SELECTOR, selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)  # not behind the page's head
    found.click()


def opened(browser: webdriver.Chrome, client: Client, **order: object) -> str:
    lab = client.open(**order)
    browser.get(client.server.page)
    wait_for(browser, "hosts", "crepes.fr")
    return lab


def test_a_class_sets_a_fault_sends_and_lets_time_pass(browser: webdriver.Chrome, client: Client) -> None:
    lab = opened(browser, client)
    assert browser.current_url == f"{client.server.url}/"  # the token is in no history
    Select(browser.find_element(By.ID, "where")).select_by_visible_text(BOB)
    press(browser, "#fault button")
    wait_for(browser, "faults", "the mailbox of bob@someschool.edu is full")
    press(browser, "#send button")
    wait_for(browser, "hosts", "bob@someschool.edu · tried once · again in")
    press(browser, "[data-key='lift 1']")
    wait_for(browser, "faults", "(lifted)")
    press(browser, "[data-key='jump 1h']")
    wait_for(browser, "hosts", "bob@someschool.edu: 1 message")
    wait_for(browser, "log", "fault 1 is lifted")
    press(browser, "#judge")
    wait_for(browser, "verdicts", "no mail is lost, and none is duplicated without cause: holds so far")
    picture(browser, "control")
    press(browser, "[data-key^='box bob']")
    wait_for(browser, "messages", "At noon?")
    press(browser, "#empty")
    wait_for(browser, "mail-title", "0 messages")
    press(browser, "#close")
    press(browser, "#end")
    wait_for(browser, "state", "has ended")
    assert client.done("GET", lab)["state"] == "ended"
    assert complaints(browser) == []


def test_a_lab_is_brought_up_from_the_page(browser: webdriver.Chrome, client: Client) -> None:
    browser.get(client.server.page)
    wait_for(browser, "state", "No lab is open.")
    press(browser, "#new")
    press(browser, "#bring button")
    wait_for(browser, "title", "Mail is delivered")
    press(browser, "#new")
    scenario = browser.find_element(By.ID, "scenario")
    scenario.clear()
    scenario.send_keys("@catalogue/nowhere-at-all")
    press(browser, "#bring button")
    wait_for(browser, "problem", "the catalogue holds no 'nowhere-at-all'")


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_hostile_mail_runs_nothing(browser: webdriver.Chrome, client: Client, kind: str) -> None:
    lab = client.open(scenario={"title": ATTACK})
    body = ATTACK if kind == "plain" else f"<html><body>{ATTACK}</body></html>"
    client.done("POST", f"{lab}/steps", {"send": {"to": BOB, "subject": ATTACK, "body": body}})
    browser.get(client.server.page)
    wait_for(browser, "hosts", "bob@someschool.edu: 1 message")
    press(browser, "[data-key^='box bob']")
    wait_for(browser, "messages", ATTACK)
    press(browser, "#close")
    press(browser, "#judge")
    wait_for(browser, "verdicts", "holds so far")
    assert browser.title == ATTACK
    assert browser.find_elements(By.CSS_SELECTOR, "main img, dialog img, body script") == []
    assert complaints(browser) == []


def test_whoever_has_no_token_is_asked_for_it(browser: webdriver.Chrome, client: Client) -> None:
    client.open()
    browser.get(f"{client.server.url}/")
    field = browser.find_element(By.ID, "token")
    field.send_keys("wrong" + Keys.ENTER)
    WebDriverWait(browser, HANG_S).until(lambda driver: field.is_displayed())
    field.clear()
    field.send_keys(client.server.token + Keys.ENTER)
    wait_for(browser, "hosts", "crepes.fr")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_accessible_and_never_wider_than_the_window(
    browser: webdriver.Chrome, client: Client, width: int, scheme: str
) -> None:
    """WCAG 2.1 A and AA, as far as axe can tell."""
    looked_at(browser, width, scheme, mobile=width < 600)
    full = {"bob": {"quota": "20 KB", "filled": "20 KB"}}
    lab = client.open(scenario={"hosts": {"someschool.edu": {"mailboxes": full}}})
    client.done("POST", f"{lab}/faults", {"host": "ns.lab", "is": "silent", "from": "1h"})
    client.done("POST", f"{lab}/steps", {"send": {"to": BOB}})
    browser.get(client.server.page)
    wait_for(browser, "hosts", "tried once")
    press(browser, "#judge")
    wait_for(browser, "verdicts", "holds so far")
    for dialog in ("", "[data-key^='box bob']", "#new"):
        if dialog:
            press(browser, dialog)
        assert barriers(browser) == []
        assert overhang(browser) == 0
        picture(browser, f"control-{width}-{scheme}")
        if dialog:
            browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)


def test_the_keyboard_is_enough(browser: webdriver.Chrome, client: Client) -> None:
    opened(browser, client)
    reached, name = [], "const e = document.activeElement; return e.dataset.key || e.id || e.name"
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.execute_script(name))
    assert {"new", "jump 5d", "to", "where", "what", "said", "log", "judge", "trace", "report", "end"} <= set(reached)

"""The web mail in a real browser (Chromium, without a window): nothing of a mail runs, nothing is fetched."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from tests.browser import browser, looked_at, picture
from tests.hosts.webmail.conftest import BOB, PASSWORD, Web
from tests.hosts.webmail.test_pages import mail

pytest.importorskip("selenium")
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

__all__ = ["browser"]
pytestmark = [pytest.mark.program("chromium"), pytest.mark.program("chromedriver")]


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Somebody's web server, and what was fetched from it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def log_in(browser: webdriver.Chrome, web: Web) -> None:
    browser.get(web.url)
    browser.find_element(By.NAME, "user").send_keys(BOB)
    browser.find_element(By.NAME, "password").send_keys(PASSWORD + Keys.ENTER)
    browser.find_element(By.CSS_SELECTOR, "nav[aria-label=Folders]")


def hostile(there: str) -> str:
    return f"""<html><head><style>@import url({there}/import.css); body {{ background: url({there}/back) }}</style>
<script src="{there}/script.js"></script><script>document.title = "taken over"; fetch("{there}/fetch")</script>
<link rel="stylesheet" href="{there}/sheet.css"><meta http-equiv="refresh" content="0;url={there}/refresh"></head>
<body onload="document.title = 'taken over'"><h2>A fine offer</h2><p>Dear Bob, look at <b>this</b>:</p>
<img src="{there}/pixel.gif" alt="the picture of an offer"><img src="x" onerror="document.title = 'taken over'">
<svg onload="document.title = 'taken over'"></svg><iframe src="{there}/frame"></iframe>
<object data="{there}/object"></object><video src="{there}/video" autoplay></video>
<form action="{there}/form"><input name="password" autofocus><button>Win</button></form>
<a href="javascript:document.title='taken over'" id="trap">a trap</a> and
<a href="{there}/link" ping="{there}/ping">a link</a>
<blockquote>Said earlier</blockquote></body></html>"""


def test_a_hostile_mail_runs_nothing_and_fetches_nothing(
    web: Web, browser: webdriver.Chrome, elsewhere: tuple[str, list[str]]
) -> None:
    there, asked = elsewhere
    web.put(mail("<script>document.title='taken over'</script>", hostile(there), "Content-Type: text/html\n"))
    log_in(browser, web)
    browser.find_element(By.CSS_SELECTOR, ".list a").click()
    shown = browser.find_element(By.CLASS_NAME, "html")
    assert "A fine offer" in shown.text
    picture(browser, "hostile")
    trap = next(link for link in shown.find_elements(By.TAG_NAME, "a") if link.text == "a trap")
    trap.click()
    assert "taken over" not in browser.title.replace("<script>document.title='taken over'</script>", "")
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.current_url.startswith(web.url)
    assert asked == []
    # What is left is the clean text, so not even the browser's policy had to step in.
    assert [entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]] == []


def test_the_policy_holds_where_the_cleaning_does_not(
    web: Web, browser: webdriver.Chrome, elsewhere: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second wall: with the first one broken, still nothing runs and nothing is fetched."""
    there, asked = elsewhere
    monkeypatch.setattr("testbed.hosts.webmail.letter._clean", lambda html, pictures: (html, 0))
    body = hostile(there).replace(f'<meta http-equiv="refresh" content="0;url={there}/refresh">', "")
    web.put(mail("Hello", body, "Content-Type: text/html\n"))
    log_in(browser, web)
    browser.find_element(By.CSS_SELECTOR, ".list a").click()
    assert "A fine offer" in browser.find_element(By.CLASS_NAME, "html").text
    assert browser.title.startswith("Hello")
    assert asked == []


def test_all_is_reached_by_the_keyboard(web: Web, browser: webdriver.Chrome) -> None:
    web.put(mail("First"))
    log_in(browser, web)
    reached = []
    for _ in range(13):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        reached.append(active.text or active.get_attribute("aria-label") or active.get_attribute("value"))
        outline = active.value_of_css_property("outline-style")
        assert outline != "none", reached
    assert reached[0] == "To the content"
    for word in ("Search", "Write", "Choose: First", "Delete", "Move"):
        assert any(word in one for one in reached), reached


# The buttons of the header whose middle shows something else.
_COVERED = """
return [...document.querySelectorAll('.bar button, .bar input')].filter(one => {
  const {x, y, width, height} = one.getBoundingClientRect();
  return width && !one.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}).map(one => one.outerHTML);
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 900, 1400])
def test_it_fits_the_window(web: Web, browser: webdriver.Chrome, width: int, dark: bool) -> None:
    for number in range(28):
        web.put(mail(f"About the lunch on day {number}, and everything else there is to say of it at length"))
    web.put(mail("Réunion", "x" * 300 + "\n\n> quoted\n\nBob", "Content-Type: text/plain; charset=utf-8\n"))
    looked_at(browser, width, "dark" if dark else "light")
    name = f"{width}-{'dark' if dark else 'light'}"
    browser.get(web.url)
    pages = {"login": browser.current_url}
    picture(browser, f"login-{name}")
    log_in(browser, web)
    web.get("/login")
    pages["inbox"] = web.url + "/mail"
    pages["message"] = browser.find_element(By.CSS_SELECTOR, ".list a").get_attribute("href")
    pages["compose"] = pages["message"].replace("/message", "/compose")
    pages["error"] = web.url + "/mail?folder=Nowhere"
    for page, address in pages.items():
        browser.get(address)
        picture(browser, f"{page}-{name}")
        inside = browser.execute_script("return document.documentElement.scrollWidth")
        assert inside <= width, page
        assert browser.execute_script(_COVERED) == [], page
    back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(20, 23, 26)") == dark

"""The pages of the web mail: a Starlette application over one IMAP and one SMTP server.

Every page is a whole HTML document and every act a form: nothing needs a script, and none would run.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import TypeVar

from jinja2 import Environment, PackageLoader
from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from testbed.hosts.webmail import letter as letters
from testbed.hosts.webmail.compose import Draft, answer_to, compose
from testbed.hosts.webmail.exchange import (
    HEADERS,
    Form,
    RequestRefused,
    folder_in,
    link_to,
    place_in,
    read_form,
    secure,
    see_other,
    whole_number,
)
from testbed.hosts.webmail.mailbox import (
    Connect,
    Folder,
    ImapMailbox,
    LoginRefused,
    MailboxError,
    NotInMailbox,
    Page,
    mailbox,
)
from testbed.hosts.webmail.sessions import Sessions, WebmailSession

_COOKIE, _LOGIN_COOKIE = "webmail", "webmail-login"
_MAX_QUERY = 200  # characters that are searched for

Answer = TypeVar("Answer")


class Backend(Struct, frozen=True):
    """What the web mail works with.

    ``imap`` connects to the IMAP server; ``send`` submits a message and gives what was refused, by recipient; ``now``
    is scenario time in seconds.
    """

    name: str
    domain: str
    imap: Connect
    send: Callable[[str, list[str], bytes], Awaitable[dict[str, str]]]
    now: Callable[[], float]
    date: Callable[[], str]


class Pages:
    """The handlers; one instance per web mail."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._sessions = Sessions(backend.now)
        self._templates = Environment(
            loader=PackageLoader("testbed.hosts.webmail"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._style = resources.files("testbed.hosts.webmail").joinpath("style.css").read_text("utf-8")

    # -- pages ------------------------------------------------------------------------------------------

    async def home(self, request: Request) -> Response:
        """To the inbox, or to the login."""
        return see_other("/mail" if self._session(request) else "/login")

    async def login(self, request: Request) -> Response:
        """The login form, and what it posts."""
        if request.method == "GET":
            return self._login_form("", "", 200)
        form = await read_form(request)
        token, sent = request.cookies.get(_LOGIN_COOKIE, ""), form.one("token")
        if not token or not secrets.compare_digest(token.encode(), sent.encode()):
            return self._login_form(form.one("user"), "The form had grown old; please try again.", 403)
        user, password = form.one("user").strip(), form.one("password")
        try:
            await self._with_mailbox(WebmailSession(user, password), _only_log_in)
        except LoginRefused as refusal:
            return self._login_form(user, str(refusal), 403)
        name, _ = self._sessions.begin(user, password)
        response = see_other("/mail")
        response.set_cookie(_COOKIE, name, httponly=True, samesite="strict", secure=secure(request))
        return response

    async def logout(self, request: Request) -> Response:
        """The end of a session."""
        _, _ = await self._posted(request)
        self._sessions.end(request.cookies.get(_COOKIE, ""))
        response = see_other("/login")
        response.delete_cookie(_COOKIE, httponly=True, samesite="strict")
        return response

    async def folder(self, request: Request) -> Response:
        """The messages of a folder."""
        session = self._known(request)
        name, query = folder_in(request.query_params.get("folder", "INBOX")), _query(request.query_params.get("q", ""))
        number = whole_number(request.query_params.get("page", "1"))

        async def look(box: ImapMailbox) -> tuple[list[Folder], Page]:
            return await box.folders(), await box.page(name, number, query)

        folders, page = await self._with_mailbox(session, look)

        def address(other: int) -> str:
            return link_to("/mail", folder=name, q=query, page=str(other))

        return self._page("folder", session, folders=folders, folder=name, page=page, query=query, page_link=address)

    async def message(self, request: Request) -> Response:
        """One message, from then on read."""
        session = self._known(request)
        name, uid = place_in(request.query_params)

        async def look(box: ImapMailbox) -> tuple[bytes, list[Folder], tuple[int | None, int | None]]:
            return await box.message(name, uid), await box.folders(), await box.neighbours(name, uid)

        content, folders, (newer, older) = await self._with_mailbox(session, look)
        link = link_to("/part", folder=name, uid=str(uid), number="")
        shown = letters.letter(letters.parse(content), link)
        return self._page(
            "message", session, folders=folders, folder=name, uid=uid, letter=shown, newer=newer, older=older, part=link
        )

    async def part(self, request: Request) -> Response:
        """A part of a message: a picture of the page itself, or something to be saved."""
        session = self._known(request)
        name, uid = place_in(request.query_params)
        number = whole_number(request.query_params.get("number", ""))
        content = await self._with_mailbox(session, lambda box: box.message(name, uid, mark=False))
        found = letters.part(letters.parse(content), number)
        if found is None:
            raise RequestRefused(404, "There is no such part.")
        headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
        if not found.picture or request.query_params.get("save"):
            headers["Content-Disposition"] = letters.disposition(found.name)
        kind = found.kind if found.picture else "application/octet-stream"
        return Response(found.content, media_type=kind, headers=headers)

    async def act(self, request: Request) -> Response:
        """Delete, move, or mark messages, and go back to the folder."""
        form, session = await self._posted(request)
        name, deed, to = folder_in(form.one("folder") or "INBOX"), form.one("deed"), folder_in(form.one("to"))
        query, page = _query(form.one("q")), whole_number(form.one("page") or "1")
        uids = [whole_number(text) for text in form.all("uid")]
        if deed not in ("delete", "move", "read", "unread") or (deed == "move" and not to):
            raise RequestRefused(400, "Nothing is known by that name.")

        async def do(box: ImapMailbox) -> None:
            match deed:
                case "delete":
                    await box.delete(name, uids)
                case "move":
                    await box.move(name, uids, to)
                case _:
                    await box.mark(name, uids, seen=deed == "read")

        await self._with_mailbox(session, do)
        return see_other(link_to("/mail", folder=name, q=query, page=str(page)))

    async def compose(self, request: Request) -> Response:
        """The form of a new message or an answer, and what it posts."""
        if request.method == "GET":
            session = self._known(request)
            draft = Draft(to=request.query_params.get("to", "")[:1_000])
            if "uid" in request.query_params:
                name, uid = place_in(request.query_params)
                content = await self._with_mailbox(session, lambda box: box.message(name, uid))
                draft = answer_to(letters.letter(letters.parse(content), ""))
            return await self._draft(session, draft, "", 200)
        form, session = await self._posted(request)
        draft = Draft(form.one("to"), form.one("subject"), form.one("body"), form.one("answers"), form.one("thread"))
        sender = session.user if "@" in session.user else f"{session.user}@{self._backend.domain}"
        try:
            recipients, content = compose(draft, sender, self._backend.date(), self._backend.name)
        except ValueError as error:
            return await self._draft(session, draft, str(error), 422)
        refused = await self._backend.send(sender, recipients, content)
        if refused:
            reasons = "; ".join(f"{recipient}: {reason}" for recipient, reason in refused.items())
            taken = "" if len(refused) == len(recipients) else " It has gone to the others."
            return await self._draft(session, draft, f"It was not taken. {reasons}.{taken}", 422)
        await self._with_mailbox(session, lambda box: box.keep_sent(content))
        return see_other(link_to("/mail", folder="Sent"))

    async def style(self, request: Request) -> Response:
        """The style sheet."""
        return Response(self._style, media_type="text/css", headers={**HEADERS, "Cache-Control": "max-age=3600"})

    async def refusal(self, request: Request, error: Exception) -> Response:
        """What went wrong, as a page."""
        if isinstance(error, LoginRefused):  # the password was changed meanwhile
            self._sessions.end(request.cookies.get(_COOKIE, ""))
            return see_other("/login")
        if isinstance(error, HTTPException):
            status, reason = error.status_code, "There is no such page."
        elif isinstance(error, RequestRefused):
            if error.status == 401:
                return see_other("/login")
            status, reason = error.status, error.reason
        else:
            status, reason = 404 if isinstance(error, NotInMailbox) else 502, str(error)
        return self._page("error", self._session(request), status, reason=reason)

    # -- what they share --------------------------------------------------------------------------------

    def _session(self, request: Request) -> WebmailSession | None:
        return self._sessions.find(request.cookies.get(_COOKIE, ""))

    def _known(self, request: Request) -> WebmailSession:
        session = self._session(request)
        if session is None:
            raise RequestRefused(401, "Nobody is logged in.")
        return session

    async def _posted(self, request: Request) -> tuple[Form, WebmailSession]:
        """A form somebody logged in has posted from a page of ours."""
        session = self._known(request)
        form = await read_form(request)
        if not session.sent(form.one("token")):
            raise RequestRefused(403, "This form does not come from a page of yours.")
        return form, session

    async def _with_mailbox(self, session: WebmailSession, work: Callable[[ImapMailbox], Awaitable[Answer]]) -> Answer:
        async with mailbox(self._backend.imap, session.user, session.password) as box:
            return await work(box)

    async def _draft(self, session: WebmailSession, draft: Draft, complaint: str, status: int) -> Response:
        folders = await self._with_mailbox(session, lambda box: box.folders())
        return self._page("compose", session, status, folders=folders, folder="", draft=draft, complaint=complaint)

    def _login_form(self, user: str, complaint: str, status: int) -> Response:
        token = secrets.token_urlsafe()
        response = self._page("login", None, status, user=user, complaint=complaint, token=token)
        response.set_cookie(_LOGIN_COOKIE, token, httponly=True, samesite="strict", path="/login")
        return response

    def _page(self, template: str, session: WebmailSession | None, status: int = 200, **values: object) -> Response:
        if session is not None:
            values = {"token": session.token, "me": session.user, **values}
        values = {"site": self._backend.domain, "link": link_to, **values}
        text = self._templates.get_template(f"{template}.html").render(**values)
        return HTMLResponse(text, status, headers=HEADERS)


def _query(text: str) -> str:
    return text.strip()[:_MAX_QUERY]


async def _only_log_in(box: ImapMailbox) -> None:
    pass


def application(backend: Backend) -> Starlette:
    """The whole web mail as an ASGI application."""
    pages = Pages(backend)
    routes = [
        Route("/", pages.home),
        Route("/login", pages.login, methods=["GET", "POST"]),
        Route("/logout", pages.logout, methods=["POST"]),
        Route("/mail", pages.folder),
        Route("/message", pages.message),
        Route("/part", pages.part),
        Route("/act", pages.act, methods=["POST"]),
        Route("/compose", pages.compose, methods=["GET", "POST"]),
        Route("/style.css", pages.style),
    ]
    handlers = dict.fromkeys((MailboxError, RequestRefused, HTTPException), pages.refusal)
    return Starlette(routes=routes, exception_handlers=handlers)

"""What every page shares of HTTP: headers that keep a browser safe, forms, addresses, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

_MAX_FORM_OCTETS = 2_000_000
_MAX_FIELDS = 500
_MAX_FOLDER = 1_000  # characters of a folder's name; it goes into addresses, hence into header fields
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class RequestRefused(Exception):
    """The answer to a request that is not right, as a status and a sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Form:
    """What a form holds; a name may come several times."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def one(self, name: str) -> str:
        """The first value of a name, ``""`` when there is none."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Every value of a name."""
        return self._values.get(name, [])


async def read_form(request: Request) -> Form:
    """A posted form (application/x-www-form-urlencoded), of bounded size."""
    content = bytearray()
    try:
        async for piece in request.stream():
            content += piece
            if len(content) > _MAX_FORM_OCTETS:
                raise RequestRefused(413, "That is too much for one form.")
        return Form(parse_qs(content.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"))
    except (ValueError, ClientDisconnect):
        raise RequestRefused(400, "The form cannot be understood.") from None


def place_in(query: Mapping[str, str]) -> tuple[str, int]:
    """The folder and the message an address names."""
    return folder_in(query.get("folder", "INBOX")), whole_number(query.get("uid", ""))


def folder_in(name: str) -> str:
    """A folder's name from a form or an address.  Raises RequestRefused."""
    if len(name) > _MAX_FOLDER:
        raise RequestRefused(400, "No folder has a name as long as this.")
    return name


def whole_number(text: str) -> int:
    """A number from a form or an address.  Raises RequestRefused."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise RequestRefused(400, "A number is missing.")
    return min(int(text), 2**32 - 1)


def link_to(path: str, **query: str) -> str:
    """An address of ours, without what is empty."""
    given = {name: value for name, value in query.items() if value or name == "number"}
    return f"{path}?{urlencode(given)}" if given else path


def see_other(address: str) -> Response:
    """To another page (RFC 9110 §15.4.4)."""
    return RedirectResponse(address, 303, headers=HEADERS)


def secure(request: Request) -> bool:
    """Whether the browser speaks TLS with us."""
    return request.url.scheme == "https"

"""What servers of ManageSieve tell, as data."""

from __future__ import annotations

from msgspec import Struct

from testbed.trace.model.exchange import Exchange, ServiceResult


class ScriptResult(Struct, ServiceResult, frozen=True):
    """What the reply to one command says.

    ``code`` is the response code, in upper case and without its parentheses, ``text`` what is meant for people, safe to
    show (RFC 5804 §1.3); ``listed`` is how many scripts LISTSCRIPTS gave, None for any other command.
    """

    code: str = ""
    text: str = ""
    listed: int | None = None


_NOTHING = ScriptResult()


def script_result(exchange: Exchange) -> ScriptResult:
    """The result of an exchange of ManageSieve, an empty one for any other."""
    return exchange.result if isinstance(exchange.result, ScriptResult) else _NOTHING

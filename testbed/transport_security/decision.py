"""What a client does with a server after it has seen what TLS is to be had there: send, send in clear, or wait.

RFC 7672 §2.2, RFC 8461 §5, RFC 7435 §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from testbed.transport_security.certificates import NotProven, prove
from testbed.transport_security.demand import Demand
from testbed.transport_security.tlsa import authenticate

Deed = Literal["send", "send-in-clear", "wait"]


class Seen(Struct, frozen=True):
    """What a client has seen of a server's TLS.

    ``chain`` are its certificates in DER, its own first, none where there is no TLS; ``trouble`` says why, with the
    word of RFC 8460 §4.3 for it in ``result``.  ``at`` is when, in seconds since the epoch.
    """

    at: float
    chain: Sequence[bytes] = ()
    trouble: str = ""
    result: str = "starttls-not-supported"


class Decision(Struct, frozen=True):
    """What to do.  ``why`` is a sentence without its end; ``proven`` tells that the server is who it should be.

    ``result`` is the word of RFC 8460 §4.3 for what has failed, also where the mail is sent all the same, else ``""``.
    """

    deed: Deed
    why: str
    proven: bool = False
    result: str = ""


def before_connecting(demand: Demand) -> Decision | None:
    """A server that may not be used, whatever its TLS; None for one that is to be tried."""
    if demand.refusal and not demand.testing:
        return Decision("wait", demand.refusal, result=demand.result)
    return None


def decide(demand: Demand, seen: Seen, anchors: Sequence[bytes] = ()) -> Decision:
    """What to do.  ``anchors`` are the authorities the client trusts, in DER."""
    clear = demand.level == "tried" or demand.testing
    if not seen.chain:
        why = seen.trouble or "there is no TLS"
        return Decision("send-in-clear" if clear else "wait", why, result=seen.result)
    if demand.refusal:
        return Decision("send" if demand.testing else "wait", demand.refusal, result=demand.result)
    try:
        return _proof(demand, seen, anchors)
    except NotProven as failure:
        return Decision("send" if demand.testing else "wait", str(failure), result=failure.result)


def _proof(demand: Demand, seen: Seen, anchors: Sequence[bytes]) -> Decision:
    match demand.level:
        case "dane":
            record = authenticate(seen.chain, demand.tlsa, demand.names, seen.at)
            return Decision("send", f"its certificate matches TLSA {record}", proven=True)
        case "pkix":
            prove(seen.chain, anchors, demand.names, seen.at)
            return Decision("send", f"its certificate is good for {' or '.join(demand.names)}", proven=True)
        case "encrypted":
            return Decision("send", "there is TLS; none of its TLSA records can be used to tell with whom")
        case "tried":
            return Decision("send", "there is TLS; nobody says with what certificate")

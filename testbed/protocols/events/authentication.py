"""What servers log of their checks of who a message is from."""

from __future__ import annotations

from testbed.protocols.events.event import event
from testbed.protocols.events.message import ForRecipients


@event("authenticated")
class Authenticated(ForRecipients):
    """What a server's checks found, in the words of RFC 8601, ``""`` for those that were not made.

    ``client`` is who brought it, ``domain`` the author's; ``deed`` is what becomes of it: accept, junk, refuse or
    later; ``cause`` the check and its result that decided, ``status`` the reply that refuses.
    """

    client: str
    domain: str = ""
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    arc: str = ""
    ptr: str = ""
    dnsbl: str = ""
    deed: str = "accept"
    cause: str = ""
    status: str = ""


@event("dmarc-reported")
class DmarcReported(ForRecipients):
    """What a server found of a domain's mail in a day goes to the domain's owner, or to nobody (RFC 9990).

    ``messages`` tells of how many; ``withheld`` are addresses that get no report, as they did not agree.
    """

    domain: str
    messages: int
    withheld: tuple[str, ...] = ()


@event("failure-reported")
class FailureReported(ForRecipients):
    """That a message of a domain failed goes to the domain's owner, or to nobody (RFC 9991).

    ``failure`` is a word of RFC 6591 §3.3 (Auth-Failure), ``about`` the message's Message-ID; ``withheld`` are
    addresses that get no report, as they did not agree.
    """

    domain: str
    failure: str
    about: str = ""
    withheld: tuple[str, ...] = ()

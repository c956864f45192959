"""What a client must have of TLS with one mail server, from what the recipient's domain publishes.

DANE goes before MTA-STS (RFC 8461 §2), a message's own demand before both (RFC 8689 §4.2).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from testbed.transport_security.mta_sts import StsPolicy
from testbed.transport_security.tlsa import Tlsa, told, usable

Level = Literal["tried", "encrypted", "pkix", "dane"]
"""TLS where it can be had; TLS with whomever; with a certificate of a trusted authority; with one that TLSA names."""

Source = Literal["", "dane", "mta-sts", "requiretls"]


class TlsaAnswer(Struct, frozen=True):
    """What a client was told of a server's TLSA records.

    ``records`` are those of an authenticated answer, so there are none where the zone is not signed.  ``failure`` is
    why nothing is known, as the rest of a sentence: such a server cannot be used (RFC 7672 §2.1.3).
    """

    records: tuple[Tlsa, ...] = ()
    failure: str = ""


class Demand(Struct, frozen=True):
    """What must hold of TLS with one server before mail is sent to it.

    ``names`` are those its certificate may bear, ``tlsa`` the records it must match.  ``testing`` tells that failing is
    noted and the mail sent all the same (RFC 8461 §5).  ``refusal`` is why the server may not be used at all, as the
    rest of a sentence, with the word of RFC 8460 §4.3 for it in ``result``.  ``source`` is who demands it.
    """

    level: Level = "tried"
    source: Source = ""
    names: tuple[str, ...] = ()
    tlsa: tuple[Tlsa, ...] = ()
    testing: bool = False
    refusal: str = ""
    result: str = ""


def demand_for(
    host: str, domain: str, dane: TlsaAnswer | None, sts: StsPolicy | None, *, only_dane: bool = False
) -> Demand:
    """What must hold with an MX of a domain.

    ``dane`` is None for a client without DANE, ``sts`` where there is no policy, or the client asks for none.
    ``only_dane`` is the client's own: without TLSA records it sends nothing.
    """
    found = _of_dane(host, domain, dane)
    if found is not None:
        return found
    if only_dane:
        return Demand(
            source="dane", refusal=f"{host} has no TLSA records, without which nothing is sent", result="dane-required"
        )
    return _of_sts(host, domain, sts) or Demand()


def _of_dane(host: str, domain: str, dane: TlsaAnswer | None) -> Demand | None:
    if dane is None or (not dane.records and not dane.failure):
        return None
    if dane.failure:
        refusal = f"whether {host} has TLSA records is not known: {dane.failure}"
        return Demand(source="dane", refusal=refusal, result="dnssec-invalid")
    if usable(dane.records):
        return Demand("dane", "dane", (host, domain), dane.records)
    return Demand("encrypted", "dane", tlsa=dane.records)  # RFC 7672 §2.2: TLS is promised, by whom cannot be told


def _of_sts(host: str, domain: str, sts: StsPolicy | None) -> Demand | None:
    if sts is None or sts.mode == "none":
        return None
    testing = sts.mode == "testing"
    if sts.allows(host):
        return Demand("pkix", "mta-sts", (host,), testing=testing)
    refusal = f"{host} is no MX that the policy of {domain} allows ({', '.join(sts.mx[:5])})"
    return Demand(source="mta-sts", testing=testing, refusal=refusal, result="validation-failure")


def required_by_sender(demand: Demand, host: str, *, mx_is_authentic: bool) -> Demand:
    """The same for a message with REQUIRETLS (RFC 8689 §4.2.1).

    ``mx_is_authentic`` tells that the MX comes from signed records; else a policy of MTA-STS must allow it.
    """
    if demand.refusal or demand.level == "dane":
        return replace(demand, testing=False)
    if demand.level == "encrypted":
        refusal = f"none of the TLSA records of {host} can be used to tell whose certificate it has"
        return Demand(source="requiretls", refusal=refusal, result="validation-failure")
    if not (mx_is_authentic or demand.source == "mta-sts"):
        refusal = f"nothing proves that {host} is an MX of the domain (neither DNSSEC nor MTA-STS)"
        return Demand(source="requiretls", refusal=refusal, result="validation-failure")
    return replace(demand, level="pkix", source=demand.source or "requiretls", names=(host,), testing=False)


def words(demand: Demand) -> str:
    """A demand as the rest of a sentence: what the server must show."""
    by = {"": "", "dane": " (DANE)", "mta-sts": " (MTA-STS)", "requiretls": " (REQUIRETLS)"}[demand.source]
    said = {
        "tried": "TLS where it can be had",
        "encrypted": "TLS, with any certificate",
        "pkix": f"TLS, with a good certificate for {' or '.join(demand.names)}",
        "dane": f"TLS, with a certificate that matches {told(demand.tlsa)}",
    }[demand.level]
    return f"{said}{by}{', for testing only' if demand.testing else ''}"

"""Signs mail in the name of a relay's domain, with DKIM (RFC 6376)."""

from __future__ import annotations

from collections.abc import Callable

from testbed.authentication.canonical import Form
from testbed.authentication.keys import SigningKey
from testbed.authentication.message import parse
from testbed.authentication.signing import COVERED, sign
from testbed.durations import SECOND
from testbed.scenario.signing import DkimSpec

_FORMS: dict[str, Form] = {"relaxed": "relaxed", "simple": "simple"}


class Signer:
    """The signature of one relay; ``domain`` is its own, ``now`` gives seconds since 1970."""

    def __init__(self, spec: DkimSpec, domain: str, key: SigningKey, now: Callable[[], float]) -> None:
        self._spec = spec
        self.domain = (spec.domain or domain).lower()
        self.selector = spec.selector.lower()
        self.key = key
        self._now = now

    def signed(self, content: bytes) -> bytes:
        """A message of CRLF lines with the signature on top."""
        spec, now = self._spec, int(self._now())
        header, _, body = spec.canonicalization.partition("/")
        length = len(_canonical_body(content, _FORMS[body])) if spec.length is True else spec.length
        field = sign(
            content,
            self.key,
            self.domain,
            self.selector,
            header_form=_FORMS[header],
            body_form=_FORMS[body],
            covered=COVERED if spec.headers is None else _names(spec.headers),
            oversigned=_names(spec.oversign),
            length=length,
            now=now,
            expires_at=None if spec.expires is None else now + max(1, spec.expires // SECOND),
        )
        return field + content


def _names(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in fields)


def _canonical_body(content: bytes, form: Form) -> bytes:
    from testbed.authentication import canonical

    return canonical.body(parse(content).body, form)

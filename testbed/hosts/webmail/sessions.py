"""Who is logged in: sessions kept here, named by a cookie nobody can guess."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

_MAX_SESSIONS = 1_000
_IDLE_S = 8 * 3_600.0


@dataclass(slots=True)
class WebmailSession:
    """Somebody logged in.  ``token`` must come back with every form, so that no other site can post one."""

    user: str
    password: str = field(repr=False)
    token: str = field(default_factory=secrets.token_urlsafe, repr=False)
    used: float = 0.0

    def sent(self, token: str) -> bool:
        """Whether a form carries our token."""
        return hmac.compare_digest(self.token.encode(), token.encode())


class Sessions:
    """Sessions by their secret names; those idle for eight hours end.  ``now`` is scenario time in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sessions: dict[str, WebmailSession] = {}

    def begin(self, user: str, password: str) -> tuple[str, WebmailSession]:
        """A new session and its name; the oldest makes room."""
        if len(self._sessions) >= _MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        name = secrets.token_urlsafe(32)
        self._sessions[name] = WebmailSession(user, password, used=self._now())
        return name, self._sessions[name]

    def find(self, name: str) -> WebmailSession | None:
        """The session of a name, None when there is none or it has ended."""
        session = self._sessions.get(name)
        if session is None:
            return None
        if self._now() - session.used > _IDLE_S:
            del self._sessions[name]
            return None
        session.used = self._now()
        return session

    def end(self, name: str) -> None:
        """Log out."""
        self._sessions.pop(name, None)

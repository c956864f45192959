"""What the owner of a mailbox wants done with his mail, in the words of Sieve (RFC 5228)."""

from __future__ import annotations

from pydantic import Field, model_validator

from testbed.scenario.base import Address, Part

_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f]+$"
_ACTIONS = ("keep", "fileinto", "discard", "redirect", "reject", "vacation")


class Rule(Part):
    """Which messages (all, when nothing is said), and one thing to do with them.

    In patterns ``*`` stands for any characters and ``?`` for one; case does not matter.
    """

    from_: str | None = Field(default=None, alias="from", max_length=200, description="A pattern for the From address.")
    to: str | None = Field(default=None, max_length=200, description="A pattern for the envelope's recipient.")
    subject: str | None = Field(default=None, max_length=200, description="A pattern for the whole subject.")
    keep: bool = Field(default=False, strict=True, description="Into the inbox, whatever later rules say.")
    fileinto: str | None = Field(default=None, description="Into this folder of the mailbox.")
    discard: bool = Field(default=False, strict=True, description="Discarded, without a notification.")
    redirect: Address | None = Field(default=None, description="On to this address; no copy stays.")
    reject: str | None = Field(
        default=None, pattern=_ONE_LINE, max_length=200, description="Returned to its sender, with this reason."
    )
    vacation: str | None = Field(
        default=None,
        pattern=_ONE_LINE,
        max_length=500,
        description="Answered with this text, each sender once in seven days; then the next rules have their say.",
    )

    @model_validator(mode="after")
    def _one_action(self) -> Rule:
        if sum(bool(getattr(self, action)) for action in _ACTIONS) != 1:
            raise ValueError(f"a rule does one of {', '.join(_ACTIONS)}")
        return self

    @property
    def action(self) -> str:
        """What it does: the word of Sieve."""
        return next(action for action in _ACTIONS if getattr(self, action))

"""Elements of SVG as text: whatever strangers wrote is text in them, never markup."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from testbed.protocols.text import printable

Value = str | float


def element(name: str, *content: str, **attributes: Value | None) -> str:
    """An element around elements.  ``_`` in names of attributes is ``-``; those that are None are left out."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(_value(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(content)}</{name}>" if content else f"<{name}{written}/>"


def words(text: str) -> str:
    """Text as the content of an element."""
    return escape(printable(text))


def _value(value: Value) -> str:
    """Coordinates to a tenth, so that pictures are the same on every machine."""
    return printable(value) if isinstance(value, str) else f"{round(value, 1):g}"

"""The colours of pictures, few and with a meaning, for light and dark."""

from __future__ import annotations

from testbed.report.pictures.values import Mood

FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# Light and dark; text has a contrast of 4.5 : 1 and more against paper and card (WCAG AA).
COLOURS = {
    "paper": ("#ffffff", "#0d1117"),
    "card": ("#f3f5f8", "#1b222c"),
    "line": ("#cfd6df", "#3a4451"),
    "ink": ("#1b2430", "#e6eaf0"),
    "quiet": ("#586374", "#9aa6b6"),
    Mood.OK: ("#1a7a48", "#56c991"),
    Mood.TEMPORARY: ("#8f5f00", "#e3b341"),
    Mood.REPEATED: ("#8f5f00", "#e3b341"),
    Mood.FAILED: ("#c0322b", "#ff8178"),
    Mood.LOST: ("#7a3db8", "#c8a1ff"),
    Mood.UNKNOWN: ("#586374", "#9aa6b6"),
}
PREFIX = "mt-"


def css() -> str:
    """Rules for pictures with :data:`PREFIX` before their classes: in a file of their own, or in a page around them."""
    light, dark = (
        "".join(f".{PREFIX}{name}{{color:{colours[theme]}}}" for name, colours in COLOURS.items()) for theme in (0, 1)
    )
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


def themed(name: str) -> dict[str, str]:
    """Attributes of what is painted in ``currentColor``: its class, and its colour where nobody styles that."""
    return {"class_": f"{PREFIX}{name}", "color": COLOURS[name][0]}

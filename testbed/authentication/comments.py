"""Comments of header fields, taken out (RFC 5322 §3.2.2)."""

from __future__ import annotations


def without_comments(value: str) -> str:
    """A value with spaces for its comments, also those that never end; quoted strings stay as they are."""
    kept, depth, quoted, escaped = [], 0, False, False
    for char in value:
        plain, escaped = not escaped, char == "\\" and not escaped
        if plain and char == '"' and not depth:
            quoted = not quoted
        elif plain and char in "()" and not quoted:
            depth = max(0, depth + (1 if char == "(" else -1))
            kept.append(" ")
            continue
        if not depth:
            kept.append(char)
    return "".join(kept)

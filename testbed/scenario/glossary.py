"""What the fixed words of a key say, one by one: for ``testbed faults``, for docs/faults.md, and for editors."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Glossary(Struct, frozen=True, eq=False):
    """Stands beside a ``Literal`` in ``Annotated``.

    ``otherwise`` is for words that are not in ``texts``, ``{word}`` standing for the word.  In a JSON Schema it is
    ``enumDescriptions``: yaml-language-server and VS Code show it word by word, and validators take no notice.
    """

    texts: Mapping[str, str]
    otherwise: str = ""

    def says(self, word: str) -> str:
        """What a word says; ``""`` where that is not told."""
        return self.texts.get(word) or self.otherwise.format(word=word)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(core)
        if "enum" in found:
            found["enumDescriptions"] = [self.says(word) for word in found["enum"]]
        return found

"""The JSON Schema of ``testbed inspect``'s outputs, made from the tables of their fields.

``python -m testbed.report.json_schema`` prints the schema that lies in ``docs/inspect.schema.json``.
"""

from __future__ import annotations

import json

from testbed.report.authentication_fields import AUTHENTICATION, CHANGE, CHECK, DAMAGE, PASSAGE
from testbed.report.dialogue_fields import ATTACHMENT, EXCHANGE, MESSAGE, PHASE, RECIPIENT
from testbed.report.fields import AnyFields, Field, Schema, ref
from testbed.report.journeys import JOURNEY, LEG
from testbed.report.json_fields import (
    CAPTURE,
    CERTIFICATE,
    CONNECTION,
    DOCUMENT,
    FILE,
    FINDING,
    FRAMES,
    LOG_ENTRY,
    PROBLEMS,
    PROGRAM,
    SCHEMA,
    SCHEMA_VERSION,
    TLS,
)
from testbed.report.packet_fields import PACKET

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

OBJECTS: dict[str, tuple[str, AnyFields]] = {
    "document": ("All captures, as --json prints them.", DOCUMENT),
    "capture": ("One capture.", CAPTURE),
    "tls": ("The TLS of a connection.", TLS),
    "certificate": ("The certificate a server showed.", CERTIFICATE),
    "connection": ("A TCP connection or UDP flow, and all that was understood of it.", CONNECTION),
    "phase": ("One phase of a connection.", PHASE),
    "exchange": ("A command and its reply; either may be missing.", EXCHANGE),
    "message": ("A mail transaction (RFC 5321 §3.3), or a message that POP3 or IMAP carried.", MESSAGE),
    "attachment": ("A file that goes with a message.", ATTACHMENT),
    "recipient": ("One RCPT and the fate it met.", RECIPIENT),
    "finding": ("One sentence of diagnosis with its evidence.", FINDING),
    "authentication": ("Who sent a message, and may they.", AUTHENTICATION),
    "check": ("One result of SPF, DKIM, DMARC or ARC.", CHECK),
    "passage": ("What was done to a message between two hops.", PASSAGE),
    "change": ("One thing that was done to a message.", CHANGE),
    "damage": ("What became of a signature between two hops.", DAMAGE),
    "log_entry": ("A line a host logged.", LOG_ENTRY),
    "packet": ("One packet.", PACKET),
    "journey": ("A message that is seen on several hops or in several files.", JOURNEY),
    "leg": ("One try to hand a message over, or one reading of it.", LEG),
}
"""The objects of ``--json`` with their fields, in the order they are written."""

LINES: dict[str, tuple[str, AnyFields]] = {
    "capture": ("The first line of a capture.", (SCHEMA, PROGRAM, FRAMES, PROBLEMS)),
    "connection": OBJECTS["connection"],
    "packet": ("One packet; with --packets only.", PACKET),
    "finding": OBJECTS["finding"],
    "journey": OBJECTS["journey"],
    "authentication": OBJECTS["authentication"],
    "passage": OBJECTS["passage"],
}
"""The lines of ``--ndjson`` by their ``type``; before these fields stand ``type`` and ``file``."""


def inspect_schema() -> Schema:
    """The schema of ``--json`` (JSON Schema 2020-12); a line of ``--ndjson`` is its ``#/$defs/line``."""
    lines = {f"{kind}_line": _object(means, (_type(kind), FILE, *fields)) for kind, (means, fields) in LINES.items()}
    line = {"description": "One line of --ndjson; type says which.", "oneOf": [ref(name) for name in lines]}
    return {
        "$schema": _DIALECT,
        "$id": f"urn:mail-testbed:inspect:{SCHEMA_VERSION}",
        "title": f"Output of testbed inspect, schema {SCHEMA_VERSION}",
        "$ref": "#/$defs/document",
        "$defs": {name: _object(*parts) for name, parts in OBJECTS.items()} | {"line": line} | lines,
    }


def _type(kind: str) -> Field[object]:
    return Field("type", {"const": kind}, "Which kind of line this is.")


def _object(means: str, fields: AnyFields) -> Schema:
    fields = tuple(fields)
    return {
        "description": means,
        "type": "object",
        "properties": {field.name: {"description": field.description, **field.kind} for field in fields},
        "required": [field.name for field in fields if field.always],
        "additionalProperties": False,
    }


if __name__ == "__main__":
    print(json.dumps(inspect_schema(), indent=2, ensure_ascii=False))

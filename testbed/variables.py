"""What programs are told of an open lab, by the variables of their environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from testbed.errors import not_written
from testbed.net.entry import Entry
from testbed.net.forward import HOME
from testbed.protocols.text import shown
from testbed.run_folder import AUTHORITY
from testbed.serving import ListeningService, OpenedLab
from testbed.subjects.installed import search_path
from testbed.whole_file import whole_file

_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""What OpenSSL (Python, Ruby, PHP), Go, requests, curl and Node.js take authorities from."""
_NO_NAME = re.compile(r"[^A-Z0-9]")  # what names of variables do not have


def inside_environment(entry: Entry, services: Iterable[ListeningService], *, trusts: bool = False) -> dict[str, str]:
    """The environment of a program that is started on a host of an open lab; ``trusts`` as for those outside."""
    places = [(service, service.host, service.port) for service in services]
    authority = _trusting(entry.variables.get("TESTBED_CA"), trusts=trusts)
    return {**os.environ, "PATH": search_path(), **entry.variables, **authority, **_variables(places)}


def outside_environment(
    services: Iterable[ListeningService], authority: Path | None = None, *, trusts: bool = False
) -> dict[str, str]:
    """The environment of a program that is started outside, for an open lab.

    ``authority`` is the file with the certificate that its servers' are signed with; a program that ``trusts`` it is
    told so by the variables that TLS libraries heed.
    """
    places = [(service, HOME, service.outside) for service in services if service.outside]
    return {**os.environ, **_variables(places), **_trusting(authority, trusts=trusts)}


def authority_file(served: OpenedLab, trace: Path) -> Path | None:
    """Write the certificate of an open lab's authority beside its trace; None where no server has a certificate.

    Raises MachineError.
    """
    if not served.authority:
        return None
    path = trace.with_name(f"{trace.stem}{AUTHORITY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as out:
            out.write(served.authority)
    except OSError as error:
        raise not_written(f"{shown(path)} cannot be written", error) from None
    return path


def _trusting(authority: Path | str | None, *, trusts: bool) -> dict[str, str]:
    """The variables that say where the certificate of a lab's authority is."""
    names = ("TESTBED_CA", *(_TRUST if trusts else ()))
    return dict.fromkeys(names, str(authority)) if authority is not None else {}


def _variables(places: Iterable[tuple[ListeningService, str, int]]) -> dict[str, str]:
    """``TESTBED_SMTP_HOST`` and ``_PORT`` of the first that has it, ``TESTBED_CREPES_FR_SMTP_HOST`` … of each."""
    found = dict[str, str]()
    for service, host, port in places:
        name = service.name.upper()
        for prefix in (f"TESTBED_{name}", f"TESTBED_{_NO_NAME.sub('_', service.host.upper())}_{name}"):
            found.setdefault(f"{prefix}_HOST", host)
            found.setdefault(f"{prefix}_PORT", str(port))
    return found

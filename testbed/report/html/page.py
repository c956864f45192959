"""One HTML file with all that belongs to it.

It works from ``file://``, so nothing is fetched.  Its Content-Security-Policy lets run what is known by its hash, and
nothing else: no handler, no style attribute, no link of a stranger's (CSP 3 §2.3.1).  jinja2 escapes every string.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from testbed import __version__
from testbed.report.html.words import FILTERS
from testbed.report.pictures.style import css


def page(template: str, **values: object) -> str:
    """The page a template makes of values; ``title`` is one of them."""
    style, script = css() + _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; style-src {_hashed(style)}; script-src {_hashed(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(policy=policy, style=Markup(style), script=Markup(script), version=__version__, **values)
    )


def fragment(template: str, **values: object) -> Markup:
    """What a template makes of values, to be put into a page."""
    return Markup(_environment().get_template(template).render(**values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("testbed.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


@cache
def _asset(name: str) -> str:
    return files("testbed.report.html").joinpath(name).read_text("utf-8")


def _hashed(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"

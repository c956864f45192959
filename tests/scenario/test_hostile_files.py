"""Files that no well-meaning person writes: refused, quickly, with a sentence."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.scenario.load import MAX_OCTETS, load, parse
from testbed.scenario.problems import ScenarioError
from tests.conftest import PROJECT

VALID = """\
title: T
steps:
  - send: {to: bob@someschool.edu}
expect:
  - delivered: {to: bob@someschool.edu}
"""
BEYOND = "here; use fewer anchors and less nesting"
NO_MAPPING = "a scenario is a mapping with title, steps and expect"
LONG = "x" * 500_000
AT_MOST = 30  # seconds after which a test counts as hanging; without the limits these take minutes


def refused(text):
    """The first thing said of a text."""
    with pytest.raises(ScenarioError) as caught:
        parse(text, "f")
    assert str(caught.value)
    return str(caught.value.problems[0])


def bomb(levels, width):
    """Each level is a list of aliases to the one before."""
    lines = ["a0: &a0 [" + ",".join(["lol"] * width) + "]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


REFUSED = {
    "nothing": ("", "f: the file is empty; a scenario has title, steps and expect"),
    "a comment": ("# hello\n", "f: the file is empty; a scenario has title, steps and expect"),
    "blank lines": ("\n \n", "f: the file is empty; a scenario has title, steps and expect"),
    "null": ("null\n", f"f:1:1: {NO_MAPPING}"),
    "a list": ("- a\n", f"f:1:1: {NO_MAPPING}"),
    "a number": ("42\n", f"f:1:1: {NO_MAPPING}"),
    "a word": ("hello\n", f"f:1:1: {NO_MAPPING}"),
    "two documents": (f"{VALID}---\n{VALID}", "f:6:1: a second document begins here; a file holds one scenario"),
    "documents without end": ("---\n" * 250_000, "f:2:1: a second document begins here; a file holds one scenario"),
    "billion laughs": (bomb(9, 9), f"f:1:5: the file grows beyond 20,000 values {BEYOND}"),
    "alias of a long text": (
        f"x: &x {LONG}\ny: [{'*x, ' * 3}]\n",
        f"f:1:4: the file grows beyond 1,048,576 characters {BEYOND}",
    ),
    "alias of a long key": (
        f"? &x {LONG}\n: 1\ny: {{*x : 1}}\nz: {{*x : 1}}\n",
        f"f:1:3: the file grows beyond 1,048,576 characters {BEYOND}",
    ),
    "list in itself": ("a: &a [*a]\n", "f:1:4: this alias contains itself"),
    "mapping in itself": ("&a\ntitle: T\nhosts: *a\n", "f:1:1: this alias contains itself"),
    "itself, further down": ("a: &a {b: [{c: *a}]}\n", "f:1:4: this alias contains itself"),
    "unknown alias": (
        "title: *x\n",
        "f:1:8: this is not YAML: there is no anchor '&x'; if it is a plain value, put the value in quotes",
    ),
    "python tag": (
        f"{VALID}rfc: !!python/object/apply:os.system [id]\n",
        "f:6:6: the tag 'python/object/apply:os.system' is not allowed here",
    ),
    "python tag on a list": (
        f"{VALID}faults: !!python/tuple []\n",
        "f:6:9: the tag 'python/tuple' is not allowed here",
    ),
    "python tag on a word": (
        f"{VALID}rfc: !!python/name:os x\n",
        "f:6:6: the tag 'python/name:os' is not allowed here",
    ),
    "python tag on a key": (f"{VALID}!!python/name:os rfc: x\n", "f:6:1: the tag 'python/name:os' is not allowed here"),
    "own tag": (f"{VALID}rfc: !foo x\n", "f:6:6: the tag '!foo' is not allowed here"),
    "own tag on a mapping": (f"{VALID}hosts: !foo {{}}\n", "f:6:8: the tag '!foo' is not allowed here"),
    "own tag on a key": (f"!foo {VALID}", "f:1:1: the tag '!foo' is not allowed here"),
    "binary": (f"{VALID}rfc: !!binary aGk=\n", "f:6:6: the tag 'binary' is not allowed here"),
    "set": (f"{VALID}hosts: !!set {{a}}\n", "f:6:8: the tag 'set' is not allowed here (did you mean 'str'?)"),
    "a tag with a slip": (
        f"{VALID}rfc: !!strr 5\n",
        "f:6:6: the tag 'strr' is not allowed here (did you mean 'str'?)",
    ),
    "endless tag": (
        "!" * 1_000_000,
        "f: this YAML cannot be read: a tag is longer than 10,000 characters",
    ),
    "list tagged as mapping": ("!!map [a]\n", "f:1:1: the tag 'map' is not allowed here"),
    "tab": (
        f"{VALID}\tabout: x\n",
        "f:6:1: this is not YAML: indent with spaces, not with tabs",
    ),
    "control character": (
        f"{VALID}about: a\x07b\n",
        "f:6:9: this is not YAML: the character U+0007 is not allowed",
    ),
    "control character after CRLF": (
        f"{VALID}about: \x1b[31m\n".replace("\n", "\r\n"),
        "f:6:8: this is not YAML: the character U+001B is not allowed",
    ),
    "lone surrogate": (
        "title: \ud800",
        "f:1:8: this is not YAML: the character U+D800 is not allowed",
    ),
    "open bracket": (
        "title: [\n",
        "f:1:8: this is not YAML: this '[' is not closed",
    ),
    "open quote": (
        "title: 'x\n",
        "f:1:8: this is not YAML: this quote, ', is not closed",
    ),
    "two colons": ("title: a: b\n", "f:1:9: this is not YAML: a second colon on one line; put the value in quotes"),
    "YAML 3": (
        f"%YAML 3.0\n---\n{VALID}",
        "f:1:1: this is not YAML: found incompatible YAML document (version 1.* is required)",
    ),
    "brackets": ("[" * 1_000_000, f"f:1:41: the file grows beyond 40 levels {BEYOND}"),
    "braces": ("{a: " * 250_000, f"f:1:161: the file grows beyond 40 levels {BEYOND}"),
    "dashes": ("- " * 500_000, f"f:1:81: the file grows beyond 40 levels {BEYOND}"),
    "questions": ("? " * 500_000, f"f:1:81: the file grows beyond 40 levels {BEYOND}"),
    "indents": (
        "".join(" " * n + "a:\n" for n in range(1_000)),
        f"f:41:41: the file grows beyond 40 levels {BEYOND}",
    ),
    "41 levels of aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 45)),
        f"f:1:10: the file grows beyond 40 levels {BEYOND}",
    ),
    "long list": ("[" + "1," * 500_000 + "]", f"f:1:80000: the file grows beyond 20,000 values {BEYOND}"),
}


@pytest.mark.cpu_seconds(AT_MOST)
@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_at_once_with_a_sentence(name):
    text, said = REFUSED[name]
    assert refused(text) == said


SLOW = {
    "20,000 mistakes of one kind": f"{VALID}faults:\n" + "- {}\n" * 19_000,
    "20,000 tags": f"{VALID}faults:\n" + "- !a x\n" * 19_000,
    "keys given 19,000 times": VALID + "a: 1\n" * 19_000,
    "keys given twice on one long line": f"{VALID}zz: [{'{a: 1, a: 2}, ' * 4_000}]\n",
    "6,000 faults on one line": f"{VALID}faults: [{'{host: crepes.fr, is: silent}, ' * 6_000}]\n",
    "6,000 unknown hosts": f"{VALID}faults:\n" + "- {host: crepes.fx, is: silent}\n" * 6_000,
    "3,000 unknown mailboxes among 10,000": (
        VALID
        + "  - delivered: {to: bob@someschol.edu}\n" * 3_000
        + f"hosts: {{someschool.edu: {{mailboxes: [{', '.join(f'bobby{n}' for n in range(10_000))}]}}}}\n"
    ),
    "long durations": f"x: &x {LONG}\ntitle: T\nexpect: []\nsteps:\n" + "- wait: *x\n" * 9_000,
    "many parts of a duration": "title: T\nexpect: []\nsteps:\n- wait: " + "1s " * 300_000 + "\n",
    "long words for short ones": f"{VALID}faults:\n- {{host: crepes.fr, is: {LONG}}}\n",
    "long replies": f"x: &x 452 {LONG}\nfaults:\n" + "- {at: a, on: RCPT, reply: *x}\n" * 4_000,
    "long domains": f"{VALID}about: &b {'a.' * 250_000}\nhosts:\n"
    + "".join(f"  h{n}: {{domain: *b, mailboxes: [a]}}\n" for n in range(3_000)),
}


@pytest.mark.cpu_seconds(AT_MOST)
@pytest.mark.parametrize("name", SLOW)
def test_no_file_keeps_it_busy_for_long(name):
    assert len(SLOW[name]) <= MAX_OCTETS
    refused(SLOW[name])


@pytest.mark.parametrize("name", ["key", "role", "reply", "host", "stage"])
def test_a_long_word_is_not_repeated_at_length(name):
    long = "y" * 5_000
    text = {
        "key": f"{VALID}? {long}\n: 1\n",
        "role": f"{VALID}hosts: {{h: {{role: {long}}}}}\n",
        "reply": f"{VALID}faults: [{{at: someschool.edu, on: RCPT, reply: {long}}}]\n",
        "host": f"{VALID}hosts:\n  ? {long}\n  : 5\n",
        "stage": f"{VALID}faults: [{{at: someschool.edu, on: {long}, then: close}}]\n",
    }[name]
    assert len(refused(text)) < 300


ACCEPTED = {
    "an anchor used sanely": f"{VALID}rfc: &x RFC 5321\nabout: *x\n",
    "an anchored host": f"{VALID}hosts: {{h: &h {{domain: a.b, mailboxes: [x]}}, i: *h}}\n",
    "an anchored step": VALID.replace("- send: {", "- send: &s {").replace("expect", "  - send: *s\nexpect"),
    "a byte order mark": f"\ufeff{VALID}",
    "CRLF": VALID.replace("\n", "\r\n"),
    "a document start": f"---\n{VALID}",
    "a document end": f"{VALID}...\n",
    "a YAML directive": f"%YAML 1.2\n---\n{VALID}",
    "an explicit str": f"{VALID}rfc: !!str 5\n",
    "an explicit int": f"{VALID}seed: !!int '5'\n",
    "an explicit map": f"{VALID}hosts: !!map {{}}\n",
    "words other YAML makes true": f"{VALID}about: yes\n",
    "a date": f"{VALID}rfc: 2008-10-01\n",
    "an equals sign": f"{VALID}about: =\n",
    "sexagesimals are text": f"{VALID}about: 1:30\n",
    "hexadecimal": f"{VALID}seed: 0x1F\n",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name):
    assert parse(ACCEPTED[name]).title == "T"


def test_the_same_file_under_an_alias_is_the_same_value():
    scenario = parse(f"{VALID}rfc: &x RFC 5321\nabout: *x\n")
    assert scenario.rfc == scenario.about == "RFC 5321"


def said_of(path):
    with pytest.raises(ScenarioError) as caught:
        load(path)
    return str(caught.value).removeprefix(f"{path}")


CONTENTS = {
    "NUL octets": (b"title: a\0b\n", ": this is not text: it holds NUL octets"),
    "Latin-1": ("title: T\nabout: Zürich\n".encode("latin-1"), ":2:1: this is not UTF-8 text; save the file as UTF-8"),
    "UTF-16": (VALID.encode("utf-16"), ":1:1: this is not UTF-8 text; save the file as UTF-8"),
    "a program": (b"\x7fELF\x02\x01\x01\0\0\0", ": this is not text: it holds NUL octets"),
    "one octet too many": (
        b"#" * (MAX_OCTETS + 1),
        ": 1,048,577 octets are too many for a scenario; the limit is 1,048,576",
    ),
    "empty": (b"", ": the file is empty; a scenario has title, steps and expect"),
    "a byte order mark alone": (b"\xef\xbb\xbf", ": the file is empty; a scenario has title, steps and expect"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_with_odd_contents(name, tmp_path):
    content, said = CONTENTS[name]
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    assert said_of(path).split("\n")[0] == said


def test_a_file_as_large_as_allowed_is_read(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(VALID.encode() + b"#" * (MAX_OCTETS - len(VALID)))
    assert load(path).title == "T"


@pytest.mark.cpu_seconds(AT_MOST)
def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "s.yaml"
    path.touch()
    os.truncate(path, 200_000_000)
    assert said_of(path) == ": 200,000,000 octets are too many for a scenario; the limit is 1,048,576"


def test_a_pipe_is_refused_not_waited_for(tmp_path):
    path = tmp_path / "s.yaml"
    os.mkfifo(path)
    assert said_of(path) == ": this is not a regular file"


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_a_device_is_refused(path):
    assert said_of(path) == ": this is not a regular file"


def test_a_missing_file(tmp_path):
    assert said_of(tmp_path / "s.yaml") == ": there is no such file or folder"


def test_a_link_to_nowhere_and_a_link_to_itself(tmp_path):
    (tmp_path / "nowhere.yaml").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    assert said_of(tmp_path / "nowhere.yaml") == ": there is no such file or folder"
    assert said_of(tmp_path / "loop.yaml") == ": it cannot be read: too many levels of symbolic links"


@pytest.mark.parametrize("path", ["a\0b", "\ud800"], ids=["NUL", "surrogate"])
def test_a_name_no_file_can_have(path):
    with pytest.raises(ScenarioError, match="there is no such file or folder$"):
        load(path)


def test_a_name_that_is_too_long():
    assert said_of("x" * 5_000) == ": it cannot be read: file name too long"


def test_a_folder_is_refused_and_no_descriptor_is_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert said_of(tmp_path) == ": it cannot be read: is a directory"
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_one_may_not_read(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(VALID)
    path.chmod(0)
    assert said_of(path) == ": it cannot be read: permission denied"


def test_loading_imports_nothing_heavy():
    program = (
        "import sys, testbed.scenario.load\n"
        "print([m for m in ('numpy', 'scapy', 'aiosmtpd', 'rich', 'pyshark') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert ended.stdout == "[]\n"


def scenario_or_error(text):
    """Nothing else may come of a text."""
    try:
        parse(text)
    except ScenarioError as error:
        problems = error.problems
    else:
        return
    assert problems
    lines = text.count("\n") + text.count("\r") + 2
    assert all(0 <= problem.line <= lines and problem.column >= 0 for problem in problems)


@given(st.text())
def test_arbitrary_text(text):
    scenario_or_error(text)


@given(st.text("[]{}:,-?!&*#|>'\"%@` \t\nab0~<=.", max_size=200))
def test_arbitrary_punctuation(text):
    scenario_or_error(text)


REAL = [path.read_text() for path in sorted((PROJECT / "scenarios").glob("*.yaml"))]
_PIECES = r"""
    - : { } [ ] , ' " &a *a !x !!int # | ~ null true -1 0 1e999 .nan 5d x@y crepes.fr é [[1]] {a:{b:c}} << at: host:
    between: role: kind: is_: send: 99999999999999999999999999
"""
_SNIPPETS = st.sampled_from(["", " ", "\n", "\n  ", "\t", "\0", "\x85", "---\n", "\nhosts:\n", *_PIECES.split()])


@given(st.sampled_from(REAL), st.data())
def test_scenarios_with_slips(text, data):
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = min(len(text), begin + data.draw(st.integers(0, 30)))
        text = text[:begin] + data.draw(_SNIPPETS) + text[end:]
    scenario_or_error(text)


_VALUES = st.recursive(
    st.sampled_from(
        ["x", "5", "5s", "null", "true", "-1", "1.5", "''", "crepes.fr", "bob@someschool.edu", "RCPT", "452"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(["a", "to", "from", "role", "at", "1"]), inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"
        )
    ),
    max_leaves=6,
)
_PLACES = [
    *(f"{key}: §\n" for key in ("title", "about", "seed", "ip", "hosts", "faults", "steps", "expect")),
    *(f"hosts: {{crepes.fr: {{{key}: §}}}}\n" for key in ("role", "domain", "mx", "mailboxes", "retry", "give_up")),
    "hosts: {h: §}\n",
    "hosts: {someschool.edu: {mailboxes: {bob: §}}}\n",
    *(f"hosts: {{alice.crepes.fr: {{{key}: §}}}}\n" for key in ("address", "server", "port")),
    "faults: [§]\n",
    *(f"faults: [{{at: someschool.edu, on: RCPT, {key}: §}}]\n" for key in ("reply", "then", "times", "recipient")),
    *(f"faults: [{{host: crepes.fr, {key}: §}}]\n" for key in ("is", "from", "until")),
    *(f"faults: [{{between: [crepes.fr, §], {key}: §}}]\n" for key in ("lose", "delay", "nth", "packets", "reset")),
    "faults: [{between: §, lose: 1}]\n",
    *(f"steps: [{{{key}: §}}]\n" for key in ("send", "wait", "empty")),
    *(f"steps: [{{send: {{subject: x@y, {key}: §}}}}]\n" for key in ("to", "from", "body", "size", "via")),
    *(
        f"expect: [{{{key}: §}}]\n"
        for key in ("delivered", "queued", "bounced", "attempts", "reply", "connection", "x")
    ),
    *(
        f"expect: [{{connection: {{from: crepes.fr, to: someschool.edu, {key}: §}}}}]\n"
        for key in ("closure", "handshake", "nth", "port")
    ),
]


@given(st.sampled_from(_PLACES), _VALUES)
def test_any_value_at_any_place(place, value):
    whole = {
        "title": "title: T\n",
        "steps": "steps: [{send: {to: bob@someschool.edu}}]\n",
        "expect": "expect: [{delivered: {to: bob@someschool.edu}}]\n",
    }
    whole[place.split(":")[0]] = place.replace("§", value)
    scenario_or_error("".join(whole.values()))

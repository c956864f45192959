"""The help people see first.  It loads nothing, so that ``testbed --help`` is there at once."""

from __future__ import annotations

import sys

from testbed.cli.style import styled

# Per command: what it does, and examples with what they are for.
COMMANDS = {
    "demo": ("Play one scenario with its trace, and say what to do next", (("testbed demo", "a full mailbox"),)),
    "list": (
        "List the scenarios that come with the program",
        (
            ("testbed list server hangs", "those about a topic; without words, all"),
            ("testbed list RFC 7505", "those about a standard"),
        ),
    ),
    "run": (
        "Run scenarios and judge them",
        (
            ("testbed run scenarios/", "every scenario of a folder"),
            ("testbed run -vv @catalogue/mailbox-full", "one scenario, with its annotated trace"),
            ("testbed run -q scenarios/", "only what is red, and the totals"),
            ("testbed run --json --keep traces scenarios/", "JSON for programs; traces in ./traces"),
            ("testbed run --network host scenarios/", "on a machine without private networks"),
            ("testbed run --junit report.xml --keep traces scenarios/", "for CI"),
            ("testbed run --github --shard 2/5 scenarios/", "a fifth of them, in GitHub Actions"),
            ("testbed run --baseline captures scenarios/", "fail if a trace differs from its reference"),
        ),
    ),
    "compare": (
        "Play scenarios with several mail servers, and show where they differ",
        (
            ("testbed compare @catalogue/tls --relay ours,postfix,exim", "our relay beside two others"),
            ("testbed compare scenarios/ --relay postfix,exim --markdown page.md", "write a page"),
        ),
    ),
    "learn": (
        "Learn the state machine of a mail server by asking it",
        (
            ("testbed learn someschool.edu --receiver ours,postfix", "two servers, and what tells them apart"),
            ("testbed learn someschool.edu --protocol imap --svg imap.svg", "IMAP, and a picture"),
            (
                "testbed learn crepes.fr --baseline crepes.json --update",
                "record the machine; without --update, compare with it",
            ),
        ),
    ),
    "explore": (
        "Try every fault at every step of a scenario, alone and together",
        (
            ("testbed explore @catalogue/delivered", "our relay: single faults, then pairs, for ten minutes"),
            ("testbed explore FILE --relay postfix,exim --depth 1", "two servers side by side, single faults"),
            ("testbed explore FILE --budget 2m --out results", "in CI; continues where it stopped"),
        ),
    ),
    "serve": (
        "Hold a lab open, its ports forwarded to this machine",
        (
            ("testbed serve @catalogue/delivered", "until Ctrl-C; prints the addresses of its services"),
            ("testbed serve --forward 2525:crepes.fr:587 FILE", "choose a port outside"),
            ("testbed serve --no-steps --keep traces FILE", "an empty lab; the trace in ./traces"),
            ("testbed serve FILE -- npm test", "while a command runs, which finds the ports in its environment"),
            ("testbed serve --control", "for tests in any language, and a classroom: HTTP, and a page"),
        ),
    ),
    "shell": (
        "Open a shell, or run a command, inside a lab's network",
        (
            ("testbed shell @catalogue/delivered", "a shell; 'exit' ends the lab"),
            ("testbed shell FILE -- swaks --server crepes.fr --to bob@someschool.edu", "one command"),
            ("testbed shell --on someschool.edu FILE -- curl http://crepes.fr/", "on another host"),
            ("testbed shell --scenario-time FILE -- ./sends-again", "its timers of hours pass in moments"),
        ),
    ),
    "inspect": (
        "Explain captures: connections, dialogues, findings",
        (
            ("testbed inspect capture.pcap", "connections, phases, dialogue, findings"),
            ("testbed inspect --packets capture.pcap", "every packet with its label"),
            ("testbed inspect --filter finding=any capture.pcap", "only the connections that have findings"),
            ("testbed inspect --html report.html capture.pcap", "one file to open in a browser, and to send"),
            ("testbed inspect --export-mail mails capture.pcap", "every message that crossed the wire, as .eml"),
            ("testbed inspect --live eth0 --for 60", "connections as they end, then a summary"),
            ("testbed inspect -o annotated.pcapng capture.pcap", "comments to read in Wireshark"),
        ),
    ),
    "view": (
        "Look through a capture on the whole screen of a terminal",
        (
            ("testbed view capture.pcap", "connections, ladders, packets, messages, findings"),
            ("testbed view --live eth0", "connections as they end"),
        ),
    ),
    "diff": (
        "Show what changed between two captures",
        (
            (
                "testbed diff before.pcapng now.pcapng",
                "differences explained, side by side; exit code 1 if they differ",
            ),
            ("testbed diff --json before.pcapng now.pcapng", "for programs"),
        ),
    ),
    "judge": (
        "Judge stored traces of labs again",
        (
            ("testbed judge traces/mailbox-full.pcapng", "by the scenario that it carries; nothing is played"),
            ("testbed judge traces/mailbox-full.pcapng scenario.yaml", "by what the file expects now"),
            ("testbed judge --junit report.xml traces/", "a folder of traces, for CI"),
        ),
    ),
    "reproduce": (
        "Make a scenario from a capture, and play it",
        (
            (
                "testbed reproduce capture.pcap > scenario.yaml",
                "standard error says what differs; exit code 1 if it does",
            ),
            ("testbed reproduce --no-play -o scenario.yaml capture.pcap", "write it without playing it"),
            ("testbed reproduce --connection 3 capture.pcap", "one of its connections"),
        ),
    ),
    "check": ("Validate scenario files", (("testbed check scenarios/", "every mistake, with its line"),)),
    "new": (
        "Write a commented scenario to begin with",
        (
            ("testbed new", "list the templates"),
            ("testbed new mailbox my-mailbox.yaml", "write one of them to a file"),
        ),
    ),
    "faults": (
        "List the faults a scenario can inject",
        (("testbed faults", "where, when, and what"), ("testbed faults hang", "only faults for a word")),
    ),
    "schema": (
        "Print the JSON Schema of scenario files",
        (("testbed schema > scenario.schema.json", "for editors that complete and validate"),),
    ),
    "subjects": (
        "List ready-made programs, and fetch what is missing",
        (
            ("testbed subjects", "what they play, and what is missing here"),
            ("testbed subjects install exim", "fetch with apt, and unpack beside installed programs"),
        ),
    ),
    "completion": (
        "Print a script that makes a shell complete commands, options, and files",
        (
            ("testbed completion bash > ~/.local/share/bash-completion/completions/testbed", "for all future shells"),
            ('eval "$(testbed completion bash)"', "for this shell; likewise for zsh and fish"),
        ),
    ),
    "doctor": ("Show what this machine allows", (("testbed doctor", "and how to grant what is missing"),)),
}

EXIT_CODES = (
    ("0", "all held"),
    ("1", "an expectation failed, or traces differ"),
    ("2", "wrong usage, scenario, or capture"),
    ("3", "a lab could not run, or broke off"),
    ("130", "interrupted (Ctrl-C)"),
)


def main_help() -> str:
    """The help of ``testbed`` itself."""
    examples = [examples[0] for _, examples in COMMANDS.values()]
    return f"""\
Stage mail failures in a private network, capture every packet, explain what happened.

{heading("Usage:")} {styled("testbed COMMAND …", "cyan bold", sys.stdout)}

{heading("Commands:")}
{rows([(name, summary) for name, (summary, _) in COMMANDS.items()])}

{heading("Options:")}
{rows([("-h, --help", "show this help"), ("-V, --version", "show the version")])}

{heading("Examples:")}
{rows(examples)}

{heading("Exit codes:")}
{rows(EXIT_CODES)}

For the options of a command, use 'testbed COMMAND --help'.
"""


def heading(text: str) -> str:
    """A section's title."""
    return styled(text, "green bold", sys.stdout)


def rows(pairs: list[tuple[str, str]] | tuple[tuple[str, str], ...], width: int = 0) -> str:
    """Two aligned columns; ``width`` is that of the first, 0 for as wide as needed."""
    width = width or max(len(left) for left, _ in pairs)
    return "\n".join(f"  {styled(left.ljust(width), 'cyan bold', sys.stdout)}  {right}" for left, right in pairs)

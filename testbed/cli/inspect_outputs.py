"""What ``testbed inspect`` can give: one function and one row of the table for each output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path

from msgspec.structs import replace

from testbed.cli.inspect_options import refuse_to_overwrite
from testbed.cli.pager import overflows
from testbed.cli.run_outputs import STDOUT, written
from testbed.cli.shared_work import BufferedOutput, in_order
from testbed.errors import not_written
from testbed.protocols.text import shown
from testbed.trace.analysis import ONE_BY_ONE, Analysis
from testbed.trace.journeys import Leg, legs_of
from testbed.whole_file import whole_file

Output = Callable[[Iterator[Analysis], argparse.Namespace], None]


def output(options: argparse.Namespace) -> Output:
    """The output that was asked for; the report for people when none was."""
    for name, show in _OUTPUTS.items():
        if getattr(options, name):
            return show
    return _report


def for_people(options: argparse.Namespace) -> bool:
    """Whether a whole report is printed, to be read from its beginning."""
    return output(options) is _report and not options.stream


def stream_output(options: argparse.Namespace) -> Output:
    """The output that was asked for, of a capture that comes in pieces."""
    found = output(options)
    return _stream_report if found is _report else found


def _annotated(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.annotate import annotate

    target = Path(options.output)
    for analysis in analyses:
        refuse_to_overwrite(target, options)
        try:
            with whole_file(target, *_mode_of(options.sources[-1])) as out:
                annotate(analysis, out)
        except OSError as error:
            raise not_written(f"{shown(target)} cannot be written", error) from error
        print(f"{shown(target)}: {analysis.frames} frames, annotated")


def _mode_of(source: str) -> tuple[int, ...]:
    """The rights of the capture, so that what is made of it is as private; none of a pipe."""
    return () if source == "-" else (os.stat(source).st_mode,)


def _mail(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.export_mail import export_mail
    from testbed.trace.mail_objects import mail_objects

    directory = Path(options.export_mail)
    for analysis in analyses:
        partial: list[str] = []
        opened = analysis.understanding.decrypted.flows
        files = export_mail(mail_objects(analysis, opened), directory, partial.append, print)
        for sentence in partial:
            print(sentence)
        whole = f", {len(partial)} of them not whole" if partial else ""
        print(f"{shown(directory)}: {len(files)} message{'' if len(files) == 1 else 's'}{whole}")


def _parquet(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.parquet import write_parquet

    for path in write_parquet(analyses, Path(options.parquet)):
        print(shown(path))


def _html(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.clock import Clock
    from testbed.report.html.capture import capture_html
    from testbed.report.words import octets

    first = next(analyses, None)
    if first is None:
        return  # what could not be read is complained of
    text = capture_html(chain([first], analyses), clock=Clock(options.utc), with_capture=options.with_capture)
    written(options.html, text)
    if options.html != STDOUT:
        print(f"{shown(options.html)}: {octets(len(text.encode()))}, to be opened in a browser")


def _json(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.json_analysis import analyses_json

    _speak_utf8()
    sys.stdout.writelines(analyses_json(analyses, packets=options.packets))
    print()


def _ndjson(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.json_analysis import ndjson

    _speak_utf8()
    for analysis in analyses:
        for line in ndjson(analysis, packets=options.packets):
            print(line)


def _csv(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.csv_connections import connections_csv

    _speak_utf8()
    if not options.continued:
        connections_csv((), sys.stdout)
    for analysis in analyses:
        numbers = analysis.connections.numbers

        def rows(start: int, analysis: Analysis = analysis, numbers: Sequence[int] = numbers) -> str:
            page = BufferedOutput()
            part = replace(analysis, chosen=tuple(numbers[start : start + _ROWS]))
            connections_csv([part], page, header=False)
            return page.getvalue()

        sys.stdout.writelines(in_order(rows, range(0, len(numbers), _ROWS)))


def _speak_utf8() -> None:
    """What programs read is UTF-8 whatever the terminal's language."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")


def _report(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.report.clock import Clock
    from testbed.report.console import console
    from testbed.report.overview import overview
    from testbed.report.packets import packet_list
    from testbed.report.trace import findings_again, trace_report
    from testbed.trace.totals import Totals

    out, clock = console(), Clock(options.utc)
    for analysis in analyses:
        if options.packets:
            packet_list(out, analysis, clock)
        elif len(analysis.connections) > ONE_BY_ONE and not options.verbose:
            totals = Totals()
            totals.add(analysis, os.cpu_count() or 1)
            overview(out, analysis.path, totals, clock)
        else:
            trace_report(out, analysis, whole=options.verbose, clock=clock)
            if analysis.findings and overflows():
                findings_again(out, analysis)
            options.legs += [leg for found in analysis.connections for leg in legs_of(found, analysis.path)]


def show_across(legs: Sequence[Leg], options: argparse.Namespace) -> None:
    """What several captures show together."""
    from testbed.report.clock import Clock
    from testbed.report.console import console
    from testbed.report.journeys import told_across

    if told := told_across(legs, Clock(options.utc)):
        console().print(told)


def _stream_report(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    """Connections as they end when somebody watches, and the totals of each capture."""
    from testbed.report.clock import Clock
    from testbed.report.console import console
    from testbed.report.overview import overview
    from testbed.report.trace import ended
    from testbed.trace.totals import Totals

    out, clock = console(), Clock(options.utc)
    for path, pieces in groupby(analyses, key=lambda analysis: analysis.path):
        totals = Totals()
        for analysis in pieces:
            if options.live or options.verbose:
                for connection in analysis.connections:
                    out.print(ended(connection, clock))
            totals.add(analysis)
        overview(out, path, totals, clock)


def _pictures(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.cli.inspect_pictures import pictures

    _speak_utf8()
    pictures(analyses, options)


def _tickets(analyses: Iterator[Analysis], options: argparse.Namespace) -> None:
    from testbed.cli.inspect_pictures import tickets

    _speak_utf8()
    tickets(analyses, options)


_OUTPUTS: dict[str, Output] = {
    "ladder": _pictures,
    "markdown": _tickets,
    "output": _annotated,
    "export_mail": _mail,
    "parquet": _parquet,
    "html": _html,
    "json": _json,
    "ndjson": _ndjson,
    "csv": _csv,
}
_ROWS = 2_000  # connections whose rows are made together

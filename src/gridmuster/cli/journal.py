"""``gridmuster report``, ``replay`` and ``verify``: what a journal says, proves and still is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gridmuster.report.loadbaseline import Against
    from gridmuster.runtime.replay import Replay

app = typer.Typer(no_args_is_help=True)

#: The answer is no: a replay gave something else, an invariant was broken.
EXIT_NO = 1
#: The journal cannot be used.
EXIT_BROKEN = 2

JournalName = Annotated[
    str, typer.Argument(metavar="JOURNAL", help="Path of a journal, or its database URL.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines, on standard output.")]


BaselineName = Annotated[
    str,
    typer.Option(
        metavar="10-of-10|high-5-of-10|high-4-of-5",
        help="Against this baseline of the sites' loads as well, with --settlement.",
    ),
]
Holidays = Annotated[
    list[str] | None,
    typer.Option(metavar="DAY", help="A day that counts as a holiday, with --baseline; repeat it."),
]


class By(StrEnum):
    """A breakdown to show."""

    AREA = "area"
    DEVICE = "device"


@app.command("report")
def report(
    journal: JournalName,
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON here as well.")] = None,
    by: Annotated[By | None, typer.Option(help="Show this breakdown too.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Only from this instant (ISO 8601), with --until.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Only until this instant (ISO 8601), with --from.")
    ] = None,
    compliance: Annotated[
        bool, typer.Option("--compliance", help="Each engine's hours, fuel, starts, exercise.")
    ] = False,
    year: Annotated[
        int | None, typer.Option(help="Only this calendar year, with --compliance.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write CSV files into this folder, with --compliance.")
    ] = None,
    settlement: Annotated[
        bool, typer.Option("--settlement", help="What each activation delivered; with --csv too.")
    ] = False,
    baseline: BaselineName = "",
    holiday: Holidays = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page for paper to this file, with --compliance.")
    ] = None,
) -> None:
    """Report what happened, from the journal alone; exit code 1 when an invariant was broken.

    With --from and --until, tell of that window event by event, with --compliance of each engine
    year by year; invariants are then not judged.
    """
    from rich.console import Console

    if compliance:
        if from_ is not None or until is not None or by is not None:
            typer.echo("error: --compliance goes with neither --from, --until nor --by", err=True)
            raise typer.Exit(EXIT_BROKEN)
        _compliance(journal, year, csv, html, as_json, out)
        return
    if settlement:
        _settlement(journal, _against(baseline, holiday or []), csv, as_json, out)
        return
    if baseline or holiday:
        typer.echo("error: --baseline and --holiday go with --settlement", err=True)
        raise typer.Exit(EXIT_BROKEN)
    if year is not None or csv is not None or html is not None:
        typer.echo("error: --year, --csv and --html go with --compliance", err=True)
        raise typer.Exit(EXIT_BROKEN)
    if from_ is not None or until is not None:
        _event(journal, from_, until, as_json, out)
        return
    from gridmuster.report import encode_report, render, report_journal

    with _progress("reading") as told:
        found = report_journal(journal, told)
    text = encode_report(found)
    _write(text, out)
    if as_json:
        typer.echo(text)
    else:
        Console().print(render(found, by.value if by else ""))
    if found.invariant_violations:
        raise typer.Exit(EXIT_NO)


def _compliance(
    journal: str,
    year: int | None,
    folder: Path | None,
    page: Path | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Report on engines, year by year."""
    from rich.console import Console

    from gridmuster.report.compliance import report_compliance
    from gridmuster.report.compliancetext import (
        compliance_tables,
        encode_compliance,
        render_compliance,
    )

    with _progress("reading") as told:
        found = report_compliance(journal, year, told)
    if not found.engines:
        which = "" if year is None else f" in {year}"
        typer.echo(
            f"error: no engine{which}; the journal is of {found.since} to {found.until}", err=True
        )
        raise typer.Exit(EXIT_BROKEN)
    text = encode_compliance(found)
    _write(text, out)
    if page is not None:
        from gridmuster.report.compliancepage import compliance_page

        _write(compliance_page(found), page)
    _write_tables(compliance_tables(found), folder)
    if as_json:
        typer.echo(text)
    else:
        Console().print(render_compliance(found))


def _against(baseline: str, holidays: list[str]) -> Against | None:
    """The baseline asked for, None when none is."""
    from gridmuster.report.loadbaseline import Against

    if holidays and not baseline:
        typer.echo("error: --holiday goes with --baseline", err=True)
        raise typer.Exit(EXIT_BROKEN)
    try:
        days = frozenset(date.fromisoformat(day) for day in holidays)
    except ValueError as error:
        typer.echo(f"error: --holiday: {error}; expected like 2026-07-03", err=True)
        raise typer.Exit(EXIT_BROKEN) from error
    return Against(baseline, days) if baseline else None


def _settlement(
    journal: str, against: Against | None, folder: Path | None, as_json: bool, out: Path | None
) -> None:
    """Report what activations delivered."""
    import msgspec
    from rich.console import Console

    from gridmuster.report.settlement import report_settlement
    from gridmuster.report.settlementtext import render_settlement, settlement_tables

    with _progress("reading") as told:
        found = report_settlement(journal, progress=told, against=against)
    text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    _write(text, out)
    _write_tables(settlement_tables(found), folder)
    if as_json:
        typer.echo(text)
    else:
        Console().print(render_settlement(found))


def _write_tables(tables: dict[str, str], folder: Path | None) -> None:
    """Write CSV files into a folder, when one is named."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            (folder / name).write_text(table, "utf-8", newline="")
    except OSError as error:
        typer.echo(f"error: cannot write {folder}: {error.strerror}", err=True)
        raise typer.Exit(EXIT_BROKEN) from error


def _event(
    journal: str, from_: str | None, until: str | None, as_json: bool, out: Path | None
) -> None:
    """Report on a window."""
    import msgspec
    from rich.console import Console

    from gridmuster.clock import parse_iso
    from gridmuster.report.event import report_event
    from gridmuster.report.eventtext import render_event
    from gridmuster.store.journal import Journal

    if from_ is None or until is None:
        typer.echo("error: a window needs both --from and --until", err=True)
        raise typer.Exit(EXIT_BROKEN)
    try:
        window = parse_iso(from_), parse_iso(until)
    except ValueError as error:
        typer.echo(f"error: {error}; expected like 2024-07-16T18:00:00Z", err=True)
        raise typer.Exit(EXIT_BROKEN) from error
    with Journal.open(journal, read_only=True) as opened, _progress("reading") as told:
        found = report_event(opened, *window, told)
    text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    _write(text, out)
    if as_json:
        typer.echo(text)
    else:
        Console().print(render_event(found))


def _write(text: str, out: Path | None) -> None:
    """Write the JSON to a file as well, when one is named."""
    if out is None:
        return
    try:
        out.write_text(text + "\n", "utf-8")
    except OSError as error:
        typer.echo(f"error: cannot write {out}: {error.strerror}", err=True)
        raise typer.Exit(EXIT_BROKEN) from error


@app.command("replay")
def replay(journal: JournalName, as_json: AsJson = False) -> None:
    """Prove that a journal gives the same commands again; exit code 1 when it does not."""
    from gridmuster.runtime.replay import replay as run
    from gridmuster.store.journal import Journal

    with Journal.open(journal, read_only=True) as opened, _progress("replaying") as told:
        last = opened.tail(1)
        total = last[0].sequence if last else 0
        found = run(opened, lambda cycles: told(cycles, total))
    if as_json:
        typer.echo(json.dumps(_replay_fields(found), indent=2))
    else:
        typer.echo(_replay_words(found))
    if found.difference is not None:
        raise typer.Exit(EXIT_NO)


@app.command("verify")
def verify(journal: JournalName, as_json: AsJson = False) -> None:
    """Check a journal's hash chain; exit code 2 when a record is not as it was written."""
    from rich.console import Console

    from gridmuster.store.journal import Journal
    from gridmuster.store.records import Intact

    with (
        Journal.open(journal, read_only=True) as opened,
        Console(stderr=True).status("checking the chain"),
    ):
        found = opened.verify()
    intact = isinstance(found, Intact)
    if as_json:
        fields = (
            {"intact": True, "records": found.records, "chain": found.chain.hex()}
            if isinstance(found, Intact)
            else {"intact": False, "record": found.sequence, "why": found.why}
        )
        typer.echo(json.dumps(fields, indent=2))
    elif isinstance(found, Intact):
        typer.echo(f"intact: {found.records:,} records, last of the chain {found.chain.hex()}")
    else:
        typer.echo(f"broken: record {found.sequence}: {found.why}")
    if not intact:
        raise typer.Exit(EXIT_BROKEN)


def _replay_fields(found: Replay) -> dict[str, object]:
    difference = found.difference
    return {
        "same": difference is None,
        "cycles": found.cycles,
        "frames": found.frames,
        "commands": found.commands,
        "sessions": found.sessions,
        "software": list(found.software),
        "difference": None
        if difference is None
        else {
            "record": difference.record,
            "now_ms": difference.now_ms,
            "topic": difference.topic,
            "recorded": difference.recorded,
            "replayed": difference.replayed,
        },
    }


def _replay_words(found: Replay) -> str:
    difference = found.difference
    if difference is None:
        return (
            f"the same, byte for byte: {found.cycles:,} cycles, {found.frames:,} frames, "
            f"{found.commands:,} commands"
        )
    from gridmuster.clock import iso

    return (
        f"different at record {difference.record}, {iso(difference.now_ms)}, on "
        f"{difference.topic}\n  recorded: {difference.recorded}\n  replayed: {difference.replayed}"
    )


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error that is told (done, in all); quiet where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} records"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=1)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=max(total, 1))

        yield told

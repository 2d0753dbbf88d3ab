"""What a person sees: progress, summaries, reports, model cards. Rich is imported only here."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.table import Column, Table
from rich.text import Text

from digitocr.cli.console import printable
from digitocr.cli.options import OPTION_NAMES
from digitocr.core.errors import counted, with_names
from digitocr.results.combined import N_LISTED

if TYPE_CHECKING:
    from digitocr.results.combined import Report
    from digitocr.results.diff import Tally
    from digitocr.results.journal import Done
    from digitocr.training.calibration import Level
    from digitocr.training.data.corrected_samples import CheckedFolder
    from digitocr.training.evaluate import (
        DigitReport,
        PageReport,
    )
    from digitocr.training.train import Epoch


# Columns where stderr is a file or pipe, which has no edge: file names there are not broken.
_UNBOUNDED = 1000
_ENTRIES = 8  # of a list on a card that are shown


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the commands that the reader has gone: they have an exit code for it."""
        raise BrokenPipeError


def stderr() -> Console:
    """Return the console for everything that is no result."""
    width = None if sys.stderr and sys.stderr.isatty() else _UNBOUNDED
    return _Console(stderr=True, width=width, highlight=False, markup=False, soft_wrap=True)


def with_progress(done: Iterable[Done], total: int) -> Iterator[Done]:
    """Yield what was done, with a progress bar."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[numbers]} numbers, {task.fields[failed]} failed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    numbers = failed = 0
    with Progress(*columns, console=stderr(), transient=True) as progress:
        task = progress.add_task("", total=total, numbers=0, failed=0)
        for one in done:
            numbers, failed = numbers + one.n_numbers, failed + bool(one.error)
            progress.update(task, advance=1, numbers=numbers, failed=failed)
            yield one


def summary(report: Report, min_confidence: float, where: str) -> None:
    """Print what a run came to, with its slowest and least certain files."""
    console, counts = stderr(), report.counts
    checked = f", {report.checked} checked" if report.checked else ""
    console.print(
        f"files: {counts.read} read, {counts.failed} failed; pages: {counts.pages}; "
        f"numbers: {counts.numbers}, {counts.review} to review "
        f"(confidence below {min_confidence:.2f}){checked}; {report.seconds:.1f} s"
    )
    if report.earlier:
        console.print(f"Of these {report.earlier} were read before (--restart reads all anew).")
    if report.silent:
        console.print(_silence(report))
    if report.outdated:
        console.print(f"Corrections that don't count, as their files changed: {report.outdated}.")
    if report.audit:
        console.print(f"Audit: {report.audit}.")
    if report.read > 1:
        console.print(_file_table(report))
    for advice in report.advice:
        console.print(with_names(advice, OPTION_NAMES))
    if report.interrupted:
        console.print("Interrupted: what was read is written. Run the same command again.")
    console.print(f"Results: {printable(where)}")


def _silence(report: Report) -> str:
    """Return on how many pages that hold ink no number was read, and the first such files."""
    files = ", ".join(map(printable, report.silent_files[:N_LISTED]))
    more = ", ..." if len(report.silent_files) > N_LISTED else ""
    pages = "1 page that holds" if report.silent == 1 else f"{report.silent} pages that hold"
    return f"No number was read on {pages} ink: {files}{more}"


def compared_summary(tally: Tally) -> None:
    """Print what comparing two results folders came to."""
    console = stderr()
    console.print(
        f"files: {tally.files} compared, {tally.apart} not; numbers: {tally.numbers} compared, "
        f"{tally.other} changed, {tally.only_old} gone, {tally.only_new} new"
    )
    if tally.checked:
        console.print(
            f"Of {tally.checked} places checked in the old results, {tally.read_right_old} were "
            f"read right there, {tally.read_right_new} in the new."
        )


def _file_table(report: Report) -> Table:
    """Return the least certain and the slowest files, a row each."""
    counts = ("numbers", "to review", "least", "seconds")
    right = (Column(heading, justify="right") for heading in counts)
    table = Table("", Column("file", overflow="fold"), *right, box=box.SIMPLE)
    for heading, files in (("least certain", report.least_certain), ("slowest", report.slowest)):
        for one in files:
            table.add_row(heading, *_cells(one))
            heading = ""
        table.add_section()
    return table


def _cells(one: Done) -> list[Text]:
    least = "" if one.least is None else f"{one.least:.2f}"
    counts = (str(one.n_numbers), str(one.n_review))
    return [Text(printable(one.file)), *map(Text, counts), Text(least), Text(f"{one.seconds:.2f}")]


def stdout() -> Console:
    """Return the console for what a command was asked to show."""
    return _Console(highlight=False, markup=False, soft_wrap=True)


def epoch_line(epoch: Epoch) -> str:
    """Return how training stands, in a line."""
    minutes, seconds = divmod(round(epoch.seconds_left), 60)
    return (
        f"{epoch.network}, epoch {epoch.number}/{epoch.epochs}: loss {epoch.loss:.4f}, "
        f"training {100 * epoch.training_accuracy:.2f} %, "
        f"held out {100 * epoch.accuracy:.2f} %, {minutes}:{seconds:02} left"
    )


def training_line(last: Epoch, card: Mapping[str, Any], where: str) -> str:
    """Return what training came to, in a line."""
    measured = [
        f"{100 * card[key]:.2f} % on {name}"
        for key, name in (
            ("accuracy_training", f"the {card['digits']['training']} training digits"),
            ("accuracy_held_out", f"the {card['digits']['held_out']} held out"),
            ("accuracy_mnist_test", "MNIST's test digits"),
        )
        if key in card
    ]
    return f"final training loss {last.loss:.4f}; {', '.join(measured)}. Written: {where}"


def checked_folder_line(found: CheckedFolder) -> str:
    """Return what there is to learn in a results folder, in a line."""
    facts = found.facts
    missing = [
        f"{facts[key]} {why}"
        for key, why in (
            ("left_out", "left out, as their digits were not found in the ink"),
            ("gone", "on files that have changed or are not where they were"),
        )
        if facts[key]
    ]
    learned = f"{facts['numbers']} checked numbers, {facts['digits']} digits"
    return printable("; ".join([f"{found.name}: {learned}", *missing]))


def learning_line(card: Mapping[str, Any], where: str) -> str:
    """Return what learning from checked numbers came to, in a line."""
    before, after = card["before"], card["after"]
    right = f"{before['numbers_right']} before, {after['numbers_right']} now"
    measured = [f"of {after['numbers']} checked numbers held out right: {right}"]
    if "lines" in after:
        measured.append(
            f"by the line reader {before['lines_right']} and {after['lines_right']}"
            f" of {after['lines']}"
        )
    if "mnist_test" in after:
        shares = " and ".join(f"{100 * one['mnist_test']:.2f} %" for one in (before, after))
        measured.append(f"MNIST's test digits: {shares}")
    return f"{'; '.join(measured)} (shown again: {card['replay']}). Written: {where}"


def evaluation_report(found: DigitReport | PageReport) -> Group:
    """Return a report of `digitocr evaluate` as text and tables."""
    worst = ", ".join(f"{truth} read as {read}: {n}" for truth, read, n in found.confusions[:10])
    facts = [
        _measures(found),
        f"expected calibration error {found.calibration_error:.4f}",
        f"most often confused: {worst or 'none'}",
        *(f"not read: {printable(one)}" for one in found.unreadable),
    ]
    return Group(*map(Text, facts), _level_table(found.levels))


def _measures(found: DigitReport | PageReport) -> str:
    from digitocr.training.evaluate import DigitReport

    if isinstance(found, DigitReport):
        return f"{found.n} digits, {100 * found.accuracy:.2f} % right"
    return (
        f"{found.n} pages, {found.n_numbers} numbers: "
        f"digits {100 * found.digit_accuracy:.2f} %, pages without a fault "
        f"{100 * found.exact_pages:.2f} %, number F1 {100 * found.number_f1:.2f} %"
    )


def _level_table(levels: Sequence[Level]) -> Table:
    headings = ("confidence at least", "share of answers", "of those right")
    table = Table(*(Column(heading, justify="right") for heading in headings), box=box.SIMPLE)
    for level in levels:
        right = "" if level.right is None else f"{100 * level.right:.2f} %"
        table.add_row(f"{level.confidence:g}", f"{100 * level.share:.2f} %", right)
    return table


def card_table(name: str, facts: Mapping[str, Any]) -> Table:
    """Return a model's card as a table."""
    columns = (Column(), Column(overflow="fold"))
    table = Table(*columns, show_header=False, title=name, title_justify="left", box=box.SIMPLE)
    for key, value in facts.items():
        table.add_row(key.replace("_", " "), Text(_plain(value)))
    return table


def _plain(value: Any) -> str:
    """Return a fact of a card as text: of long lists the first entries, of curves their size."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list) and value and isinstance(value[0], list):
        return f"a curve of {counted(len(value[0]), 'point')}"
    if isinstance(value, list):
        lines = [_plain(part) for part in value[:_ENTRIES]]
        more = len(value) - len(lines)
        return "\n".join([*lines, f"and {more} more, in the file's header"] if more else lines)
    return str(value)

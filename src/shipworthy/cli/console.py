"""How the command line speaks: progress a step, tables for people, one JSON object for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

MARKS = {"passed": "✓", "done": "✓", "blocked": "✗", "undecided": "?", "waived": "~"}
COLOURS = {"passed": "green", "done": "green", "blocked": "red", "undecided": "yellow", "waived": "yellow"}

_answered = False


def say_error(message: str) -> None:
    """A message on standard error."""
    sys.stderr.write(message.rstrip() + "\n")


def answered() -> bool:
    """Whether a JSON object stands on standard output."""
    return _answered


def begin() -> None:
    """A command begins, and has said nothing."""
    global _answered  # noqa: PLW0603 - there is one standard output
    _answered = False


def say_json(value: Any) -> None:
    """One JSON object on standard output."""
    global _answered  # noqa: PLW0603 - there is one standard output
    _answered = True
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def say(*lines: str) -> None:
    """Lines on standard output; Rich's markup is understood."""
    from rich.console import Console  # noqa: PLC0415 - start-up time

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line)


def say_plain(*lines: str) -> None:
    """Lines on standard output as they are: [purpose] is a word here, not a colour."""
    for line in lines:
        sys.stdout.write(line + "\n")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output."""
    from rich.console import Console  # noqa: PLC0415 - start-up time
    from rich.table import Table  # noqa: PLC0415 - start-up time

    grid = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    console = Console(highlight=False)
    if title:  # of its own, since a table's title is broken to the table's width
        console.print(f"[bold]{title}[/]")
    console.print(grid)


def marked(outcome: str, text: str) -> str:
    """A line that begins with the mark of an outcome, in its colour."""
    from rich.markup import escape  # noqa: PLC0415 - start-up time

    return f"[{COLOURS.get(outcome, 'white')}]{MARKS.get(outcome, '·')}[/] {escape(text)}"


class Progress:
    """Shows the step under way, and how far it is; silent when a program reads."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bars: Any = None
        self._task: Any = None
        self._step = ""
        self._began = 0.0

    def __call__(self, step: str, done: float | None = None) -> None:
        """The step under way and the share of it that is done (0 to 1; None: not known)."""
        if self._quiet or self._bars is None:
            return
        if step != self._step:
            self._end_step()
            self._step, self._began = step, time.monotonic()
            self._task = self._bars.add_task(step, total=None)
        if done is not None:
            self._bars.update(self._task, total=1.0, completed=min(done, 1.0))

    def pause(self, *, failed: bool = False) -> None:
        """End the step under way and give the terminal back."""
        if self._bars is not None:
            self._end_step(failed=failed)
            self._bars.stop()
            self._bars = None

    def _end_step(self, *, failed: bool = False) -> None:
        if self._task is None:
            return
        mark = "[red]✗[/]" if failed else "[green]✓[/]"
        self._bars.remove_task(self._task)
        self._bars.console.print(f"  {mark} {self._step} [dim]{time.monotonic() - self._began:.1f} s[/]")
        self._task = None
        self._step = ""

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Show progress while the block runs."""
        if self._quiet:
            yield self
            return
        from rich.console import Console  # noqa: PLC0415 - start-up time
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as Bars  # noqa: PLC0415

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        self._bars = Bars(*columns, console=Console(stderr=True, highlight=False), transient=True)
        self._bars.start()
        try:
            yield self
        except BaseException:
            self.pause(failed=True)
            raise
        self.pause()

"""What `--help` lists: the commands in the order in which a model meets them, each with its whole first sentence."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

SECTIONS = {
    "Before there is a model": ("init", "prepare", "rehearse", "adopt", "adopt-service"),
    "From data to a live release": ("train", "rebuild", "check", "waive", "release", "ship"),
    "In production": (
        "up", "serve", "score", "record", "shadow", "watch", "skew", "alerts", "rules", "refresh", "rollback", "retire",
        "sync", "watch-registry", "vacuum",
    ),
    "Elsewhere": ("verify", "export", "image", "move", "backup"),
    "Looking": ("status", "report", "compare", "lineage", "predict", "show", "demo"),
}  # fmt: skip


class Sectioned(TyperGroup):
    """The commands under the headings that the reference has, too."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write them, one section after the other."""
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, _sentence(self.commands[name].help)) for name in names])


def _sentence(text: str | None) -> str:
    """The first paragraph of a command's help, as one line."""
    return " ".join((text or "").partition("\n\n")[0].split())

"""Where the workers that answer for a model count: beside its own log, or with the first of several models."""

from __future__ import annotations

from pathlib import Path

from shipworthy.serving.latencies import answered
from shipworthy.wiring.project import Project

_ELSEWHERE = "figures-at"  # names the folder, where another project's server answers for this model, too
_OWN = "metrics"


def note_figures(project: Project, folder: Path) -> None:
    """Say where workers that answer for the model count."""
    own = project.layout.serving(project.contract.name)
    own.mkdir(parents=True, exist_ok=True)
    (own / _ELSEWHERE).unlink(missing_ok=True)
    if folder != own / _OWN:
        (own / _ELSEWHERE).write_text(f"{folder}\n", encoding="utf-8")


def figures_of(project: Project, model: str, seconds: float) -> dict[int, tuple[int, int]]:
    """By release: requests answered so far, and those that took longer than `seconds`, wherever they were."""
    own = project.layout.serving(model)
    folders = [own / _OWN]
    if (own / _ELSEWHERE).is_file():
        folders.append(Path((own / _ELSEWHERE).read_text(encoding="utf-8").strip()))
    found: dict[int, tuple[int, int]] = {}
    for folder in folders:
        for release, (requests, slow) in answered(folder, model, seconds).items():
            before = found.get(release, (0, 0))
            found[release] = before[0] + requests, before[1] + slow
    return found

"""The folder that an image is built from: a Dockerfile, and everything that it copies. Same input, same bytes.

No step runs inside the image while it is built: what a RUN does depends on the hour and on the network. Dependencies
are installed beforehand, from the lock, for the base's Python and C library.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shipworthy.errors import WrongUse

DOCKERFILE = "Dockerfile"
LOCK = "requirements.lock"
SITE, PROGRAM, RELEASE, TRUSTED, STATE = "site", "program", "release", "trusted", "state"
HOME = "/opt/shipworthy"  # in the image
WRITABLE = "/var/lib/shipworthy"
NOBODY = 65534
MODULE = "shipworthy.wiring.container"

_TEXT = """\
# Written by `shipworthy image` for {name}. Nothing runs while this is built: the dependencies in site/ were installed
# from requirements.lock, hash by hash, for the base's Python {python} and {platform}.
FROM {base}
{labels}
COPY {site} {home}/{site}
COPY {program} {home}/{program}
COPY {trusted} {home}/{trusted}
COPY {release} {home}/{release}
COPY --chown={nobody}:{nobody} {state} {writable}
ENV PYTHONPATH={home}/{program}:{home}/{site} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER {nobody}:{nobody}
VOLUME {writable}
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "{module}"]
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an image says of itself."""

    name: str  # flight-delay@3
    base: str  # NAME@sha256:…
    python: str
    platform: str
    labels: Mapping[str, str]


def begin(folder: Path) -> None:
    """An empty folder. WrongUse where something lies there that was not written by an earlier `image`."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DOCKERFILE).is_file():
        raise WrongUse(f"{folder} is not empty and holds no {DOCKERFILE}: expected a new folder, or one of `image`")
    for name in (SITE, PROGRAM, RELEASE, TRUSTED, STATE):
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATE).mkdir()
    (folder / STATE / ".keep").touch()  # no tool copies a folder with nothing in it alike


def write(folder: Path, stamp: Stamp) -> None:
    """The Dockerfile; and every file's mode made the same wherever this runs."""
    labels = " \\\n      ".join(f'{key}="{value}"' for key, value in sorted(stamp.labels.items()))
    text = _TEXT.format(
        name=stamp.name,
        base=stamp.base,
        python=stamp.python,
        platform=stamp.platform,
        labels=f"LABEL {labels}",
        home=HOME,
        writable=WRITABLE,
        nobody=NOBODY,
        module=MODULE,
        site=SITE,
        program=PROGRAM,
        trusted=TRUSTED,
        release=RELEASE,
        state=STATE,
    )
    (folder / DOCKERFILE).write_text(text, encoding="utf-8")
    for path in sorted(folder.rglob("*")):
        executable = path.is_dir() or bool(path.stat().st_mode & 0o100)
        path.chmod(0o755 if executable else 0o644)


def copy_package(package: Path, folder: Path) -> None:
    """A package's sources, without what Python compiled of them."""
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))

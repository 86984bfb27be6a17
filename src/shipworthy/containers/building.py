"""Building a folder into an image, so that the same folder gives the same image whoever builds it, and when."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from shipworthy.containers.tools import Tool


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the tool's own storage."""

    tag: str
    id: str  # digest of its configuration
    digest: str  # of its manifest, by which it is deployed


def build(tool: Tool, folder: Path, tag: str, at: int) -> Image:
    """Build. `at` is the time that every file gets, seconds since 1970. Undecided where the tool cannot."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-image-") as scratch:
        written = Path(scratch) / "id"
        tool.told(*_command(tool, folder, tag, at, written), what=f"build {tag}")
        id_ = written.read_text().strip()
    return Image(tag, id_.removeprefix("sha256:"), _digest(tool, tag))


def _command(tool: Tool, folder: Path, tag: str, at: int, written: Path) -> tuple[str, ...]:
    where = ("--iidfile", str(written), "--tag", tag, str(folder))
    if tool.name == "docker":
        output = ("--output", "type=docker,rewrite-timestamp=true", "--provenance=false", "--sbom=false")
        return ("buildx", "build", *output, "--build-arg", f"SOURCE_DATE_EPOCH={at}", *where)
    same = ("--timestamp", str(at), "--layers=false", "--isolation", "chroot", "--format", "oci", "--quiet")
    return ("bud" if tool.name == "buildah" else "build", *same, *where)


def _digest(tool: Tool, tag: str) -> str:
    if tool.name == "buildah":
        return tool.told("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", tag, what=f"inspect {tag}")
    form = "{{.Digest}}" if tool.name == "podman" else "{{.Id}}"
    return tool.told("image", "inspect", "--format", form, tag, what=f"inspect {tag}")

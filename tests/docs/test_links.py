"""Every link inside the documentation leads to a file and a heading that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.documents import DOCS, ROOT

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
INDEXED = [page for page in sorted(DOCS.rglob("*.md")) if page.stem != "index"]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Headings as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", INDEXED, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_is_on_the_map_of_its_part(page: Path):
    index = (page.parent / "index.md").read_text(encoding="utf-8")
    assert f"({page.name})" in index

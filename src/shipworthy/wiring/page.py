"""The page's process."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import httpx
import uvicorn

from shipworthy.dashboard.app import Page
from shipworthy.wiring.looking import trace
from shipworthy.wiring.processes import Stop
from shipworthy.wiring.project import open_project
from shipworthy.wiring.status import read_status


def main() -> None:
    """A child of `up`: FOLDER PORT SERVER."""
    logging.basicConfig(format="%(asctime)s page %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line a scrape says nothing
    folder, port, server = sys.argv[1:]
    project = open_project(Path(folder))
    own = f'model="{project.contract.name}"'

    async def scrape() -> str:
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            text = (await client.get(f"{server}/metrics")).text
        # The server may have other models, too.
        return "".join(f"{line}\n" for line in text.splitlines() if line.startswith("#") or own in line)

    page = Page(project.contract, lambda: read_status(project), scrape, lambda name, limit: trace(project, name, limit))
    host = project.contract.serving.host
    serving = uvicorn.Server(
        uvicorn.Config(page.application(), host=host, port=int(port), log_level="warning", access_log=False)
    )
    stop = Stop()
    stop.follow_parent()
    thread = threading.Thread(target=serving.run, name="page")
    thread.start()
    while thread.is_alive() and not stop.wait(0.2):
        pass
    serving.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()

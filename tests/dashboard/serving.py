"""The page, served on loopback."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from dashboard import samples

from shipworthy.dashboard.app import Page
from shipworthy.dashboard.view import StatusView
from shipworthy.errors import NotFound

SCRAPE = """shipworthy_requests_total{{model="flight-delay",status="200"}} {count}
# TYPE shipworthy_request_seconds histogram
shipworthy_request_seconds_bucket{{le="0.001"}} {count}
shipworthy_request_seconds_bucket{{le="+Inf"}} {count}
shipworthy_request_seconds_count {count}
shipworthy_request_seconds_sum 1
"""


def traced(name: str, limit: int) -> dict[str, object]:
    """Stands for lineage: everything is called as it is asked for, but for what does not exist."""
    if name == "nothing":
        raise NotFound("nothing is called 'nothing'")
    return {"name": name, "limit": limit}


@contextmanager
def serve(read: Callable[[], StatusView]) -> Iterator[str]:
    """The address of a page that shows what `read` gives."""
    scrapes = iter(range(0, 1_000_000, 400))

    async def scrape() -> str:
        return SCRAPE.format(count=next(scrapes))

    listening = socket.create_server(("127.0.0.1", 0))
    page = Page(samples.CONTRACT, read, scrape, traced)
    server = uvicorn.Server(uvicorn.Config(page.application(), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()

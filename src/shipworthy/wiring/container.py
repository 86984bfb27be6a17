"""What runs in the container of a release: its supervisor and workers, and nothing else.

    python3 -m shipworthy.wiring.container --port 8080

Its import graph holds what a worker's does. Where it listens, the container's own network is the border.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from shipworthy.errors import Refused, ShipworthyError
from shipworthy.registry.trust import read_trusted
from shipworthy.registry.verification import verify_release
from shipworthy.serving.supervisor import Serving, Supervisor

HOME = Path("/opt/shipworthy")
STATE = Path("/var/lib/shipworthy")
WORKER = (sys.executable, "-m", "shipworthy.wiring.serve")
SETTLED = 1.0  # seconds between looks

_logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        _serve(_options().parse_args(arguments))
    except ShipworthyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="container", description="Serve the release that this image holds.")
    options.add_argument("--host", default="0.0.0.0", help="address to listen on")
    options.add_argument("--port", type=int, default=8080)
    options.add_argument("--workers", type=int, default=0, help="the contract's if 0")
    options.add_argument("--release", type=Path, default=HOME / "release")
    options.add_argument("--trusted", type=Path, default=HOME / "trusted", help="folder of the public keys to believe")
    options.add_argument("--state", type=Path, default=STATE, help="where the log of predictions goes")
    return options


def _serve(given: argparse.Namespace) -> None:
    release = verify_release(given.release, read_trusted(given.trusted))
    logs = _writable(given.state / "log")
    with tempfile.TemporaryDirectory(prefix="shipworthy-") as scratch:
        serving = Serving(
            command=WORKER,
            logs=logs,
            work=Path(scratch),
            trusted=given.trusted,
            host=given.host,
            port=given.port,
            workers=given.workers or release.contract.serving.workers,
            enclosed=True,
        )
        supervisor = Supervisor(serving, given.release)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            url = supervisor.start()
        except ShipworthyError:
            for output in Path(scratch).glob("*.log"):
                sys.stderr.write(output.read_text(errors="replace"))
            raise
        try:
            _logger.info("%s@%d answers at %s", release.model, release.number, url)
            stop.wait()
        finally:
            supervisor.stop()


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be written to ({error.strerror}), and no prediction is answered that is not logged: "
            f"mount a volume at {folder.parent} that user {os.getuid()} may write to"
        ) from error
    return folder


if __name__ == "__main__":
    sys.exit(main())

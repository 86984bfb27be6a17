"""An Alertmanager of a test's own, on loopback."""

import subprocess
import time
from contextlib import contextmanager

import httpx
from ports import free_port


@contextmanager
def an_alertmanager(folder):
    """The address of an Alertmanager that tells nobody, for as long as the block runs."""
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: nobody, group_by: [model]}\nreceivers: [{name: nobody}]\n"
    )
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'told'}",
         f"--web.listen-address={address}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not _ready(address):
            assert time.monotonic() < end, "Alertmanager does not start"
            time.sleep(0.1)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def _ready(address):
    try:
        return httpx.get(f"http://{address}/-/ready", trust_env=False).is_success
    except httpx.HTTPError:
        return False

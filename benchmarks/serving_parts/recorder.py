"""The recorder of a benchmark's project, until its standard input closes.

python recorder.py PROJECT CONTRACT.json REFERENCE.json
"""

import os
import sys
import threading
from pathlib import Path

import msgspec

from shipworthy.contract.records import Contract
from shipworthy.counts import reference
from shipworthy.recording.recorder import Recorder
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.wiring.record import NICER

os.nice(NICER)  # as `up` does it
layout = Layout(Path(sys.argv[1]))
contract = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Contract)
compared = reference.decode(Path(sys.argv[3]).read_bytes())
recorder = Recorder(layout, contract.name, Ledger(layout.ledger_url), contract, lambda _: compared)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
while not stop.is_set():
    if not recorder.step():
        stop.wait(0.1)
if recorder.faults:
    sys.exit(f"not everything was recorded: {recorder.faults}")

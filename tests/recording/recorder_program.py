"""A recorder of its own to be killed: `python recorder_program.py FOLDER`; says a line when it begins."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec
from recording.logs import CONTRACT, opened

from shipworthy import clock

SMALL = msgspec.structs.replace(CONTRACT, recording=msgspec.structs.replace(CONTRACT.recording, commit_bytes=800))

with opened(Path(sys.argv[1])) as project:
    recorder = project.recorder(SMALL, lease=clock.SECOND // 2)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    while recorder.lag().bytes:  # a lease of the one killed before may have to run out first
        recorder.flush()
        time.sleep(0.05)
    recorder.close()

"""A scoring job of its own to be killed: `python scoring_program.py FOLDER PAUSE`; says a line when it begins."""

from __future__ import annotations

import sys
from pathlib import Path

from scoring.jobs import logs, scorer, silent

from shipworthy.scoring.score import score_rows

folder, pause = Path(sys.argv[1]), float(sys.argv[2])
sys.stdout.write("begun\n")
sys.stdout.flush()
score_rows(scorer(pause=pause), str(folder / "in.parquet"), str(folder / "out"), logs(folder), silent, chunk=50)

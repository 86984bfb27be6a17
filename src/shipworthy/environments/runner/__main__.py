"""The runner's start: `python -s -P __main__.py SPEC`, in the user's environment.

This folder is made importable, and the one of those scripts that ask a model in conversion and serving, each under
its own name: nothing else of shipworthy, and nothing that is installed beside it, can be reached from here.
"""

import sys
import types
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PACKAGES = {
    "shipworthy.environments.runner": FOLDER,
    "shipworthy.models.inside": FOLDER.parents[1] / "models" / "inside",
}


def alone() -> None:
    """Make these folders importable, with empty packages in place of those above them."""
    for path in PACKAGES:
        parts = path.split(".")
        for name in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
            package = sys.modules.setdefault(name, types.ModuleType(name))
            package.__path__ = [str(PACKAGES[name])] if name in PACKAGES else []


if __name__ == "__main__":  # a process that the user's code spawns imports this file too
    alone()
    from shipworthy.environments.runner.course import run

    sys.exit(run(Path(sys.argv[1])))

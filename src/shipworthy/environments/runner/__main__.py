"""The runner's start: `python -s -P __main__.py SPEC`, in the user's environment.

This folder alone is made importable, under its own name: nothing else of shipworthy, and nothing that is installed
beside it, can be reached from here.
"""

import sys
import types
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PACKAGE = "shipworthy.environments.runner"


def alone() -> None:
    """Make this folder importable, with empty packages in place of those above it."""
    name = ""
    for part in PACKAGE.split("."):
        name = f"{name}.{part}" if name else part
        package = types.ModuleType(name)
        package.__path__ = [str(FOLDER)] if name == PACKAGE else []
        sys.modules[name] = package


if __name__ == "__main__":  # a process that the user's code spawns imports this file too
    alone()
    from shipworthy.environments.runner.course import run

    sys.exit(run(Path(sys.argv[1])))

"""The start of a conversion or an adoption: `python -s -P __main__.py SPEC`, in an environment of the user's.

This folder alone is made importable, under its own name, with empty packages in place of those above it.
"""

import json
import sys
import types
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PACKAGE = "shipworthy.models.inside"


def alone() -> None:
    """Make this folder importable, and nothing else of shipworthy."""
    name = ""
    for part in PACKAGE.split("."):
        name = f"{name}.{part}" if name else part
        package = types.ModuleType(name)
        package.__path__ = [str(FOLDER)] if name == PACKAGE else []
        sys.modules[name] = package


if __name__ == "__main__":
    alone()
    specification = Path(sys.argv[1])
    if "do" in json.loads(specification.read_text()):
        from shipworthy.models.inside import adoption

        sys.exit(adoption.run(json.loads(specification.read_text())))
    from shipworthy.models.inside.conversion import run

    sys.exit(run(specification))

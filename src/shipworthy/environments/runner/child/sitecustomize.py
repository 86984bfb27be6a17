"""Imported by every Python that a training starts, before any other code: `runner.children` says what for.

Its folder comes first on their PYTHONPATH. A training whose programs have the path of no job is not held by this.
"""

import os


def _begin(job: str) -> None:
    import importlib.util  # noqa: PLC0415 - a Python that no training has started does without
    from pathlib import Path  # noqa: PLC0415

    start = Path(__file__).resolve().parents[1] / "__main__.py"
    specification = importlib.util.spec_from_file_location("shipworthy_runner", start)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.alone()
    from shipworthy.environments.runner import children  # noqa: PLC0415 - only now importable

    children.begin(Path(job))


if os.environ.get("SHIPWORTHY_JOB"):
    _begin(os.environ["SHIPWORTHY_JOB"])

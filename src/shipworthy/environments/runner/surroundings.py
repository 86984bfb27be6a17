"""What the training ran on: Python, processor, linear algebra, installed distributions."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any


def found() -> dict[str, Any]:
    """As the fields of environments.execution.Surroundings."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": _cores(),
        "blas": _linear_algebra(),
        "distributions": _distributions(),
    }


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _distributions() -> dict[str, str]:
    return dict(sorted((each.name, each.version) for each in importlib.metadata.distributions() if each.name))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _linear_algebra() -> list[str]:
    """One line a library, e.g. "openblas 0.3.29 Haswell, 1 thread"; numpy's own word where threadpoolctl is missing."""
    try:
        loaded = importlib.import_module("threadpoolctl").threadpool_info()
    except ImportError:
        return _of_numpy()
    return sorted({_line(each) for each in loaded})


def _line(info: dict[str, Any]) -> str:
    words = [str(info.get(key)) for key in ("internal_api", "version", "architecture") if info.get(key)]
    threads = info.get("num_threads")
    return f"{' '.join(words)}, {threads} thread{'s' if threads != 1 else ''}"


def _of_numpy() -> list[str]:
    if "numpy" not in sys.modules:
        return []
    built = sys.modules["numpy"].show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return [f"{built.get('name')} {built.get('version')}"] if built.get("name") else []

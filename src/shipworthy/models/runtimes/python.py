"""The library's own object, called as it was in training. Only in a process of the user's environment.

Unpickling runs whatever the file says, and needs the libraries that made it: the serving environment is the user's
lock with the server added, and neither the gate nor the command line ever comes here.
"""

from __future__ import annotations

import pickle  # noqa: TID251
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from shipworthy.errors import NotFound
from shipworthy.models.bundle import CODE, Bundle
from shipworthy.models.columns import to_arrow
from shipworthy.models.inside.own_call import as_table, own_call
from shipworthy.models.inside.own_code import importable
from shipworthy.models.records import Answers, Columns, RuntimeName
from shipworthy.models.runtimes import FILES


class PythonRuntime:
    """The pickled model. A process loads one: modules of the project that it refers to are imported once a process."""

    name: RuntimeName = "python"

    def __init__(self, bundle: Bundle) -> None:
        path = bundle.folder / FILES["python"]
        if not path.is_file():
            raise NotFound(f"{bundle.folder} has no {FILES['python']}")
        code = bundle.folder / CODE
        if code.is_dir():
            importable(code)
        with path.open("rb") as stream:
            model = pickle.load(stream)  # noqa: S301
        self._features = bundle.description.features
        self._kind = bundle.description.table
        self._call: Callable[[Any], Any] = own_call(model, bundle.description.task)

    def predict(self, columns: Columns) -> Answers:
        """Answers to n rows."""
        table: pa.Table = to_arrow(columns, self._features)
        said = np.asarray(self._call(as_table(table, self._kind)), dtype=np.float64)
        return Answers(said.reshape(len(columns[0]), -1))

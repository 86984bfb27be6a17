"""`POST /predict`: `{"rows": [{"carrier": "UA", …}], "id"?: …, "ids"?: […]}` and its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from shipworthy.models.records import BundleDescription
from shipworthy.serving.answer import Answer, Class, as_keys
from shipworthy.serving.problems import NO_JSON, Problem, Violation, malformed
from shipworthy.serving.responses import Reply
from shipworthy.serving.rows import Call, PackedRow, Row, RowFormat
from shipworthy.serving.violations import examine, refusal

CallerId = Annotated[str, Meta(min_length=1, max_length=256)]
_ESCAPED = re.compile(r'[\\"\x00-\x1f]')
KEYS = ("rows", "id", "ids")

_decode_loose = msgspec.json.Decoder(float_hook=float).decode  # 1e400 becomes infinity, and is then refused by name


class Predicted(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One row's answer."""

    id: str
    prediction: Any
    probabilities: Any = None  # one field a class


class Predictions(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The answer's body."""

    release: int
    model: str
    predictions: list[Predicted]
    id: str | None = None


class Native:
    """Reads requests and writes answers of one release."""

    plain_errors = False

    def __init__(self, release: int, description: BundleDescription, max_rows: int) -> None:
        self._model, self._release, self._features = description.model, release, description.features
        self._max_rows = max_rows
        self._format = RowFormat(self._features)
        self._probabilities = _struct_of(description.classes) if description.classes else None
        row: Any = self._format.type
        call = msgspec.defstruct(
            "Call",
            [
                ("rows", Annotated[list[row], Meta(min_length=1, max_length=max_rows)]),
                ("id", CallerId | None, None),
                ("ids", list[CallerId] | None, None),
            ],
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode: Any = msgspec.json.Decoder(call).decode
        self._encode = msgspec.json.Encoder().encode
        self._named = [self._encode(name) for name in description.classes]
        self._template = self._as_template(description)

    def read(self, body: bytes | bytearray, described: int | None = None) -> Call:
        """The checked rows of a request. Problem 400, 422."""
        if described is not None:
            raise Problem(400, "tensors in binary belong to the Open Inference Protocol's paths")
        try:
            asked = self._decode(body)
            rows = self._format.compact(asked.rows)
        except (msgspec.ValidationError, OverflowError):
            return self._look_again(body)
        except NO_JSON as error:
            raise malformed(error, body) from None
        if asked.ids is not None:
            _same_length(asked.ids, rows)
        return Call(rows, asked.id, asked.ids)

    def write(self, call: Call, answer: Answer) -> Reply:
        """The answer."""
        probabilities = self._probabilities
        if probabilities is None:
            predictions = list(map(Predicted, answer.ids, answer.predictions))
        elif len(answer.ids) == 1:
            predictions = [Predicted(answer.ids[0], answer.predictions[0], probabilities(*answer.values[0]))]
        else:
            shares = [probabilities(*values) for values in answer.values]
            predictions = list(map(Predicted, answer.ids, answer.predictions, shares))
        return Reply(200, self._encode(Predictions(self._release, self._model, predictions, call.id)))

    def read_singles(self, bodies: Iterable[bytes | bytearray]) -> tuple[Sequence[Row | PackedRow], list[str | None]]:
        """One checked row of every request, and the callers' ids.

        ValueError (msgspec's own, too) or OverflowError where one of them is wrong, has another number of rows or names
        its rows: `read` says which and why.
        """
        asked = list(map(self._decode, bodies))
        if any(one.ids is not None for one in asked):
            raise ValueError("rows have ids of their own")
        return self._format.singles([one.rows for one in asked]), [one.id for one in asked]

    def write_singles(self, begin: bytes, values: NDArray[np.float64], ids: Sequence[str | None]) -> list[bytes]:
        """The bodies of the answers to requests of one row: what `write` makes of them, byte by byte.

        begin: what the prediction ids begin with, their row's number comes next; values: (n, k), n > 0. All numbers are
        written at once, and the rest is the same in every answer.
        """
        shares = self._encode(values.tolist())[2:-2].split(b"],[")
        template = self._template
        if self._named:
            named = self._named
            found = [
                template % (begin, row, named[best], *numbers.split(b","))
                for row, (best, numbers) in enumerate(zip(values.argmax(axis=1).tolist(), shares, strict=True))
            ]
        else:
            found = [template % (begin, row, number) for row, number in enumerate(shares)]
        if any(ids):
            return [
                body if id_ is None else b'%b,"id":%b}' % (body[:-1], self._encode(id_))
                for body, id_ in zip(found, ids, strict=True)
            ]
        return found

    def _as_template(self, description: BundleDescription) -> bytes:
        """An answer of one row with places for its id, its prediction and its probabilities."""
        model = self._encode(self._model).replace(b"%", b"%%")
        begin = b'{"release":%d,"model":%b,"predictions":[{"id":"%%b%%d","prediction":%%b' % (self._release, model)
        if not description.classes:
            return begin + b"}]}"
        keys = [self._encode(name).replace(b"%", b"%%") for name in as_keys(description.classes)]
        return begin + b',"probabilities":{' + b",".join([key + b":%b" for key in keys]) + b"}}]}"

    def _look_again(self, body: bytes | bytearray) -> Call:
        try:
            asked = _decode_loose(body)
        except NO_JSON as error:
            raise malformed(error, body) from None
        wrong = list(self._wrong(asked))
        if wrong:
            raise refusal(wrong)
        checked = examine(self._features, asked["rows"])
        ids = asked.get("ids")
        if ids is not None:
            _same_length(ids, checked.rows)
        return Call(checked.rows, asked.get("id"), ids, checked.flags)

    def _wrong(self, asked: Any) -> list[Violation]:
        """What is wrong around the rows."""
        if not isinstance(asked, dict):
            return [Violation(0, "body", type(asked).__name__, 'an object, {"rows": [{…}]}')]
        found = [
            Violation(0, name, None, f"one of the keys {', '.join(KEYS)}", self._hint(name))
            for name in asked
            if name not in KEYS
        ]
        rows = asked.get("rows")
        if not isinstance(rows, list) or not 1 <= len(rows) <= self._max_rows:
            found.append(Violation(0, "rows", _size(rows), f"a list of 1 to {self._max_rows} objects"))
        if not _is_id(asked.get("id")):
            found.append(Violation(0, "id", None, "text of 1 to 256 characters"))
        ids = asked.get("ids")
        if ids is not None and not (isinstance(ids, list) and all(id_ is not None and _is_id(id_) for id_ in ids)):
            found.append(Violation(0, "ids", None, "a list of texts of 1 to 256 characters, one a row"))
        return found

    def _hint(self, name: str) -> str:
        if any(name == feature.name for feature in self._features):
            return 'features belong into the objects in "rows"'
        return ""


def _struct_of(classes: Sequence[Class]) -> Any:
    """A type that writes probabilities as an object with one key a class: twice as fast as a dict.

    A dict all the same where a class's name has to be escaped, which fields of a type cannot be.
    """
    names = as_keys(classes)
    if any(_ESCAPED.search(name) for name in names):
        return lambda *shares: dict(zip(names, shares, strict=True))
    return msgspec.defstruct(
        "Probabilities",
        [(f"c{index}", float) for index in range(len(names))],
        rename={f"c{index}": name for index, name in enumerate(names)},
        frozen=True,
        gc=False,
    )


def _same_length(ids: Sequence[str], rows: Sequence[Any]) -> None:
    if len(ids) != len(rows):
        raise Problem(
            422,
            f"ids has {len(ids)} entries, rows has {len(rows)}: expected one id a row",
            (Violation(0, "ids", len(ids), f"{len(rows)} ids, one a row"),),
        )


def _is_id(value: Any) -> bool:
    return value is None or (isinstance(value, str) and 1 <= len(value) <= 256)


def _size(rows: Any) -> Any:
    return f"{len(rows)} rows" if isinstance(rows, list) else None

"""A small real model in ONNX, releases of it that are signed, and a caller that speaks raw HTTP."""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper

from shipworthy import digest
from shipworthy.contract.records import Contract, Feature, Model, Purpose, Serving
from shipworthy.models.bundle import write_description
from shipworthy.models.columns import schema
from shipworthy.models.records import BundleDescription, RuntimeVerdict
from shipworthy.registry.manifest import Identity, manifest_statement
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import trusted_folder
from shipworthy.serving.hosting import Hosted, Hosting, Room, write_hosting
from shipworthy.serving.launch import WORKER
from shipworthy.serving.supervisor import Serving as HowToServe
from shipworthy.serving.supervisor import Supervisor
from shipworthy.store.objects import File

FEATURES = (
    Feature(name="distance", type="float", min=0.0, max=6000.0, unit="miles"),
    Feature(name="stops", type="integer", min=0.0, max=3.0),
    Feature(name="night", type="boolean"),
    Feature(name="carrier", type="category", values=("AA", "B6", "UA"), unknown="refuse"),
    Feature(name="origin", type="category", values=("EWR", "JFK")),
    Feature(name="departure", type="timestamp"),
    Feature(name="wind", type="float", nullable=True),
    Feature(name="gusts", type="float", max=100.0, on_violation="flag"),
    Feature(name="rain", type="float", min=0.0, on_violation="default", default=0.5),
)
DESCRIPTION = BundleDescription(
    version=1,
    model="flight-delay",
    task="classification",
    features=FEATURES,
    classes=("no", "yes"),
    target="late",
    family="by hand",
    runtimes=(RuntimeVerdict("onnx", "runtimes/onnx/model.onnx", True, 7, 0.0, 5.0, 0.1, ""),),
    online="onnx",
    batch="onnx",
)
ROW = {
    "distance": 500,
    "stops": 1,
    "night": False,
    "carrier": "UA",
    "origin": "EWR",
    "departure": "2013-04-01T10:00:00Z",
    "wind": None,
    "gusts": 20.5,
    "rain": 0.0,
}


def contract(**serving):
    """The promise that all tests here serve."""
    return Contract(
        model=Model(name="flight-delay", task="classification", train="flights:train"),
        purpose=Purpose(decision="rebook", owner="ops@example.com"),
        features=FEATURES,
        serving=Serving(event_time="departure", max_rows=100, **serving),
    )


def expected(distance, shift=0.0):
    """What the model says: the probability of being late."""
    return 1 / (1 + np.exp(-(distance + shift) / 1000))


def write_bundle(folder: Path, shift: float = 0.0, model: str = "flight-delay") -> Path:
    """Late with probability sigmoid((distance + shift) / 1000)."""
    (folder / "runtimes" / "onnx").mkdir(parents=True)
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["distance", "shift"], ["moved"]),
            helper.make_node("Div", ["moved", "thousand"], ["scaled"]),
            helper.make_node("Sigmoid", ["scaled"], ["late"]),
            helper.make_node("Sub", ["one", "late"], ["punctual"]),
            helper.make_node("Concat", ["punctual", "late"], ["probabilities"], axis=1),
        ],
        "delay",
        [helper.make_tensor_value_info("distance", TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, 2])],
        [
            helper.make_tensor(name, TensorProto.DOUBLE, [1], [value])
            for name, value in (("shift", shift), ("thousand", 1000.0), ("one", 1.0))
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(made)
    (folder / "runtimes" / "onnx" / "model.onnx").write_bytes(made.SerializeToString())
    distances = np.linspace(0, 6000, 7)
    probes = pa.Table.from_pylist(
        [{**ROW, "distance": distance, "departure": 0} for distance in distances],
        schema=schema(FEATURES).set(5, pa.field("departure", pa.int64())),
    ).cast(schema(FEATURES))
    pq.write_table(probes, folder / "probes.parquet")
    late = expected(distances, shift)
    np.save(folder / "probe_answers.npy", np.stack([1 - late, late], axis=1))
    write_description(folder, msgspec.structs.replace(DESCRIPTION, model=model))
    return folder


ROOM = Room()


class Shop:
    """Makes signed releases, and servers for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.trusted = trusted_folder(folder / "configuration")
        self._key = signing_key(folder / "configuration")
        self._lists = 0

    def release(
        self, number: int, shift: float = 0.0, prepare=None, *, model: str = "flight-delay", shadow=False
    ) -> Path:
        """A release folder as the registry leaves it; `prepare(folder)` changes the bundle before it is signed."""
        folder = write_bundle(self.folder / "releases" / model / str(number), shift, model)
        if prepare is not None:
            prepare(folder)
        promised = contract()
        promised = msgspec.structs.replace(promised, model=msgspec.structs.replace(promised.model, name=model))
        (folder / "contract.json").write_bytes(digest.canonical_json(promised))
        files = [
            File(path.relative_to(folder).as_posix(), digest.of_file(path), path.stat().st_size)
            for path in folder.rglob("*")
            if path.is_file()
        ]
        identity = Identity(1, model, number, "run-1", promised.digest, True, (), 0, shadow)
        manifest = manifest_statement(identity, files)
        (folder / "manifest.json").write_bytes(manifest.encode())
        (folder / "manifest.dsse.json").write_bytes(self._key.sign(manifest))
        return folder

    def hosting(self, *releases: Path, room: Room = ROOM) -> Path:
        """The list of a server with many models."""
        self._lists += 1
        path = self.folder / f"hosting-{self._lists}.json"
        hosted = [
            Hosted(
                model=folder.parent.name,
                number=int(folder.name),
                folder=str(folder),
                logs=str(self.logs / folder.parent.name),
                features=tuple(feature.name for feature in FEATURES),
            )
            for folder in releases
        ]
        write_hosting(path, Hosting(models=tuple(hosted), room=room))
        return path

    def supervisor(self, release: Path, **options) -> Supervisor:
        """A supervisor on a free port."""
        how = {"command": WORKER, "logs": self.logs, "work": self.folder / "work", "trusted": self.trusted, "port": 0}
        return Supervisor(HowToServe(**{**how, **options}), release)

    def output(self) -> str:
        """What the workers printed."""
        return (self.folder / "work" / "workers.log").read_text()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


class Caller:
    """One connection, spoken to in bytes."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=10)
        self._unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers.get("content-length", 0))
        while len(self._unread) < length:
            self._receive()
        body, self._unread = self._unread[:length], self._unread[length:]
        return int(first.split()[1]), headers, body

    def ask(self, path: str, body=None, method: str = "", **headers: str) -> tuple[int, dict]:
        """One request; the answer's status and JSON."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send(request(path, content, method or ("GET" if body is None else "POST"), **headers))
        status, _, said = self.answer()
        return status, json.loads(said) if said else {}

    def closed(self) -> bool:
        """Whether the server sends nothing more and has closed."""
        try:
            return not self._unread and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _receive(self) -> None:
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError(f"closed by the server after {self._unread!r}")
        self._unread += received


def request(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def predict(*rows, **further) -> bytes:
    """The bytes of a request for predictions."""
    return request("/predict", msgspec.json.encode({"rows": rows, **further}))

import msgspec
import pytest

from shipworthy import digest
from shipworthy.clock import DAY
from shipworthy.contract.records import Contract, DataSource, Feature, Gate, Model, Purpose
from shipworthy.lineage.records import CodeSnapshot, Cut, DataPin, Environment, Rebuild, Run
from shipworthy.models.records import BundleDescription
from shipworthy.registry.attesting import record_rebuild, record_run
from shipworthy.registry.records import Verdict
from shipworthy.registry.releases import Evidence, Releases
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import read_trusted, trusted_folder
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare

SHA = digest.of_bytes(b"something")
CHECKS = ("data", "quality", "rebuild")
FEATURES = (Feature(name="distance", type="float"), Feature(name="carrier", type="category"))


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.delenv("SHIPWORTHY_DATABASE_URL", raising=False)
    monkeypatch.delenv("SHIPWORTHY_STORE", raising=False)
    layout = Layout(tmp_path / "project")
    prepare(layout)
    return layout


@pytest.fixture
def ledger(layout):
    ledger = Ledger(layout.ledger_url)
    yield ledger
    ledger.close()


@pytest.fixture
def objects(layout):
    return Objects(layout.objects)


@pytest.fixture
def configuration(tmp_path):
    return tmp_path / "configuration"


@pytest.fixture
def key(configuration):
    return signing_key(configuration)


@pytest.fixture
def trusted(key, configuration):
    return read_trusted(trusted_folder(configuration))


@pytest.fixture
def releases(ledger, objects):
    return Releases(ledger, objects)


@pytest.fixture
def contract():
    return Contract(
        model=Model(name="flight-delay", task="classification", train="flights:train"),
        purpose=Purpose(decision="rebook", owner="ops@example.com"),
        features=FEATURES,
        data=(DataSource(name="flights", kind="delta", location="data/flights", target="late", time="scheduled"),),
        gate=Gate(minimum=0.6),
    )


@pytest.fixture
def make_run(ledger, objects, contract, key, tmp_path):
    """Records a run with a small bundle, signed or as old ones are; `seed` makes it another one."""

    def make(seed=13, version=12, contract=contract, signed=True):
        bundle = tmp_path / f"bundle-{seed}-{version}"
        (bundle / "runtimes" / "onnx").mkdir(parents=True, exist_ok=True)
        description = BundleDescription(
            1, contract.name, "classification", FEATURES, (False, True), "late", "sklearn", (), "python", "python"
        )
        (bundle / "bundle.json").write_bytes(msgspec.json.encode(description))
        (bundle / "model.pkl").write_bytes(b"a model %d" % seed)
        (bundle / "reference.json").write_bytes(b"{}")
        (bundle / "runtimes" / "onnx" / "model.onnx").write_bytes(b"onnx %d" % seed)
        pin = DataPin(
            "flights",
            "delta",
            "data/flights",
            version,
            "table-1",
            digest.of_value(version),
            SHA,
            100,
            {"distance": "double"},
            (),
            Cut("scheduled", 0, 80 * DAY, 100 * DAY, 80, 20, 0),
        )
        run = Run(
            version=1, model=contract.name, contract=contract,
            code=CodeSnapshot((), SHA, "c0ffee", dirty=False), data=(pin,),
            environment=Environment(SHA, "3.11.7", "CPython", "linux", "x86", 2, ("openblas",), 1, {}, {"TZ": "UTC"}),
            parameters={"learning_rate": 0.08}, seed=seed, rehearsal=None, metrics={"auc": 0.7},
            files=objects.put_tree(bundle), model_digest=digest.of_file(bundle / "model.pkl"), canonical_digest=SHA,
            prediction_digest=SHA, seconds=1.5, started=1000, finished=2000,
        )  # fmt: skip
        return record_run(ledger, run, key) if signed else ledger.append("run", contract.name, run)

    return make


@pytest.fixture
def passed():
    return tuple(Verdict(check, "passed", "well") for check in CHECKS)


@pytest.fixture
def rebuilt(ledger, key):
    """Records that a run was made again, signed or as old ones are."""

    def make(run, rung="bit-identical", signed=True):
        environment = run.decode(Run).environment
        record = Rebuild(1, run.id, rung, "prediction-identical", 0.0, (), 1.0, 3000, environment)
        if signed:
            return record_rebuild(ledger, record, key)
        return ledger.append("rebuild", run.model, record, subject=run.id)

    return make


@pytest.fixture
def make_release(releases, key, make_run, passed, rebuilt):
    """Records and releases a run."""

    def make(signed=True, **changes):
        run = make_run(signed=signed, **changes)
        return releases.release(run, Evidence(passed, CHECKS, rebuilt(run, signed=signed).id), key)

    return make

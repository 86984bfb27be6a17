import pytest

from shipworthy.contract.records import Contract, Feature, Gate, Model, Purpose
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare


@pytest.fixture
def contract():
    return Contract(
        model=Model(name="m", task="classification", train="a:b"),
        purpose=Purpose(decision="d", owner="o"),
        features=(Feature(name="distance", type="float", min=0, max=6000),),
        gate=Gate(metric="auc", minimum=0.6, margin=0.01),
    )


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.delenv("SHIPWORTHY_DATABASE_URL", raising=False)
    layout = Layout(tmp_path)
    prepare(layout)
    ledger = Ledger(layout.ledger_url)
    yield ledger
    ledger.close()

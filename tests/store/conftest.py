import pytest

from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.delenv("SHIPWORTHY_DATABASE_URL", raising=False)
    monkeypatch.delenv("SHIPWORTHY_STORE", raising=False)
    return Layout(tmp_path / "project")


@pytest.fixture
def ledger(layout):
    prepare(layout)
    ledger = Ledger(layout.ledger_url)
    yield ledger
    ledger.close()


@pytest.fixture
def objects(tmp_path):
    return Objects(tmp_path / "objects")

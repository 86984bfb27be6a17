import pytest
from alerts.receiver import Receiver

from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.delenv("SHIPWORTHY_DATABASE_URL", raising=False)
    layout = Layout(tmp_path)
    prepare(layout)
    found = Ledger(layout.ledger_url)
    yield found
    found.close()


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "alerts.jsonl"

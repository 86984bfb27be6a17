"""Labels by HTTP: what was answered is kept, whatever becomes of the server; what breaks the contract is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from tests.serving.conftest import Shop

from shipworthy.client import Client, RowsRefused
from shipworthy.predictions.label_files import LabelReader
from shipworthy.predictions.label_log import Label, LabelLog, folder_of


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    shop = Shop(tmp_path_factory.mktemp("labels"))
    supervisor = shop.supervisor(shop.release(3), workers=1)
    yield supervisor.start(), supervisor, shop
    supervisor.stop()


def kept(shop) -> list[Label]:
    return LabelReader(folder_of(shop.logs)).fresh().labels


def test_labels_that_were_answered_survive_a_worker_that_is_killed(serving):
    url, supervisor, shop = serving
    with Client(url) as client:
        assert client.label({"id": "flight-1", "value": "yes", "known_at": "2026-01-02T00:00:00Z"}) == 1
        for worker in supervisor.status().workers:
            os.kill(worker.pid, signal.SIGKILL)
        assert client.label([{"prediction_id": "3-w0-0-0-0", "value": "no"}] * 2, deadline=60) == 2
    found = [(one.key, one.value) for one in kept(shop)]
    assert found.count(("flight-1", "yes")) == 1
    assert found.count(("3-w0-0-0-0", "no")) >= 2
    assert next(one.known for one in kept(shop) if one.key == "flight-1") == 1_767_312_000_000_000_000


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": "a", "value": "perhaps"}, "value"),
        ({"value": "yes"}, "id"),
        ({"id": "a", "prediction_id": "b", "value": "yes"}, "id"),
        ({"id": "", "value": "yes"}, "id"),
        ({"id": "a", "value": "yes", "known_at": "yesterday"}, "known_at"),
        ({"id": "a", "value": "yes", "known_at": "2126-01-01T00:00:00Z"}, "known_at"),
    ],
)
def test_one_label_that_breaks_the_contract_has_all_of_them_refused(serving, row, field):
    url, _, shop = serving
    before = len(kept(shop))
    with Client(url) as client, pytest.raises(RowsRefused) as refused:
        client.label([{"id": "good", "value": "yes"}, row])
    assert (refused.value.violations[0].row, refused.value.violations[0].field) == (1, field)
    assert len(kept(shop)) == before


def test_what_is_no_request_for_labels_is_refused(serving):
    url = serving[0]
    assert httpx.post(f"{url}/labels", content=b"{", trust_env=False).status_code == 400
    assert httpx.post(f"{url}/labels", json={"rows": []}, trust_env=False).status_code == 422
    assert httpx.post(f"{url}/labels", json={"rows": [{"id": "a", "valu": 1}]}, trust_env=False).status_code == 422
    assert httpx.get(f"{url}/labels", trust_env=False).status_code == 405


def test_a_line_that_was_broken_off_is_not_read_and_costs_no_other(tmp_path):
    logs, one, two = tmp_path / "log", Label("a", "yes", 1), Label("b", "no", 2)
    log, reader = LabelLog(logs, "w0-1", disk=True), LabelReader(folder_of(logs))
    log.append([one])
    [file] = folder_of(logs).iterdir()
    with file.open("ab") as stream:
        stream.write(b'{"key": "torn"')
    assert reader.fresh().labels == [one]
    log._torn = True
    log.append([two])
    assert reader.fresh().labels == [two]
    assert reader.fresh().labels == []
    LabelLog(logs, "rehearsal-w0-1", disk=False).append([one])
    assert reader.fresh().labels == []

"""A worker has one core: what a model's library would start a thread a core for has one thread there."""

import pickle  # noqa: TID251
import sys

from tests.serving.conftest import Caller

from shipworthy.contract.records import Contract, Feature, Model, Purpose
from shipworthy.models.bundle import CODE, write_description
from shipworthy.models.records import BundleDescription
from shipworthy.serving.launch import rehearse_server

SAYS = '''
import joblib
import numpy as np
import sklearn.ensemble  # brings OpenMP
import threadpoolctl


class Counts:
    """Says how many threads it would have."""

    def predict(self, table):
        pools = {pool["user_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
        assert "openmp" in pools
        return np.full(len(table), 100 * joblib.effective_n_jobs(-1) + max(pools.values()), dtype=float)
'''
FEATURES = (Feature(name="wind", type="float"),)


def test_libraries_have_one_thread_in_a_worker(tmp_path, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        monkeypatch.setenv(name, "3")  # whatever the supervisor itself was started with
    code = tmp_path / "bundle" / CODE
    code.mkdir(parents=True)
    (code / "says_threads.py").write_text(SAYS)
    monkeypatch.syspath_prepend(str(code))
    from says_threads import Counts  # noqa: PLC0415

    (tmp_path / "bundle" / "model.pkl").write_bytes(pickle.dumps(Counts()))
    del sys.modules["says_threads"]
    described = BundleDescription(1, "gusts", "regression", FEATURES, (), "g", "own", (), "python", "python")
    write_description(tmp_path / "bundle", described)
    promised = Contract(
        model=Model(name="gusts", task="regression", train="none:none"),
        purpose=Purpose(decision="close the window", owner="nobody"),
        features=FEATURES,
    )
    with rehearse_server(tmp_path / "bundle", promised, tmp_path / "work") as url, Caller(url) as caller:
        status, said = caller.ask("/predict", {"rows": [{"wind": 1.0}]})
    assert (status, said["predictions"][0]["prediction"]) == (200, 101.0)

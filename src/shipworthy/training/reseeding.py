"""The same recipe trained with other seeds, and the run held against what it makes."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec
import numpy as np

from shipworthy.contract.records import Contract
from shipworthy.errors import TrainingFailed, Undecided
from shipworthy.lineage.records import Equivalence
from shipworthy.models import metrics
from shipworthy.models.bundle import HOLDOUT_ANSWERS, read_answers
from shipworthy.training import making
from shipworthy.training.diagnosis_trials import Bench
from shipworthy.training.equivalence import Model, equivalence
from shipworthy.training.ladder import Answers
from shipworthy.training.making import Data, Report


def against_other_seeds(bench: Bench, report: Report) -> Equivalence:
    """Train with as many seeds as the contract says, and test the run. Undecided where one of them fails."""
    run, contract = bench.run, bench.run.contract
    data = making.prepared(contract, bench.tables, making.recorded_cut(run))
    seeds = [(run.seed + step) % 2**32 for step in range(1, contract.gate.rebuild.seeds + 1)]
    held = read_answers(bench.frozen.with_name(HOLDOUT_ANSWERS))
    standing = Model(bench.then.answers, _metric(bench, data, held))
    others = []
    for count, seed in enumerate(seeds, start=1):
        report(f"train with another seed: {count} of {len(seeds)}", count / (len(seeds) + 1))
        others.append(_trained(bench, data, seed))
    if any(other.answers.shape != standing.answers.shape for other in others):
        raise Undecided("could not decide: trainings with other seeds give answers of another shape than the run's")
    return equivalence(standing, others, seeds, contract.gate.metric)


def _trained(bench: Bench, data: Data, seed: int) -> Model:
    contract, work = _with_seed(bench.run.contract, seed), bench.setting.work.with_name(f"seed-{seed}")
    setting = replace(bench.setting, work=work)
    try:
        _, bundle = making.run_job(contract, bench.run.parameters, data, setting, bench.frozen, lambda _: None)
        answers, _ = making.answers_of(bundle)
        return Model(answers, _metric(bench, data, read_answers(bundle / HOLDOUT_ANSWERS)))
    except TrainingFailed as error:
        raise Undecided(f"could not decide: the training fails with seed {seed}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _with_seed(contract: Contract, seed: int) -> Contract:
    return msgspec.structs.replace(contract, model=msgspec.structs.replace(contract.model, seed=seed))


def _metric(bench: Bench, data: Data, answers: Answers) -> float:
    target = np.asarray(data.holdout[str(data.target.target)])
    return metrics.measure(bench.run.contract.gate.metric, target, answers, bench.then.classes)

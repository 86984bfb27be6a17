"""`image`: a release as a container image, and the same SLA check against its container."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

import shipworthy
from shipworthy import clock
from shipworthy.containers import building, folder, running, tools
from shipworthy.containers.base import Base, look
from shipworthy.environments import builder, staging
from shipworthy.environments.workplace import workplace
from shipworthy.errors import Refused, Undecided, WrongUse
from shipworthy.gate.checks import latency
from shipworthy.lineage.records import Run
from shipworthy.models.bundle import Bundle
from shipworthy.registry.names import release_of
from shipworthy.registry.records import LatencyVerdict, Release, Verdict
from shipworthy.registry.releases import Releases
from shipworthy.registry.trust import key_file, trusted_folder
from shipworthy.registry.verification import VerifiedRelease
from shipworthy.rehearsal.load import Target
from shipworthy.rehearsal.payloads import from_columns
from shipworthy.rehearsal.sla import verify
from shipworthy.store.layout import configuration
from shipworthy.wiring.checking import BODIES, TRIES
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.project import Project, Report
from shipworthy.wiring.workers import SERVER, SHARED

BASE = "SHIPWORTHY_BASE_IMAGE"
RUNTIMES = {"onnx": "onnxruntime", "lightgbm": "lightgbm", "xgboost": "xgboost", "catboost": "catboost"}


class Imaged(msgspec.Struct, frozen=True):
    """An image that was made."""

    release: str  # flight-delay@3
    folder: str
    base: str
    python: str
    tool: str
    tag: str
    id: str | None  # None: written only
    digest: str | None
    verdict: Verdict | None  # of the SLA, where it was measured


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user named."""

    base: str | None
    out: Path | None
    tool: str | None
    tag: str | None
    build: bool
    check: bool


def image(project: Project, name: str, wish: Wish, report: Report) -> Imaged:
    """Write the folder, build it, and measure the container. Undecided, NotFound, Unbuildable say what is missing."""
    record = release_of(project.ledger, name, model=project.contract.name).decode(Release)
    tool = tools.find(tools.RUNNERS if wish.check else tools.BUILDERS, wish.tool)
    report("look at the base", None)
    base = look(tool, base_of(wish.base))
    run = project.ledger.get(record.run).decode(Run)
    release = Releases(project.ledger, project.objects).materialise(
        project.layout, record.model, record.number, trusted_keys()
    )
    described = Bundle.open(release.folder).description
    _hold_to_python(described.online, base, run)
    out = wish.out or project.layout.state / "images" / f"{record.model}-{record.number}"
    report("install the dependencies", None)
    folder.begin(out)
    _fill(project, release, run, described.online, base, out)
    tag = wish.tag or f"localhost/{record.model.lower()}:{record.number}"
    made = Imaged(f"{record.model}@{record.number}", str(out), base.name, base.python, tool.name, tag, None, None, None)
    if not wish.build:
        return made
    report(f"build with {tool.name}", None)
    built = building.build(tool, out, tag, record.at // clock.SECOND)
    made = msgspec.structs.replace(made, id=built.id, digest=built.digest)
    if not wish.check:
        return made
    report(f"measure the container: {release.contract.serving.rate:g} requests/s", None)
    return msgspec.structs.replace(made, verdict=_measured(tool, tag, release))


def base_of(given: str | None) -> str:
    """The base that the user names, else that of the setting. WrongUse without one, or by a tag alone."""
    named = given or os.environ.get(BASE)
    if not named:
        raise WrongUse(
            f"--base is missing, and {BASE} is not set: expected an image with Python 3.11 or newer, pinned by its "
            "digest (NAME@sha256:…); docs/how-to/run-in-a-container.md makes one from Debian packages"
        )
    return tools.pinned(named)


def _hold_to_python(online: str, base: Base, run: Run) -> None:
    """What a library pickled, the same library has to open, in the same Python."""
    trained = run.environment.python.rpartition(".")[0]
    if online == "python" and base.minor != trained:
        raise WrongUse(
            f"{base.name} has Python {base.python}, and this model, which its own library serves, was trained in "
            f"{trained}: expected a base with Python {trained}"
        )


def _fill(project: Project, release: VerifiedRelease, run: Run, online: str, base: Base, out: Path) -> None:
    with workplace(project.layout.work(), "image") as work:
        lock = out / folder.LOCK
        lock.write_text(_lock(project, run, online, base, work), encoding="utf-8")
        staging.stage(lock, out / folder.SITE, python=base.minor, platform=base.platform, near=work)
    folder.copy_package(Path(shipworthy.__file__).parent, out / folder.PROGRAM)
    shutil.copytree(release.folder, out / folder.RELEASE)
    (out / folder.TRUSTED).mkdir()
    shutil.copyfile(key_file(trusted_folder(configuration()), release.key), out / folder.TRUSTED / "signer.pem")
    labels = {
        "org.opencontainers.image.title": release.model,
        "org.opencontainers.image.version": str(release.number),
        "org.opencontainers.image.revision": run.code.commit or run.code.digest,
        "org.opencontainers.image.base.name": base.name.partition("@")[0],
        "org.opencontainers.image.base.digest": base.name.partition("@")[2],
        "shipworthy.run": release.run,
        "shipworthy.proven": str(release.proven).lower(),
        "shipworthy.key": release.key,
    }
    folder.write(out, folder.Stamp(f"{release.model}@{release.number}", base.name, base.python, base.platform, labels))


def _lock(project: Project, run: Run, online: str, base: Base, work: Path) -> str:
    """What the server needs; for a model that its own library serves, beside the lock that it was trained with."""
    server = tuple(f"{name}=={version(name)}" for name in SERVER)
    if online != "python":
        ours = (*SHARED, RUNTIMES[online])
        return staging.pin((*server, *(f"{name}=={version(name)}" for name in ours)), base.minor, work)
    kept = work / "trained.lock"
    project.objects.fetch(run.environment.lock, kept)
    return builder.lock_with(kept, (*server, *SHARED), python=base.minor, near=work).read_text(encoding="utf-8")


def _measured(tool: tools.Tool, tag: str, release: VerifiedRelease) -> Verdict:
    """The gate's own measurement, of the container; again, a few times, where the machine was too busy to tell."""
    contract = release.contract
    bundle = Bundle.open(release.folder)
    bodies = from_columns(bundle.description.features, bundle.probes(), BODIES)
    verdict = latency.latency(contract.serving, None, contract.gate.confidence)
    with running.served(tool, tag, workers=1) as container:
        for seed in range(TRIES):
            verdict = latency.latency(
                contract.serving,
                _look(Target(f"{container.url}/predict", bodies), release, seed, container.pid),
                contract.gate.confidence,
            )
            if verdict.outcome != "undecided":
                break
    return verdict


def _look(target: Target, release: VerifiedRelease, seed: int, pid: int) -> LatencyVerdict | None:
    contract = release.contract
    try:
        return verify(
            target, contract.serving, confidence=contract.gate.confidence, seed=seed, roots=(os.getpid(), pid)
        )
    except Undecided:
        return None


def hold(made: Imaged) -> None:
    """Refused or Undecided where the container did not keep the SLA."""
    if made.verdict is None or made.verdict.outcome == "passed":
        return
    if made.verdict.outcome == "blocked":
        raise Refused(f"the container of {made.release} does not keep its SLA: {made.verdict.reason}")
    raise Undecided(f"whether the container of {made.release} keeps its SLA is not known: {made.verdict.reason}")

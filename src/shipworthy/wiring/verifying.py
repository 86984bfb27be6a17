"""`verify`: a release folder held against its own statements, on a machine that has nothing else of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shipworthy.errors import NotFound, Refused
from shipworthy.registry.chain import Proof, prove
from shipworthy.registry.trust import TrustedKeys, read_keys
from shipworthy.wiring.keys import trusted_keys


def verify_folder(
    folder: Path, *, trust: Sequence[Path], services: Sequence[Path], proven: bool, level: int | None
) -> Proof:
    """What the folder proves. Trusted are the keys in `trust` and `services` (files, or folders of them) and no other;
    where both are empty, those of this machine.

    Refused, once all is found right, where it is not `proven` or reaches less than `level` although that was asked for.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder; expected that of a release, which holds its manifest.dsse.json")
    held = read_keys([*trust, *services]) if trust or services else trusted_keys()
    return _hold(prove(folder, held, services=_ids(services)), proven=proven, level=level)


def _ids(services: Sequence[Path]) -> frozenset[str]:
    keys: TrustedKeys = read_keys(services) if services else TrustedKeys((), Path())
    return frozenset(key.keyid for key in keys.keys)


def _hold(proof: Proof, *, proven: bool, level: int | None) -> Proof:
    name = f"{proof.model}@{proof.number}"
    if proven and not proof.proven:
        raise Refused(f"{name} is as it was signed, and signed as UNPROVEN: {'; '.join(proof.unproven_because)}")
    if level is not None and proof.slsa.level < level:
        missing = next(each for each in proof.slsa.requirements if not each.met)
        raise Refused(
            f"{name} is as it was signed, and reaches SLSA build level {proof.slsa.level}, not {level}: "
            f"{missing.asks}? {missing.found}"
        )
    return proof

"""Runs and rebuilds as they enter the ledger: each with its statement, signed, in one transaction.

So there is no run without a statement, and no statement without its run, wherever a process is killed. What the ledger
held before such statements were made stays as it is, and is said to be unsigned.
"""

from __future__ import annotations

from sqlalchemy import Connection

from shipworthy import clock, digest
from shipworthy.errors import InUse, Refused, Tampered
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.lineage.statement import Statement
from shipworthy.registry.firsthand import read_rebuild, read_run, same, same_files
from shipworthy.registry.provenance import run_statement
from shipworthy.registry.rebuilt import firsthand_statement
from shipworthy.registry.records import Attested
from shipworthy.registry.signing import SigningKey
from shipworthy.registry.trust import TrustedKeys
from shipworthy.store.ledger import Entry, Ledger

KIND = "statement"
VERSION = 1


def record_run(ledger: Ledger, run: Run, signer: SigningKey, *, key: str | None = None) -> Entry:
    """Add a run and its signed statement, both or neither; the run's entry. InUse where `key` is taken."""
    with ledger.transaction() as connection:
        entry = ledger.append("run", run.model, run, key=key, connection=connection)
        _attest(ledger, entry, run_statement(entry.id, digest.of_bytes(entry.body), run), signer, connection)
    return entry


def record_run_once(ledger: Ledger, run: Run, signer: SigningKey, *, key: str) -> Entry:
    """The same unless `key` is taken; returns the run that stands. A repeated step calls this."""
    standing = ledger.by_key("run", run.model, key)
    if standing is not None:
        return standing
    try:
        return record_run(ledger, run, signer, key=key)
    except InUse:
        standing = ledger.by_key("run", run.model, key)
        if standing is None:
            raise
        return standing


def record_rebuild(ledger: Ledger, made: Rebuild, signer: SigningKey, *, key: str | None = None) -> Entry:
    """Add a rebuild and its signed statement, which names that of the run; errors as of `record_run`."""
    run = ledger.get(made.run)
    of_run = statement_of(ledger, run)
    named = None if of_run is None else digest.of_bytes(of_run.envelope.encode())
    with ledger.transaction() as connection:
        entry = ledger.append("rebuild", run.model, made, subject=run.id, key=key, connection=connection)
        record = digest.of_bytes(entry.body)
        _attest(ledger, entry, firsthand_statement(run.decode(Run), entry.id, record, made, named), signer, connection)
    return entry


def _attest(ledger: Ledger, entry: Entry, statement: Statement, signer: SigningKey, connection: Connection) -> None:
    record = Attested(VERSION, statement.predicate_type, signer.sign(statement).decode(), signer.id)
    ledger.append(KIND, entry.model, record, subject=entry.id, key=entry.id, connection=connection)


def statement_of(ledger: Ledger, entry: Entry) -> Attested | None:
    """The statement of a run or a rebuild; None where it is older than such statements."""
    found = ledger.by_key(KIND, entry.model, entry.id)
    return None if found is None else found.decode(Attested)


def hold(ledger: Ledger, entry: Entry, trusted: TrustedKeys) -> Attested | None:
    """Hold a run or a rebuild against its statement: the record as it stands in the ledger, and the model's files.

    Returns the statement; None where the record is older than such statements. Refused where nobody here trusts the
    key, or where there is no statement although there should be one; Tampered where it, or the record, was changed.
    """
    found = statement_of(ledger, entry)
    if found is None:
        _refuse_unless_older(ledger, entry)
        return None
    what, content = f"the statement of {entry.id}", found.envelope.encode()
    if entry.kind == "run":
        of_run = read_run(content, trusted, what)
        names, record, said = of_run.run, of_run.record, of_run.files
        run = entry.decode(Run)
    else:
        made = entry.decode(Rebuild)
        of_rebuild = read_rebuild(content, trusted, what)
        names, record, said = of_rebuild.remade.id, of_rebuild.record, of_rebuild.files
        run = ledger.get(made.run).decode(Run)
        same(what, "the rung", of_rebuild.remade.rung, made.rung)
        _same_run(ledger, what, of_rebuild.attested, made.run)
    same(what, f"the {entry.kind}", names, entry.id)
    same(what, "the digest of the record", record, digest.of_bytes(entry.body))
    same_files(what, said, {file.path: file.digest for file in run.files})
    return found


def _refuse_unless_older(ledger: Ledger, entry: Entry) -> None:
    """Once a model's records are signed, one without a statement was put there by something else."""
    signed = ledger.entries(KIND, entry.model)  # newest first
    if signed and signed[-1].at < entry.at:
        raise Refused(
            f"{entry.id} carries no statement, and what is recorded of {entry.model} is signed since "
            f"{clock.to_iso(signed[-1].at)[:16]}: it was put into the ledger by hand, or by an older shipworthy; "
            "make it anew"
        )


def _same_run(ledger: Ledger, what: str, attested: str | None, run: str) -> None:
    """A rebuild names the statement of its run: that one, and not none."""
    standing = statement_of(ledger, ledger.get(run))
    if standing is None and attested is not None:
        raise Tampered(f"{what} names a statement of {run}, and the ledger holds none; restore it from a backup")
    if standing is not None:
        same(what, f"the statement of {run}", attested, digest.of_bytes(standing.envelope.encode()))


def signers(ledger: Ledger, run: Entry, rebuild: Entry | None) -> str:
    """Who signed a run, and the rebuild that a release rests on, as they were made, in words."""
    signed = {each.kind: statement_of(ledger, each) for each in (run, rebuild) if each is not None}
    keys = {kind: found.key[:16] for kind, found in signed.items() if found is not None}
    unsigned = [kind for kind, found in signed.items() if found is None]
    words = [f"{' and '.join(keys)} signed by {next(iter(keys.values()))}"] if len(set(keys.values())) == 1 else []
    words = words or [f"{kind} signed by {key}" for kind, key in keys.items()]
    words += [f"{kind} not signed as it was made" for kind in unsigned]
    return ", ".join(words)

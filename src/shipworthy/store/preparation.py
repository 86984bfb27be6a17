"""Creating a project's state, and bringing an older one up to this code. Run on explicit start only, never on use."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from shipworthy.store.database import SCHEMA, newer_than_code, open_engine, schema_of, shown, sqlite_file, writing
from shipworthy.store.layout import Layout
from shipworthy.store.whole import write_whole

MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(layout: Layout) -> None:
    """Create the state folder and the ledger, or bring them to the newest schema; otherwise nothing changes.

    All migrations are one transaction: a prepare that is killed leaves the ledger as it was. WrongUse if the ledger
    is newer than this code.
    """
    layout.state.mkdir(parents=True, exist_ok=True)
    _keep_out_of_git(layout.state)
    prepare_ledger(layout.ledger_url)


def prepare_ledger(url: str) -> None:
    """The part of `prepare` that concerns the database."""
    file = sqlite_file(url)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(url)
    try:
        found = schema_of(engine)
        if found is not None and found > SCHEMA:
            raise newer_than_code(found, shown(engine.url))
        if file is not None:
            _set_write_ahead_log(engine)
        if found != SCHEMA:
            with writing(engine) as connection:
                command.upgrade(configuration(connection), "head")
    finally:
        engine.dispose()


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration: there is no alembic.ini, the migrations travel inside the package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str | None:
    """The newest migration in the package."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def _set_write_ahead_log(engine: Engine) -> None:
    """Kept in the file from then on. Outside of a transaction, where SQLite asks for it."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.close()
    finally:
        raw.close()


def _keep_out_of_git(state: Path) -> None:
    ignore = state / ".gitignore"
    if not ignore.exists():
        write_whole(ignore, b"*\n")

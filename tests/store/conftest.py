import uuid

import postgresql
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare


@pytest.fixture(scope="session")
def postgresql_port():
    with postgresql.server() as port:
        yield port


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("pg_ctlcluster"))])
def database(request):
    """Either kind of database; what a test expects of the ledger holds for both."""
    return request.param


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.delenv("SHIPWORTHY_DATABASE_URL", raising=False)
    monkeypatch.delenv("SHIPWORTHY_STORE", raising=False)
    return Layout(tmp_path / "project")


@pytest.fixture
def either(database, layout, monkeypatch, request):
    """A project whose ledger is in the one or the other, not prepared yet."""
    if database == "postgresql":
        url = new_database(request.getfixturevalue("postgresql_port"))
        monkeypatch.setenv("SHIPWORTHY_DATABASE_URL", url)
    return layout


@pytest.fixture
def ledger(either):
    prepare(either)
    ledger = Ledger(either.ledger_url)
    yield ledger
    ledger.close()


@pytest.fixture
def objects(tmp_path):
    return Objects(tmp_path / "objects")


def new_database(port: int) -> str:
    """The URL of a database of a test's own, as PostgreSQL itself writes it."""
    server = URL.create("postgresql+psycopg", "postgres", postgresql.PASSWORD, "127.0.0.1", port, "postgres")
    name = f"ledger_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

"""Reading a contract: what is right becomes records, and everything that is wrong is said at once."""

import itertools
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from shipworthy.clock import DAY, HOUR, MINUTE
from shipworthy.contract.reading import parse, read
from shipworthy.contract.records import DataSource, Feature, RebuildRule
from shipworthy.contract.toml import written
from shipworthy.digest import canonical_json
from shipworthy.errors import ContractError, NotFound

SOUND = """
[model]
name = "flight-delay"
task = "classification"
train = "flights:train"
seed = 13
[purpose]
decision = "rebook passengers whose connection is at risk"
owner = "operations-ml@example.com"
[parameters]
learning_rate = 0.08
start = 2013-01-01
[data.flights]
source = "delta:data/flights@12"
target = "late"
time = "scheduled_departure"
[data.airports]
source = "file:airports.parquet"
[labels]
source = "delta:data/outcomes"
key = "id"
target = "late"
time = "known_at"
[features]
carrier  = { type = "category", unknown = "allow" }
distance = { type = "float", min = 0, max = 6000, unit = "miles", on_violation = "default", default = 1000 }
"wind speed" = { type = "float", nullable = true }
at = { type = "timestamp" }
[serving]
p99_ms = 10
rate = 500
event_time = "at"
[recording]
commit_every = "30s"
[scoring]
schedule = "0 2 * * mon-fri"
deadline = "30m"
[monitoring]
false_alarms = "2 per month"
lateness = "6h"
performance = 0.02
[retraining]
on = ["drift", "performance", "schedule"]
history = "90d"
holdout = "14d"
schedule = "30d"
[gate]
rebuild = { rung = "within-tolerance", when = "off" }
minimum = 0.62
"""


def mistakes(text: str, **options) -> list[str]:
    with pytest.raises(ContractError) as error:
        parse(text, "shipworthy.toml", **options)
    return [str(mistake) for mistake in error.value.mistakes]


def changed(old: str, new: str) -> str:
    assert SOUND.count(old) == 1, old
    return SOUND.replace(old, new)


def test_a_sound_contract_becomes_records():
    contract = parse(SOUND, "shipworthy.toml")
    assert contract.name == "flight-delay"
    assert contract.parameters == {"learning_rate": 0.08, "start": "2013-01-01"}
    assert contract.data == (
        DataSource(
            name="flights",
            kind="delta",
            location="data/flights",
            version=12,
            target="late",
            time="scheduled_departure",
        ),
        DataSource(name="airports", kind="file", location="airports.parquet"),
    )
    assert contract.target_source == contract.data[0]
    assert [feature.name for feature in contract.features] == ["carrier", "distance", "wind speed", "at"]
    assert contract.features[1] == Feature(
        name="distance", type="float", min=0, max=6000, unit="miles", on_violation="default", default=1000
    )
    assert contract.labels is not None
    assert (contract.labels.location, contract.labels.key) == ("data/outcomes", "id")
    assert contract.recording.commit_every == MINUTE // 2
    assert contract.scoring.deadline == 30 * MINUTE
    assert (contract.monitoring.false_alarms, contract.monitoring.lateness) == (24.0, 6 * HOUR)
    assert (contract.retraining.holdout, contract.retraining.schedule) == (14 * DAY, 30 * DAY)
    assert contract.gate.rebuild == RebuildRule(rung="within-tolerance", when="off")
    assert contract.gate.metric == "auc"


def test_a_contract_survives_json_as_it_is_shipped_to_servers():
    contract = parse(SOUND, "shipworthy.toml")
    assert msgspec.json.decode(msgspec.json.encode(contract), type=type(contract)).digest == contract.digest


def test_whole_numbers_given_for_floats_do_not_change_a_digest():
    made = Feature(name="distance", type="float", min=0, max=6000, on_violation="default", default=5)
    back = msgspec.json.decode(msgspec.json.encode(made), type=Feature)
    assert canonical_json(back) == canonical_json(made) == canonical_json(msgspec.structs.replace(back, min=0))
    assert (type(made.min), type(made.default)) == (float, int)


def test_a_regression_is_measured_by_rmse_unless_it_says_otherwise():
    contract = parse(changed('"classification"', '"regression"'), "shipworthy.toml")
    assert contract.gate.metric == "rmse"


def test_ten_mistakes_give_ten_messages():
    folder = Path(__file__).parent / "broken"
    text, expected = ((folder / name).read_text(encoding="utf-8") for name in ("shipworthy.toml", "messages.txt"))
    assert mistakes(text) == expected.splitlines()


def cases() -> list[tuple[str, str, list[str]]]:
    """The blocks of mistakes.txt."""
    _, *blocks = (Path(__file__).with_name("mistakes.txt")).read_text(encoding="utf-8").strip().split("\n\n")
    return [tuple([line[2:] for line in block.split("\n") if line[0] == sign] for sign in "-+=") for block in blocks]


@pytest.mark.parametrize(("old", "new", "messages"), cases(), ids=lambda lines: lines[0][:40])
def test_each_mistake_names_key_value_expectation_and_way_out(old, new, messages):
    assert mistakes(changed("\n".join(old), "\n".join(new))) == messages


def test_a_key_that_cannot_be_read_causes_no_second_message():
    assert len(mistakes(changed('type = "float", min = 0', 'type = "flot", min = 7000'))) == 1
    assert len(mistakes(changed("max = 6000", 'max = "6000"'))) == 1
    assert len(mistakes(changed('"classification"', '"clustering"'))) == 1


def test_a_command_takes_the_place_of_a_function():
    text = changed('train = "flights:train"', "command = \"python train.py --depth '3 4'\"")
    assert (parse(text, "").model.command, parse(text, "").model.train) == ("python train.py --depth '3 4'", None)
    twice = text.replace("[data.airports]", "[data.Flights]")
    (told,) = mistakes(twice)
    assert told.startswith("data.Flights: expected a name that differs from data.flights by more than capitals")
    assert told.endswith("(both would be SHIPWORTHY_DATA_FLIGHTS)")


def test_a_syntax_error_says_where():
    assert mistakes("[model]\nname 3") == [
        "line 2, column 6: `name 3`: expected TOML (Expected '=' after a key in a key/value pair)"
    ]
    assert mistakes('[model]\nname = "a"\n\n[purpose') == [
        "line 4, the end of the file: `[purpose`: expected TOML (Expected ']' at the end of a table declaration)"
    ]


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(NotFound, match="shipworthy init"):
        read(tmp_path / "shipworthy.toml")


def test_a_file_is_called_by_its_path_in_messages(tmp_path: Path):
    path = tmp_path / "shipworthy.toml"
    path.write_text(SOUND, encoding="utf-8")
    assert read(path) == parse(SOUND, "")
    path.write_bytes(b'[model]\nname = "\xff"')
    with pytest.raises(ContractError) as error:
        read(path)
    assert str(error.value) == f"{path} has 1 mistake:\n  byte 16: expected UTF-8 text (save the file as UTF-8)"


REHEARSAL = '[model]\nname = "m"\n[features]\nx = { type = "float" }\n[serving]\nrate = 100\n'


TRAINED = '"module:function", relative to the contract\'s folder, or model.command = "python train.py" in its place'


def test_rehearsing_needs_features_serving_and_a_name_only():
    contract = parse(REHEARSAL, "shipworthy.toml", needs="serving")
    assert (contract.model.train, contract.purpose.owner, contract.data) == (None, "", ())
    assert mistakes(REHEARSAL) == [
        'model.task: expected one of "classification", "regression" (it is missing)',
        f"model.train: expected {TRAINED} (it is missing)",
        "purpose.decision: expected the decision that is made on its answers, in words (it is missing)",
        "purpose.owner: expected who answers for it: a person or a team (it is missing)",
        "data: expected at least one table [data.NAME] with a source and a target (it is missing)",
    ]


def test_rehearsing_still_checks_what_is_written():
    wrong = '[purpose]\nbaseline = "y"\n' + REHEARSAL.replace("rate = 100", "rate = -1")
    assert len(mistakes(wrong, needs="serving")) == 2
    assert len(mistakes('[model]\nname = "m"\n', needs="serving")) == 1


def test_an_empty_file_is_told_everything_that_a_contract_needs():
    said = mistakes("")
    assert [message.partition(":")[0] for message in said] == [
        "model.name",
        "model.task",
        "model.train",
        "purpose.decision",
        "purpose.owner",
        "data",
        "features",
    ]


def assert_read_or_refused(text: str) -> None:
    try:
        contract = parse(text, "shipworthy.toml")
    except ContractError as refusal:
        said = [str(mistake) for mistake in refusal.mistakes]
    else:
        said = [contract.name]
    assert said


values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(SOUND.strip().splitlines()), values)
def test_whatever_stands_at_a_key_the_answer_is_a_contract_or_messages(line, value):
    key, equals, _ = line.partition(" = ")
    if not equals:
        return
    text = SOUND.replace(line, f"{key} = {written(value)}")
    assert_read_or_refused(text)


@given(st.integers(0, len(SOUND)), st.integers(0, 40))
def test_a_contract_cut_anywhere_gives_a_contract_or_messages(start, length):
    assert_read_or_refused(SOUND[:start] + SOUND[start + length :])


def test_mistakes_in_different_tables_are_all_found_whatever_their_combination():
    swaps = [
        ("seed = 13", "seed = -1"),
        ("max = 6000", "max = 1"),
        ("rate = 500", "rate = 0"),
        ('"2 per month"', '"often"'),
        ("minimum = 0.62", "minimum = 2"),
    ]
    for chosen in itertools.combinations(swaps, 3):
        text = SOUND
        for old, new in chosen:
            text = text.replace(old, new)
        assert len(mistakes(text)) == 3


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("dvc:data/a.csv", {"kind": "dvc", "location": "data/a.csv"}),
        ("dvc:data/a.csv@feature/x", {"kind": "dvc", "location": "data/a.csv", "revision": "feature/x"}),
        ("delta:s3://bucket/a@b/c", {"kind": "delta", "location": "s3://bucket/a@b/c"}),
    ],
)
def test_where_data_lies_is_taken_apart(written, kept):
    contract = parse(changed('"file:airports.parquet"', f'"{written}"'), "shipworthy.toml")
    assert contract.data[1] == DataSource(name="airports", **kept)
    assert contract.data[1].newest.revision is None


PASSWORDS = [
    "postgresql://reader:hun@ter:2/3@db/warehouse",
    "postgresql://reader:${NAME}hunter2@db/warehouse",
    "postgresql://:hunter2@db/warehouse",
    "postgresql://db/warehouse?password=hunter2&sslmode=require",
    "mssql+pyodbc://db/warehouse?driver=x&PWD=hunter2",
]


@pytest.mark.parametrize("url", PASSWORDS)
def test_a_password_in_a_contract_is_refused_and_not_repeated(url):
    text = changed('"file:airports.parquet"', f'"sql:{url}"\nquery = "SELECT 1"')
    (said,) = mistakes(text)
    assert "a password is named and never written" in said
    assert "hunter2" not in said
    assert "2/3" not in said


@pytest.mark.parametrize(
    "url",
    [
        "${WAREHOUSE}",
        "sqlite:///data/warehouse.db",
        "postgresql+psycopg://${USER_NAME}:${PASSWORD}@${HOST}/${DB}?sslmode=require",
    ],
)
def test_a_database_may_be_named_by_variables(url):
    text = changed('"file:airports.parquet"', f'"sql:{url}"\nquery = "SELECT 1"')
    expected = DataSource(name="airports", kind="sql", location=url, query="SELECT 1")
    assert parse(text, "shipworthy.toml").data[1] == expected


def test_performance_is_watched_without_labels_of_the_contract_since_they_come_by_http():
    table = SOUND[SOUND.index("[labels]") : SOUND.index("[features]")]
    contract = parse(changed(table, ""), "shipworthy.toml")
    assert (contract.labels, contract.monitoring.performance) == (None, 0.02)

"""Reading a lock's text."""

import pytest

from shipworthy.environments.requirements import names, pins, without
from shipworthy.environments.unlocked import refuse_unlocked
from shipworthy.errors import TrainingFailed

LOCK = """\
# a comment
Foo_Bar==1.0 ; python_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via baz
foo.bar==2.0 ; python_version >= '3.12' \\
    --hash=sha256:cc
--index-strategy first-index
baz==3.0 --hash=sha256:dd
"""


def test_names_are_normalised_and_stand_once():
    assert names(LOCK) == ("foo-bar", "baz")


def test_a_package_goes_with_all_its_lines():
    assert without(LOCK, ["foo-bar"]) == "baz==3.0 --hash=sha256:dd\n"
    assert without(LOCK, ["baz"]).count("sha256") == 3


def test_what_was_imported_has_to_be_what_is_pinned():
    lock = (
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:bb\n"
        "scikit_learn[extra]==1.9.1 \\\n    --hash=sha256:cc\n"
    )
    assert pins(lock) == {"numpy": {"2.4.6", "2.5.5"}, "scikit-learn": {"1.9.1"}}
    refuse_unlocked({"numpy": "2.5.5", "scikit-learn": "1.9.1"}, lock, "requirements.lock")
    with pytest.raises(TrainingFailed) as caught:
        refuse_unlocked({"Foo_Bar": "3", "numpy": "2.6", "scikit-learn": "1.9.1"}, lock, "requirements.lock")
    assert [line.strip() for line in str(caught.value).splitlines()[1:3]] == [
        "Foo_Bar 3: expected it in requirements.lock; add foo-bar==3",
        "numpy 2.6: requirements.lock pins 2.4.6 or 2.5.5; pin the one that you mean",
    ]

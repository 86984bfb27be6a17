"""Reading a lock's text."""

from shipworthy.environments.requirements import names, without

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

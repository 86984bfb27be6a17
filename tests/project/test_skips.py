"""In CI a skipped test is a failure, so that a missing component cannot pass for a green run."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NEEDS_NOTHING_THAT_EXISTS = """
    import pytest

    @pytest.mark.needs("no_such_module")
    def test_one(): ...

    @pytest.mark.xfail(strict=True)
    def test_two():
        assert False
"""


@pytest.fixture(params=[0, 2], ids=["in one process", "in two"])
def run(request, pytester, monkeypatch):
    def run(source: str, *, ci: bool):
        monkeypatch.setenv("CI", "true" if ci else "")
        pytester.makeconftest('pytest_plugins = ["needs", "spread"]')
        pytester.makeini(f"[pytest]\npythonpath = {TESTS}\nmarkers =\n    needs(*names): components")
        pytester.makepyfile(source)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_subprocess("-rs", "-p", "xdist", f"--numprocesses={request.param}")

    return run


def test_at_a_desk_a_skip_says_how_to_get_what_is_missing(run):
    result = run(NEEDS_NOTHING_THAT_EXISTS, ci=False)
    result.assert_outcomes(skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*needs no_such_module: make setup*"])


def test_in_ci_a_skip_fails_and_an_expected_failure_does_not(run):
    result = run(NEEDS_NOTHING_THAT_EXISTS, ci=True)
    result.assert_outcomes(errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*needs no_such_module: make setup*", "In CI nothing is skipped*"])


def test_in_ci_a_module_skipped_while_it_is_collected_fails(run):
    result = run("import pytest\npytest.importorskip('no_such_module')", ci=True)
    result.assert_outcomes(errors=1)

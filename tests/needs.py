"""A test that could not run has shown nothing: at a desk it says what to install, in CI it fails."""

import importlib.util
import os
import shutil

import pytest

IN_CI = os.environ.get("CI") == "true"

# Program: how to get it. Anything else that a test needs is a Python module, which `make setup` installs.
PROGRAMS = {
    "buildah": "apt-get install buildah",
    "chromium": "apt-get install chromium",
    "chromedriver": "apt-get install chromium-driver",
    "curl": "apt-get install curl",
    "git": "apt-get install git",
    "mmdebstrap": "apt-get install mmdebstrap",
    "openssl": "apt-get install openssl",
    "pg_ctlcluster": "apt-get install postgresql",
    "podman": "apt-get install podman",
    "runc": "apt-get install runc",
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "prometheus-alertmanager": "apt-get install prometheus-alertmanager",
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test marked `needs("chromium")` where that is missing."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if not _present(name):
                pytest.skip(f"needs {name}: {PROGRAMS.get(name, 'make setup')}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item):
    return _failed_if_skipped_in_ci((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector):
    return _failed_if_skipped_in_ci((yield))


def _present(name: str) -> bool:
    return (
        shutil.which(name) is not None
        if name in PROGRAMS
        else importlib.util.find_spec(name.partition(".")[0]) is not None
    )


def _failed_if_skipped_in_ci(report):
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        _, _, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = (
            f"{reason}\nIn CI nothing is skipped: .ci/debian-packages and requirements/ install what tests need."
        )
    return report

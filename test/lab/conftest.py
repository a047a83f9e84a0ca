# SPDX-License-Identifier: GPL-2.0-only
"""Lab suites: fixtures, and the logs of every program of a lab where a test fails."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lablib.site import Site  # noqa: E402

_labs = []  # those of the module that runs


@pytest.fixture(scope="module")
def lab_guard(request):
    """Call it with a lab, to have its logs shown when a test of this module fails."""
    first = len(_labs)
    yield _labs.append
    del _labs[first:]


@pytest.fixture(scope="module")
def make_site(lab_guard):
    """A function that brings up a Site for this module; all are taken down at its end."""
    sites = []

    def make(doc, agent=True, **options):
        site = Site(doc, **options)
        lab_guard(site.lab)
        sites.append(site)
        return site.up(agent)

    yield make
    for site in sites:
        site.down()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for lab in _labs:
        if not os.path.isdir(lab.dir):
            continue
        report.sections.append((f"logs of {lab.tag}", lab.logs()))
        if keep := os.environ.get("SLUICE_LAB_LOGS"):
            lab.save_logs(os.path.join(keep, item.path.stem))


def pytest_collection_modifyitems(config, items):
    if os.geteuid() != 0:
        # 77: Meson takes it for a skip.
        pytest.exit("lab tests make network namespaces: run them as root", returncode=77)


def pytest_sessionfinish(session, exitstatus):
    # A file in which -k matches nothing is no failure.
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.option.keyword:
        session.exitstatus = pytest.ExitCode.OK

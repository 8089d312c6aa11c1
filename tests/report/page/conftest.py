"""Pages of small runs: of a right backend and a wrong one, and of a backend whose every text is hostile."""

from __future__ import annotations

import shutil

import pytest
from planted import Flipped, Right

from reference_impl.cases.case import Case
from reference_impl.drawing.failures import Gallery
from reference_impl.operations import OPERATIONS
from reference_impl.report.answer import answers
from reference_impl.report.failures import explained
from reference_impl.report.judged import judged
from reference_impl.report.page.verify_page import page_of
from reference_impl.report.verify_report import Run
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject

CASES = [Case.parse(spec) for spec in ("n2_h7w9c3_k3x2o4", "n1_h6w5c2_k2x3o3_SAME", "n1_h4w4c1_k1x1o1_p1,0,2,1")]
MARK = '</script><img src=x onerror="window.hacked=1">'


class Good(Right):
    name = "good"


class Hostile(Flipped):
    name = f"{MARK} \u202egnp.exe\x1b[2J\x00"
    version = '"><script>window.hacked=2</script>'

    def conv2d_transpose(self, *args, **options):
        raise ValueError(MARK + "\u202e\x07 {{ 7 * 7 }} \ud800" + 1_000_000 * "m")


def page_of_backends(*backends, cases=CASES, diagnosed=True):
    subjects = [Subject.of(backend) for backend in backends]
    asked = for_all(subjects, cases, OPERATIONS, seed=3, full=True)
    run, gallery = Run(asked, subjects), Gallery()
    run.tally.extend(records_of(asked))
    run.found = explained(run.tally, subjects, illustrate=gallery.added, diagnosed=diagnosed)
    counts = judged(run.tally, asked)
    told = answers(run.tally, asked, counts, run.found, shares={}, ended=run.came_so_far)
    return page_of(run, counts, told, pictures=gallery.pictures, notes=["Not here: mxnet: no such package"])


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def failing_page():
    return page_of_backends(Good(), Flipped())


@pytest.fixture(scope="session")
def passing_page():
    return page_of_backends(Good(), cases=CASES[:1])


@pytest.fixture(scope="session")
def hostile_page():
    return page_of_backends(Hostile(), Good(), cases=CASES[:1], diagnosed=False)

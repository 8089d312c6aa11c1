"""Each stored design is what the command builds. `tox run -e designs` runs this in minutes; pytest does so by name."""

from __future__ import annotations

from importlib.resources import files

import pytest

from reference_impl.cases import catalogue
from reference_impl.cases.covering.__main__ import text


@pytest.mark.parametrize("name", catalogue.DESIGNED)
def test_stored_design_is_built_again(name):
    assert text(name) == files(catalogue).joinpath(f"{name}.txt").read_text(encoding="utf-8")

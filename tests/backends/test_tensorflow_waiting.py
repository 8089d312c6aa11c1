"""TensorFlow's threads sleep while they wait for work, where OMP_WAIT_POLICY says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("tensorflow")

from reference_impl.backends.tensorflow import waiting


@pytest.mark.parametrize(("policy", "spins"), [("PASSIVE", False), ("passive", False), ("ACTIVE", True), ("", True)])
def test_threads_sleep_while_they_wait_where_the_policy_asks_for_it(policy, spins, monkeypatch):
    own = SimpleNamespace(_context_handle=None, _config=None)
    monkeypatch.setattr(waiting.context, "context", lambda: own)
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    waiting.sleep_while_waiting()
    assert (own._config is None or not own._config.experimental.disable_thread_spinning) == spins


@pytest.mark.parametrize("own", [SimpleNamespace(), SimpleNamespace(_context_handle=1, _config=None)])
def test_context_that_is_in_use_or_unknown_is_left_alone(own, monkeypatch):
    before = dict(vars(own))
    monkeypatch.setattr(waiting.context, "context", lambda: own)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    waiting.sleep_while_waiting()
    assert vars(own) == before

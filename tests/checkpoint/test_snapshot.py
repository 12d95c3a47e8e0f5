from pathlib import Path

import jax
import pytest

from bscl_jax import checkpoint
from tests.checkpoint import trees


def test_all_arrays_are_copied_by_one_call_as_a_call_for_each_would_keep_training_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = jax.device_put, []

    def count(*arguments: object, **options: object) -> object:
        calls.append(len(jax.tree.leaves(arguments[0])))
        return put(*arguments, **options)

    monkeypatch.setattr(jax, "device_put", count)
    tree = trees.make_tree()
    checkpoint.save(tmp_path, 1, tree)
    assert calls == [sum(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(tree))]

"""Steps that are traced once and kept, against steps that are traced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bscl_jax import parallel, training
from bscl_jax.assemble import _kept_traces
from bscl_jax.assemble._kept_traces import TraceCache
from bscl_jax.types import PairBatch, TokenBatch

ROWS, FEATURES = 8, 4


@pytest.fixture(autouse=True)
def all_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kept_traces, "FEWEST", 1)


class Case:
    """A step on a mesh; counts how often it is traced."""

    def __init__(self, devices: int = 1, encode: Callable[[Any], Any] = jnp.tanh) -> None:
        self.traced, self.mesh = 0, parallel.make_mesh(devices)
        optimizer = optax.adam(0.1)

        def loss(params: Any, queries: Any, targets: Any, batch: Any) -> Any:
            self.traced += 1
            return jnp.square(queries - 2 * targets).mean()

        def encode_tokens(params: Any, tokens: Any, key: Any) -> Any:
            embeddings = encode(params["encoder"][tokens.ids].mean(1))
            noise = 0.0 if key is None else jax.vmap(jax.random.normal)(key)[:, None]
            return embeddings + noise

        self.step = training.make_step(encode_tokens, loss, optimizer, mesh=self.mesh)
        weights = np.linspace(-1, 1, 5 * FEATURES, dtype=np.float32).reshape(5, FEATURES)
        self.state = training.init_state({"encoder": weights}, optimizer, mesh=self.mesh)
        ids = np.arange(3 * ROWS, dtype=np.int32).reshape(ROWS, 3) % 5
        queries, targets = (TokenBatch(each, np.ones_like(each, bool)) for each in (ids, 4 - ids))
        ones, rows = np.ones(ROWS, np.float32), np.arange(ROWS, dtype=np.int32)
        batch = PairBatch(queries, targets, ones, ones, rows, rows)
        self.batch = parallel.place(batch, self.mesh)

    def like(self, *, dropout: bool = True) -> tuple[Any, Any, Any]:
        def shape(leaf: Any) -> Any:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

        key = jax.random.key(0)
        like_key = jax.ShapeDtypeStruct(key.shape, key.dtype) if dropout else None
        return (*jax.tree.map(shape, (self.state, self.batch)), like_key)

    def run(self, step: training.Step, *, dropout: bool = True) -> list[np.ndarray]:
        state, key = jax.tree.map(jnp.copy, self.state), jax.random.key(7) if dropout else None
        facts: list[Any] = []
        for _ in range(3):
            state, last = step(state, self.batch, key)
            facts.append(last)
        return [np.asarray(leaf) for leaf in jax.tree.leaves((state, facts))]


def cache(folder: Path, fingerprint: str = "a run") -> TraceCache:
    return TraceCache(folder / "traces", lambda: fingerprint)


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "traces").iterdir())


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("dropout", [True, False])
def test_a_step_is_traced_for_the_first_start_alone_and_has_the_bits_of_one_not_kept(
    tmp_path, devices, dropout
):
    plain, first, second = (Case(devices) for _ in range(3))
    expected = plain.run(plain.step, dropout=dropout)
    for case, traced in ((first, 1), (second, 0)):
        step = cache(tmp_path)(0, case.step, *case.like(dropout=dropout))
        assert case.traced == traced
        for found, wanted in zip(case.run(step, dropout=dropout), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert len(kept(tmp_path)) == 1


def test_the_state_that_a_kept_step_is_given_is_donated(tmp_path):
    case = Case()
    for _ in range(2):
        given = jax.tree.map(jnp.copy, case.state)
        cache(tmp_path)(0, case.step, *case.like())(given, case.batch, jax.random.key(0))
        assert given.params["encoder"].is_deleted()


def test_another_run_stage_or_shape_is_traced_by_itself(tmp_path):
    cache(tmp_path)(0, Case().step, *Case().like())
    for fingerprint, stage, dropout, devices in (
        ("another run", 0, True, 1),
        ("a run", 1, True, 1),
        ("a run", 0, False, 1),
        ("a run", 0, True, 2),
    ):
        case = Case(devices)
        cache(tmp_path, fingerprint)(stage, case.step, *case.like(dropout=dropout))
        assert case.traced == 1
    assert len(kept(tmp_path)) == 5


@pytest.mark.parametrize("content", [b"", b"no trace", bytes(1000)])
def test_what_cannot_be_read_is_traced_anew_and_made_good(tmp_path, content):
    cache(tmp_path)(0, Case().step, *Case().like())
    (path,) = kept(tmp_path)
    for written in (lambda: path.write_bytes(content), lambda: seal(path, content)):
        written()
        case, after = Case(), Case()
        cache(tmp_path)(0, case.step, *case.like())
        cache(tmp_path)(0, after.step, *after.like())
        assert (case.traced, after.traced) == (1, 0)


def seal(path: Path, content: bytes) -> None:
    """Write what is no trace as if it had been kept."""
    _kept_traces.data.keep_file(path, content)


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "traces").write_text("a file")
    case = Case()
    case.run(cache(tmp_path)(0, case.step, *case.like()))
    assert case.traced == 1


def test_a_step_that_jax_does_not_export_is_compiled_for_this_start_alone(tmp_path):
    def printed(values: Any) -> Any:
        jax.debug.callback(lambda _: None, values[0, 0])
        return values

    case = Case(encode=printed)
    case.run(cache(tmp_path)(0, case.step, *case.like()))
    assert not (tmp_path / "traces").exists()


def test_a_small_step_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(_kept_traces, "FEWEST", 1000)
    case = Case()
    case.run(cache(tmp_path)(0, case.step, *case.like()))
    assert not (tmp_path / "traces").exists()

"""The end of a block in one kernel, as by ordinary operations: dropout, sum, layer norm."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.sharding import AbstractDevice, AbstractMesh, NamedSharding, PartitionSpec

from bscl_jax import parallel
from bscl_jax.encoders import _kernels
from bscl_jax.encoders._dropout import make_row_keys
from bscl_jax.encoders._model import add_and_normalize

pytestmark = pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated")

ROUNDING = 1e-2  # of bfloat16, in the norm of all values
SITE = jnp.uint32(5)


class Case(NamedTuple):
    tokens: int
    features: int
    rate: float


CASES = [Case(56, 384, 0.1), Case(5, 32, 0.3), Case(130, 48, 0.0), Case(64, 1024, 0.1)]


def make_inputs(case: Case, rows: int = 3) -> tuple[tuple[Any, ...], dict[str, Any], jax.Array]:
    """Make hidden states, what is added, its bias; the weights of the norm; a slope."""
    random = np.random.default_rng(case.tokens)

    def make(*shape: int) -> jax.Array:
        return jnp.asarray(random.standard_normal(shape), jnp.bfloat16)

    flat = rows * case.tokens, case.features
    weights = {name: make(case.features).astype(jnp.float32) for name in ("scale", "bias")}
    return (make(*flat) + 1, make(*flat), make(case.features)), weights, make(*flat)


class Block(nn.Module):
    """Nothing but the end of a block."""

    case: Case
    dtype: Any
    kind: str

    @nn.compact
    def __call__(self, hidden: Any, product: Any, shift: Any, row_keys: Any, rows: int) -> Any:
        config = SimpleNamespace(layer_norm_eps=1e-12)
        dropout = row_keys, SITE, self.case.rate
        return add_and_normalize(
            *(config, self.dtype, "norm", hidden, (product, shift), dropout),
            rows=rows,
            kind=self.kind,
        )


def apply(case: Case, kind: str, arrays: Any, weights: Any, row_keys: Any) -> jax.Array:
    block, rows = Block(case, arrays[0].dtype, kind), len(arrays[0]) // case.tokens
    return block.apply({"params": {"norm": weights}}, *arrays, row_keys, rows)


def pull(case: Case, kind: str, arrays: Any, weights: Any, slope: Any, row_keys: Any) -> Any:
    """Return the value and the slopes of all inputs."""
    value, back = jax.vjp(lambda *given: apply(case, kind, *given, row_keys), arrays, weights)
    return value, back(slope)


def off(found: Any, wanted: Any) -> float:
    found, wanted = (np.asarray(x, np.float32).ravel() for x in (found, wanted))
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients_are_those_of_the_definition_in_float32(
    case: Case, dropout: bool
) -> None:
    arrays, weights, slope = make_inputs(case)
    row_keys = make_row_keys(jax.random.key(1), 3) if dropout else None
    found, slopes = jax.jit(pull, static_argnums=(0, 1))(
        case, "fused", arrays, weights, slope, row_keys
    )
    wide = jax.tree.map(lambda x: x.astype(jnp.float32), (arrays, weights, slope))
    wanted, right = pull(case, "plain", *wide, row_keys)
    assert found.dtype == jnp.bfloat16
    assert off(found, wanted) < ROUNDING
    for mine, exact in zip(jax.tree.leaves(slopes), jax.tree.leaves(right), strict=True):
        assert off(mine, exact) < ROUNDING


@pytest.mark.parametrize("reason", ["float32", "too wide"])
def test_what_the_kernel_cannot_do_is_plain(reason: str) -> None:
    case = Case(4, 1040 if reason == "too wide" else 32, 0.1)
    arrays, weights, slope = make_inputs(case)
    if reason == "float32":
        arrays, slope = jax.tree.map(lambda x: x.astype(jnp.float32), (arrays, slope))
    row_keys = make_row_keys(jax.random.key(1), 3)
    found = [pull(case, kind, arrays, weights, slope, row_keys) for kind in ("plain", "fused")]
    jax.tree.map(np.testing.assert_array_equal, *found)


def test_devices_that_share_a_batch_each_do_their_rows() -> None:
    case, rows = CASES[0], 2 * jax.device_count()
    arrays, weights, slope = make_inputs(case, rows)
    row_keys = make_row_keys(jax.random.key(1), rows)
    shared = NamedSharding(parallel.make_mesh(), PartitionSpec(parallel.AXIS))
    whole = NamedSharding(shared.mesh, PartitionSpec())
    run = jax.jit(pull, static_argnums=(0, 1))
    alone = run(case, "fused", arrays, weights, slope, row_keys)
    placed = (
        tuple(jax.device_put(x, shared if x.ndim == 2 else whole) for x in arrays),
        *(jax.device_put(weights, whole), *jax.device_put((slope, row_keys), shared)),
    )
    split = run.lower(case, "fused", *placed).compile()
    assert "all-gather" not in (split.as_text() or "all-gather")
    value, ((of_hidden, of_added, of_shift), of_weights) = split(*placed)
    assert value.sharding.is_equivalent_to(shared, 2)
    wanted, ((right_hidden, right_added, right_shift), right_weights) = alone
    np.testing.assert_array_equal(value, wanted)
    np.testing.assert_array_equal(of_hidden, right_hidden)
    np.testing.assert_array_equal(of_added, right_added)
    assert off(of_shift, right_shift) < ROUNDING
    for name in weights:
        np.testing.assert_allclose(of_weights[name], right_weights[name], rtol=1e-5, atol=1e-4)


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there the kernel itself runs")
@pytest.mark.parametrize("trained", [True, False])
def test_the_kernel_can_be_lowered_for_a_gpu_where_there_is_none(monkeypatch, trained) -> None:
    device = AbstractDevice(device_kind="NVIDIA H100 80GB HBM3", platform="gpu", num_cores=132)
    monkeypatch.setattr(_kernels, "runs_kernels", lambda device: True)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    arrays, weights, slope = make_inputs(CASES[0])
    row_keys = make_row_keys(jax.random.key(1), 3)

    def run(arrays: Any, weights: Any, slope: Any, row_keys: Any) -> Any:
        if trained:
            return pull(CASES[0], "auto", arrays, weights, slope, row_keys)
        return apply(CASES[0], "auto", arrays, weights, row_keys)

    with jax.sharding.use_abstract_mesh(AbstractMesh((1,), ("x",), abstract_device=device)):
        traced = jax.jit(run).trace(arrays, weights, slope, row_keys)
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("__gpu$xla.gpu.triton") == 1 + trained  # forward, and backward

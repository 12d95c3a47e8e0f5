"""Attention in one kernel, as by plain products: on a GPU, or interpreted where there is none."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractDevice, AbstractMesh, NamedSharding, PartitionSpec

from bscl_jax import encoders, gradients, losses, parallel
from bscl_jax.encoders import _fused_attention, _kernels
from bscl_jax.encoders._attention import attend
from bscl_jax.encoders._dropout import make_row_keys
from bscl_jax.types import PairBatch, TokenBatch
from tests.encoders.conftest import TEXTS, pad

pytestmark = pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated")

Vectors = tuple[jax.Array, jax.Array, jax.Array]
"""Queries, keys, values."""

ROUNDING = 1e-2  # of bfloat16, in the norm of all values
SITE = 3


class Case(NamedTuple):
    tokens: int
    features: int
    mask: str
    rate: float


CASES = [
    Case(24, 32, "texts", 0.1),
    Case(64, 64, "texts", 0.0),
    Case(40, 32, "padding", 0.3),
    Case(128, 16, "texts", 0.1),
    Case(5, 32, "padding", 0.0),
    Case(70, 16, "any", 0.1),
]


def make_inputs(case: Case, rows: int = 3, heads: int = 2) -> tuple[Vectors, jax.Array, jax.Array]:
    """Make vectors, a slope, and what is allowed: the own text, what is real, or anything."""
    random = np.random.default_rng(case.tokens)
    shape = (rows, case.tokens, heads, case.features)
    query, key, value, slope = (
        jnp.asarray(random.standard_normal(shape), jnp.bfloat16) for _ in range(4)
    )
    if case.mask == "any":
        allowed = random.random((rows, 1, case.tokens, case.tokens)) < 0.5
    elif case.mask == "texts":
        texts = np.sort(random.integers(0, 4, (rows, case.tokens)), axis=1)
        allowed = texts[:, None, :, None] == texts[:, None, None, :]
    else:
        allowed = (np.arange(case.tokens) < random.integers(1, case.tokens, (rows, 1)))[
            :, None, None
        ]
    return (query, key, value), slope, jnp.asarray(allowed)


def off(found: Any, wanted: Any) -> float:
    found, wanted = (np.asarray(x, np.float32).ravel() for x in (found, wanted))
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("least_blocks", [1, _fused_attention.LEAST_BLOCKS])  # 1: rows together
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients_are_those_of_plain_attention_in_float32(
    monkeypatch: pytest.MonkeyPatch, case: Case, least_blocks: int
) -> None:
    monkeypatch.setattr(_fused_attention, "LEAST_BLOCKS", least_blocks)
    vectors, slope, allowed = make_inputs(case)
    row_keys = make_row_keys(jax.random.key(1), len(slope))

    def fused(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
        return attend(query, key, value, allowed, row_keys, SITE, case.rate, kind="fused")

    def defined(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
        with jax.default_matmul_precision("highest"):
            return attend(query, key, value, allowed, row_keys, SITE, case.rate, kind="plain")

    found, pull = jax.vjp(jax.jit(fused), *vectors)
    wanted, pull_defined = jax.vjp(defined, *(x.astype(jnp.float32) for x in vectors))
    assert found.dtype == jnp.bfloat16
    assert off(found, wanted) < ROUNDING
    pulled = pull_defined(slope.astype(jnp.float32))
    for mine, right in zip(pull(slope), pulled, strict=True):
        assert mine.dtype == jnp.bfloat16
        assert off(mine, right) < ROUNDING


def test_a_token_that_may_ask_none_gets_the_mean_of_all() -> None:
    (query, key, value), _, allowed = make_inputs(CASES[0])
    nothing = jnp.zeros_like(allowed)
    found = attend(query, key, value, nothing, None, SITE, 0.0, kind="fused")
    mean = jnp.mean(value.astype(jnp.float32), axis=1, keepdims=True)
    assert off(found, jnp.broadcast_to(mean, value.shape)) < ROUNDING


def small(kind: str, **options: Any) -> tuple[encoders.Encoder, Any]:
    sizes: Any = {"hidden_size": 32, "num_layers": 1, "dtype": "bfloat16", **options}
    return encoders.random(TEXTS, seed=0, attention=kind, **sizes)


@pytest.mark.parametrize("scan_layers", [False, True])
def test_an_encoder_gives_the_same_embeddings_and_gradients(scan_layers: bool) -> None:
    found = {}
    for kind in ("plain", "fused"):
        encoder, params = small(kind, scan_layers=scan_layers)
        batch = packed(encoder)

        def loss(params: Any, encoder: Any = encoder, batch: Any = batch) -> jax.Array:
            return (encoder.apply(params, batch)[:, 0] ** 3).sum()

        found[kind] = encoder.apply(params, batch)[:, 0], jax.jit(jax.grad(loss))(params)
    flat = {
        kind: jnp.concatenate([x.ravel() for x in jax.tree.leaves(found[kind][1])])
        for kind in found
    }
    assert off(found["fused"][0], found["plain"][0]) < ROUNDING
    assert off(flat["fused"], flat["plain"]) < 2 * ROUNDING


def packed(encoder: encoders.Encoder) -> TokenBatch:
    """Four rows of two texts each."""
    ids = np.array(pad(encoder, TEXTS[:4], 20).ids)
    lengths = np.array([[8, 6], [12, 3], [5, 5], [9, 11]], np.int32)
    return TokenBatch(ids, np.arange(20) < lengths.sum(axis=1)[:, None], lengths)


def test_vmap_over_models_is_each_by_itself() -> None:
    encoder, params = small("fused")
    batch = pad(encoder, TEXTS[:2], 20)

    def loss(params: Any) -> jax.Array:
        return (encoder.apply(params, batch) ** 3).sum()

    both = [params, jax.tree.map(lambda x: x * 1.1, params)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *both)
    found = jax.vmap(jax.grad(loss))(stacked)
    wanted = jax.tree.map(lambda *x: jnp.stack(x), *map(jax.grad(loss), both))
    for mine, right in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert np.linalg.norm(mine - right) <= ROUNDING * np.linalg.norm(right) + 1e-6


def test_masks_of_dropout_belong_to_the_row_however_the_batch_is_cut() -> None:
    encoder, params = small("fused")
    batch = pad(encoder, TEXTS[:4], 20)
    keys = make_row_keys(jax.random.key(2), 4)

    def apply(rows: slice) -> jax.Array:
        part = TokenBatch(batch.ids[rows], batch.mask[rows])
        return encoder.apply(params, part, dropout_key=keys[rows])

    parts = jnp.concatenate([apply(slice(0, 2)), apply(slice(2, 4))])
    np.testing.assert_allclose(apply(slice(None)), parts, rtol=1e-2, atol=1e-3)
    moved = encoder.apply(params, batch, dropout_key=jax.random.key(3))
    assert off(moved, parts) > ROUNDING


@pytest.mark.parametrize("reason", ["float32", "too long", "odd heads", "bias"])
def test_what_the_kernel_cannot_do_is_plain(reason: str) -> None:
    case = Case(
        160 if reason == "too long" else 16, 24 if reason == "odd heads" else 32, "texts", 0
    )
    vectors, _, allowed = make_inputs(case, rows=1)
    dtype = jnp.float32 if reason == "float32" else jnp.bfloat16
    query, key, value = (x.astype(dtype) for x in vectors)
    bias = jnp.ones((1, 2, case.tokens, case.tokens)) if reason == "bias" else None
    plain, fused = (
        attend(query, key, value, allowed, None, SITE, 0.0, bias, kind=kind)
        for kind in ("plain", "fused")
    )
    np.testing.assert_array_equal(plain, fused)


def test_devices_that_share_a_batch_each_do_their_rows() -> None:
    vectors, _, allowed = make_inputs(CASES[0], rows=2 * jax.device_count())
    row_keys = make_row_keys(jax.random.key(1), len(allowed))
    mesh = parallel.make_mesh()
    rows = NamedSharding(mesh, PartitionSpec(parallel.AXIS))

    def slopes(vectors: Vectors, allowed: jax.Array, row_keys: Any) -> Any:
        def total(vectors: Vectors) -> jax.Array:
            return (attend(*vectors, allowed, row_keys, SITE, 0.1, kind="fused") ** 2).sum()

        return jax.grad(total)(vectors)

    alone = jax.jit(slopes)(vectors, allowed, row_keys)
    split = jax.jit(slopes, in_shardings=rows).lower(vectors, allowed, row_keys).compile()
    assert "all-gather" not in (split.as_text() or "all-gather")
    together = split(*jax.device_put((vectors, allowed, row_keys), rows))
    for mine, right in zip(together, alone, strict=True):
        assert mine.sharding.is_equivalent_to(rows, mine.ndim)
        np.testing.assert_array_equal(mine, right)


@pytest.mark.parametrize("chunk_size", [None, 4])
def test_a_gradient_on_all_devices_is_that_of_one(chunk_size: int | None) -> None:
    encoder, params = small("fused")
    texts = (TEXTS * 8)[: 2 * jax.device_count()]
    tokens = pad(encoder, texts, 20)
    found = []
    for devices in (1, jax.device_count()):
        mesh = parallel.make_mesh(devices)
        compute = gradient_of(encoder, chunk_size, mesh)
        batch = parallel.place(tokens, mesh)
        found.append(jax.jit(compute)(parallel.replicate(params, mesh), batch))
    assert float(found[1][0]) == pytest.approx(float(found[0][0]), rel=ROUNDING)
    flat = [jnp.concatenate([x.ravel() for x in jax.tree.leaves(y[1])]) for y in found]
    assert off(flat[1], flat[0]) < 2 * ROUNDING


def gradient_of(encoder: encoders.Encoder, chunk_size: int | None, mesh: Any) -> Any:
    """The gradient of a loss of texts with themselves, dropout as the batch is cut."""
    ones = np.ones(2 * jax.device_count(), np.float32)
    ids = np.arange(len(ones), dtype=np.int32)

    def encode(params: Any, tokens: TokenBatch, key: Any) -> jax.Array:
        return encoder.apply(params, tokens, dropout_key=key)

    def loss(params: Any, queries: jax.Array, targets: jax.Array, batch: Any) -> jax.Array:
        return losses.batch_softmax(queries, targets)

    if chunk_size is None:
        compute = gradients.value_and_grad(encode, loss)
    else:
        compute = gradients.cached_value_and_grad(encode, loss, chunk_size=chunk_size, mesh=mesh)

    def run(params: Any, tokens: TokenBatch) -> Any:
        batch = PairBatch(tokens, tokens, ones, ones, ids, ids)
        return compute(params, batch, jax.random.key(5))

    return run


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there the kernel itself runs")
def test_the_kernel_can_be_lowered_for_a_gpu_where_there_is_none(monkeypatch) -> None:
    device = AbstractDevice(device_kind="NVIDIA H100 80GB HBM3", platform="gpu", num_cores=132)
    monkeypatch.setattr(_kernels, "runs_kernels", lambda device: True)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    vectors, _, allowed = make_inputs(CASES[0])
    row_keys = make_row_keys(jax.random.key(1), len(allowed))

    def total(vectors: Vectors) -> jax.Array:
        return (attend(*vectors, allowed, row_keys, SITE, 0.1) ** 2).sum()

    with jax.sharding.use_abstract_mesh(AbstractMesh((1,), ("x",), abstract_device=device)):
        lowered = jax.jit(jax.grad(total)).trace(vectors).lower(lowering_platforms=("cuda",))
    text = lowered.as_text()
    assert text.count("__gpu$xla.gpu.triton") == 2  # forward and backward
    assert "stablehlo.dot_general" not in text


def test_without_a_gpu_attention_is_plain_unless_asked() -> None:
    vectors, _, allowed = make_inputs(CASES[0])

    def run(vectors: Vectors, kind: str) -> jax.Array:
        return attend(*vectors, allowed, None, SITE, 0.0, kind=kind)

    found = {
        kind: str(jax.make_jaxpr(run, static_argnums=1)(vectors, kind))
        for kind in ("auto", "plain", "fused")
    }
    fused = "fused" if jax.default_backend() != "gpu" else "auto"
    assert found["plain"] == found["auto"] or jax.default_backend() == "gpu"
    assert "custom_vjp" in found[fused]
    assert "custom_vjp" not in found["plain"]


@pytest.mark.parametrize(
    ("capability", "runs"),
    [
        ("9.0", True),
        ("8.0", True),
        ("12.0", True),
        ("7.5", False),
        ("gfx942", False),
        (None, False),
    ],
)
def test_the_kernel_is_for_nvidias_gpus_since_ampere(capability: str | None, runs: bool) -> None:
    facts = {} if capability is None else {"compute_capability": capability}
    device = SimpleNamespace(**facts)
    assert _kernels.runs_kernels.__wrapped__(device) == runs


def test_on_a_machine_with_a_gpu_what_is_sent_to_the_cpu_is_plain(monkeypatch) -> None:
    monkeypatch.setattr(_kernels, "runs_kernels", lambda device: device is gpu)
    gpu, cpu = jax.devices()[:2]
    vectors, _, allowed = make_inputs(CASES[0])

    def run() -> str:
        return str(jax.make_jaxpr(lambda v: attend(*v, allowed, None, SITE, 0.0))(vectors))

    assert "custom_vjp" in run()
    with jax.default_device(cpu):
        assert "custom_vjp" not in run()


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="one of auto, plain, fused, was 'flash'"):
        small("flash")
    with pytest.raises(ValueError, match="one of auto, plain, fused, was 'flash'"):
        small("plain")[0].with_attention("flash")

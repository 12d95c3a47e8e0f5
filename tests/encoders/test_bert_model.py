import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import encoders
from bscl_jax.encoders import _attention, _model
from bscl_jax.encoders._attention import attend
from bscl_jax.types import TokenBatch
from tests.encoders.conftest import TEXTS, pad

ROUNDING = 2e-6
GRADIENT_ROUNDING = 1e-5  # relative to the largest gradient
BFLOAT16_GAP = 0.05  # on values of order 1


def value_and_gradient(encoder: encoders.Encoder, params, batch: TokenBatch):
    def loss(params):
        out = encoder.apply(params, batch, dropout_key=jax.random.key(3))
        return (out[:, :8] ** 3).sum()

    return jax.jit(jax.value_and_grad(loss))(params)


def largest_gap(first, second) -> float:
    gaps = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), first, second)
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(first))
    return max(jax.tree.leaves(gaps)) / scale


def stack_layers(params, number: int):
    params = dict(params)
    layers = [params.pop(f"layer_{i}") for i in range(number)]
    return params | {"layers": jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)}


def test_padding_does_not_change_an_embedding(small) -> None:
    encoder, params, apply = small
    short, long = (apply(params, pad(encoder, TEXTS, length)) for length in (12, 40))
    np.testing.assert_allclose(short, long, atol=ROUNDING)


def test_what_stands_on_padding_does_not_matter(small, batch: TokenBatch) -> None:
    _, params, apply = small
    other = TokenBatch(np.where(batch.mask, batch.ids, 7), batch.mask)
    np.testing.assert_array_equal(apply(params, batch), apply(params, other))


def test_rows_do_not_see_each_other(small, batch: TokenBatch) -> None:
    _, params, apply = small
    order = [2, 0, 3, 1]
    moved = apply(params, TokenBatch(batch.ids[order], batch.mask[order]))
    np.testing.assert_allclose(moved, apply(params, batch)[jnp.array(order)], atol=ROUNDING)


def test_words_and_their_order_matter(small) -> None:
    encoder, params, apply = small
    out = apply(params, pad(encoder, ["a book for", "for a book", "a fine for", "renew"], 12))
    gaps = np.abs(out[0] - out[1:]).max(axis=1)
    assert (gaps > 1e-3).all()


@pytest.fixture(scope="module")
def plain(small, batch: TokenBatch):
    """Value and gradient of the plain model, with dropout."""
    return value_and_gradient(small[0], small[1], batch)


@pytest.mark.parametrize(
    ("scan_layers", "remat"), [(True, False), (False, True), (True, True)],
    ids=["scanned", "rematerialized", "both"],
)  # fmt: skip
def test_scan_and_remat_change_neither_value_nor_gradient_nor_dropout(
    batch: TokenBatch, plain, scan_layers: bool, remat: bool
) -> None:
    encoder, params = encoders.random(
        TEXTS, seed=0, hidden_size=16, scan_layers=scan_layers, remat=remat
    )
    value, gradient = value_and_gradient(encoder, params, batch)
    wanted = stack_layers(plain[1], 2) if scan_layers else plain[1]
    np.testing.assert_allclose(value, plain[0], rtol=GRADIENT_ROUNDING)
    assert largest_gap(wanted, gradient) < GRADIENT_ROUNDING


def test_every_place_of_the_model_draws_masks_of_its_own(
    small, batch: TokenBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = []

    def record(values, row_keys, site, rate):
        sites.append(int(site))
        return values

    for module in (_attention, _model):
        monkeypatch.setattr(module, "drop", record)
    small[0].apply(small[1], batch, dropout_key=jax.random.key(0))
    assert len(sites) == 1 + 3 * small[0].checkpoint.config.num_hidden_layers
    assert len(set(sites)) == len(sites)


def test_bfloat16_is_close_to_float32_and_comes_out_as_float32(small, batch: TokenBatch) -> None:
    _, params, apply = small
    half, same_params = encoders.random(TEXTS, seed=0, hidden_size=16, dtype="bfloat16")
    out = jax.jit(half.apply)(same_params, batch)
    assert out.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(same_params)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(out, apply(params, batch), atol=BFLOAT16_GAP)


@pytest.mark.parametrize(
    ("backend", "least", "most"), [("tpu", 1e-4, BFLOAT16_GAP), ("cpu", 1e-5, 1e-4)]
)
def test_the_gradient_in_bfloat16_is_that_of_float32_but_for_rounding(
    batch: TokenBatch, plain, backend: str, least: float, most: float, monkeypatch
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    half, params = encoders.random(TEXTS, seed=0, hidden_size=16, dtype="bfloat16")
    _, gradient = value_and_gradient(half, params, batch)
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient)} == {jnp.dtype("float32")}
    assert least < largest_gap(plain[1], gradient) < most


def test_attention_with_dropout_is_attention_where_nothing_is_dropped() -> None:
    query, key, value = jax.random.normal(jax.random.key(0), (3, 2, 5, 2, 4))
    mask = jnp.array([[True] * 5, [True, True, False, False, False]])
    keys = jax.random.split(jax.random.key(1), 2)
    almost_never = 1 / 65536  # the lowest rate that still takes the explicit path
    allowed, bias = mask[:, None, None, :], jax.random.normal(jax.random.key(2), (1, 2, 5, 5))
    explicit = attend(query, key, value, allowed, keys, 0, almost_never, bias)
    fused = attend(query, key, value, allowed, None, 0, almost_never, bias)
    np.testing.assert_allclose(explicit, fused, atol=1e-4)


def test_more_tokens_than_positions_are_refused(small) -> None:
    encoder, params, _ = small
    tokens = TokenBatch(np.zeros((1, 65), np.int32), np.ones((1, 65), bool))
    with pytest.raises(ValueError, match="at most 64 tokens"):
        encoder.apply(params, tokens)


def test_the_encoder_runs_sharded_over_eight_devices(small) -> None:
    encoder, params, apply = small
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    tokens = pad(encoder, TEXTS * 2, 12)
    key = jax.random.key(0)
    alone = apply(params, tokens, dropout_key=key)
    together = apply(params, jax.device_put(tokens, spread), dropout_key=key)
    np.testing.assert_allclose(together, alone, atol=ROUNDING)

"""What the texts of each side go through: prompts, and the gradients of all that is trained."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bscl_jax import assemble, encoders, gradients, parallel
from bscl_jax.types import PairBatch, Pairs, Task, TokenBatch
from tests.example_run import parse

ROWS, LENGTH = 8, 12
SAME = 2e-5
"""Gradients in float32, relative to the largest of all, against those that a float64 twin of the
loss sends back."""
TINY = "encoder={kind: random, num_layers: 1, hidden_size: 8, max_length: 12}"
PROMPTS = "encoder.prompts={query: 'find: ', document: 'about it: '}"
TASK = Task(
    Pairs([f"who keeps book {i}" for i in range(ROWS)], [f"desk {i} has it" for i in range(ROWS)]),
    {},
    {},
)


@cache
def load(*settings: str) -> tuple[assemble.Towers, dict]:
    return assemble.load_towers(parse(TINY, *settings), TASK)


def tokens_of(tower: assemble.Tower, texts) -> TokenBatch:
    rows = tower.tokenize(texts)
    ids = np.array([row + [tower.encoder.pad_id] * (LENGTH - len(row)) for row in rows], np.int32)
    return TokenBatch(ids, np.arange(LENGTH) < np.array([[len(row)] for row in rows]))


def batch_of(towers: assemble.Towers) -> PairBatch:
    sides = map(tokens_of, towers, TASK.train[:2])
    ones, ids = np.ones(ROWS, np.float32), np.arange(ROWS, dtype=np.int32)
    return PairBatch(*sides, ones, ones, ids, ids)


def loss(params, queries, targets, batch):
    """Let each query find its target by the dot product."""
    logits = queries @ targets.T
    return (jax.nn.logsumexp(logits, axis=1) - jnp.diagonal(logits)).mean()


def twin(applies, params: dict, batch: PairBatch) -> dict:
    """Add up what each side alone makes of the gradient that a float64 NumPy loss sends it."""

    def pulled(params: dict, sent):
        sides = zip(applies, (batch.queries, batch.targets), sent, strict=True)
        return sum((apply(params, tokens) * factors).sum() for apply, tokens, factors in sides)

    q, t = (
        np.asarray(jax.jit(apply)(params, tokens), np.float64)
        for apply, tokens in zip(applies, (batch.queries, batch.targets), strict=True)
    )
    shares = np.exp(q @ t.T)
    back = (shares / shares.sum(axis=1, keepdims=True) - np.eye(ROWS)) / ROWS
    sent = jax.tree.map(jnp.float32, (back @ t, back.T @ q))
    return jax.jit(jax.grad(pulled))(params, sent)


def gradient(towers: assemble.Towers, params: dict, batch: PairBatch, devices: int, chunk) -> dict:
    mesh = parallel.make_mesh(devices)
    encode = towers.queries.encode, towers.targets.encode
    compute = (
        gradients.value_and_grad(encode, loss)
        if chunk is None
        else gradients.cached_value_and_grad(encode, loss, chunk_size=chunk, mesh=mesh)
    )
    placed = parallel.replicate(params, mesh), parallel.place(batch, mesh)
    return jax.jit(compute)(*placed, None)[1]


def assert_same(actual: dict, expected: dict) -> None:
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(expected))
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=0, atol=SAME * largest), actual, expected
    )


WAYS = [(1, None), (1, 3), (4, None), (4, 4)]
"""Devices, and rows of a chunk: plain and cached."""


@pytest.fixture(scope="module")
def prompted():
    """One encoder for both sides, whose prompts differ and are not pooled."""
    towers, params = load(PROMPTS)
    encoder = dataclasses.replace(towers.queries.encoder, include_prompt=False)
    return assemble.Towers(*(tower._replace(encoder=encoder) for tower in towers)), params


@pytest.fixture(scope="module")
def of_prompted(prompted) -> dict:
    towers, params = prompted
    apply = towers.queries.encoder.apply
    applies = [
        lambda params, tokens, count=count: apply(params["encoder"], tokens, prompt_length=count)
        for count in (3, 4)  # [CLS] find :, [CLS] about it :
    ]
    return twin(applies, params, batch_of(towers))


@pytest.mark.parametrize(("devices", "chunk"), WAYS)
def test_with_prompts_the_gradient_is_that_of_each_side_with_its_own(
    prompted, of_prompted, devices: int, chunk: int | None
) -> None:
    towers, params = prompted
    assert_same(gradient(towers, params, batch_of(towers), devices, chunk), of_prompted)


SEPARATE = (
    "encoder.lora={rank: 2, alpha: 4, targets: ['*query/kernel', '*output/kernel']}",
    "target_encoder={hidden_size: 12, lora: null, freeze: ['embeddings/*']}",
    "target_encoder.projection={out_features: 8, activation_function: tanh}",
)


@pytest.fixture(scope="module")
def separate():
    """Queries by adapters; targets by another encoder, partly frozen, with a projection."""
    towers, params = load(*SEPARATE)
    return towers, params | {"lora": jax.tree.map(lambda leaf: leaf + 0.05, params["lora"])}


@pytest.fixture(scope="module")
def of_separate(separate) -> dict:
    towers, params = separate
    still = jax.lax.stop_gradient

    def of_queries(params, tokens):
        weights = encoders.merge_lora(still(params["encoder"]), params["lora"], scale=2.0)
        return towers.queries.encoder.apply(weights, tokens)

    def of_targets(params, tokens):
        weights = params["target_encoder"]
        weights = weights | {"embeddings": still(weights["embeddings"])}
        return towers.targets.encoder.apply(weights, tokens)

    return twin((of_queries, of_targets), params, batch_of(towers))


@pytest.mark.parametrize(("devices", "chunk"), WAYS)
def test_each_of_two_encoders_gets_its_own_gradient(
    separate, of_separate, devices: int, chunk: int | None
) -> None:
    towers, params = separate
    found = gradient(towers, params, batch_of(towers), devices, chunk)
    assert_same(found, of_separate)
    assert found.keys() == {"encoder", "lora", "target_encoder"}


def test_a_copy_starts_with_the_same_weights_and_is_another() -> None:
    towers, params = load("target_encoder={}", "encoder.projection={out_features: 3}")
    jax.tree.map(np.testing.assert_array_equal, params["encoder"], params["target_encoder"])
    assert towers.queries.encoder is not towers.targets.encoder
    moved = params | {"target_encoder": jax.tree.map(jnp.zeros_like, params["target_encoder"])}
    jax.tree.map(np.testing.assert_array_equal, towers.queries.weights(moved), params["encoder"])
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(towers.targets.weights(moved)))


def test_towers_of_unlike_embeddings_are_refused_with_the_remedy() -> None:
    message = "^target_encoder: its embeddings have 6 features, those of encoder 8; give one of"
    with pytest.raises(ValueError, match=message):
        load("target_encoder={hidden_size: 6}")


def test_a_mistake_about_the_second_encoder_names_it() -> None:
    with pytest.raises(ValueError, match=r"^target_encoder: 'layer_9/\*' fits no parameter"):
        load("target_encoder={freeze: ['layer_9/*']}")


def test_a_prompt_stands_before_the_texts_of_its_side(prompted) -> None:
    towers, _ = prompted
    encoder = towers.queries.encoder
    assert towers.queries.tokenize(["a desk"]) == encoder.tokenize(["find: a desk"])
    assert towers.targets.tokenize(["a desk"]) == encoder.tokenize(["about it: a desk"])
    unknown = encoder.tokenizer.token_to_id("[UNK]")
    assert unknown not in encoder.tokenize(["find: about it: "])[0]


def test_without_prompts_or_with_equal_ones_there_is_one_tower() -> None:
    for settings in ([], ["encoder.prompts={query: 'a: ', document: 'a: '}"]):
        towers, _ = load(*settings)
        assert towers.queries is towers.targets
        embeds = assemble.make_embeds(towers, parallel.make_mesh(1), 4, lambda count: None)
        assert callable(embeds.at({}))


def test_sides_are_packed_together_unless_they_are_encoded_apart(prompted, separate) -> None:
    pooled, _ = load(PROMPTS)
    assert pooled.queries is not pooled.targets
    assert callable(pooled.encode)
    for towers, _ in (prompted, separate):
        assert towers.encode == (towers.queries.encode, towers.targets.encode)


def saved(folder, **texts: str) -> str:
    """Save a model that has prompts of its own; return the section that names it."""
    encoder, params = encoders.random(TASK.train.queries, seed=0, num_layers=1, hidden_size=8)
    prompts = encoder.prompts.having(**texts)
    encoders.save(folder, dataclasses.replace(encoder, prompts=prompts), params)
    return f"{{kind: pretrained, name: {folder}"


def test_a_models_own_prompts_are_put_before_texts_only_where_the_config_says_so(tmp_path) -> None:
    section = saved(tmp_path / "model", query="who ", short="a ")
    wanted = {
        "}": ("", ""),
        ", prompts: {}}": ("who ", ""),
        ", prompts: {document: 'desk '}}": ("who ", "desk "),
        ", prompts: {query: '', document: 'desk '}}": ("", "desk "),
    }
    for given, prompts in wanted.items():
        towers, _ = load(f"encoder={section}{given}")
        assert tuple(tower.prompt for tower in towers) == prompts
        assert towers.queries.encoder.prompts.texts["short"] == "a "


def test_a_models_own_prompt_for_documents_may_have_another_name(tmp_path) -> None:
    section = saved(tmp_path / "model", query="who ", passage="desk ")
    for given, prompt in (("{}", "desk "), ("{document: ''}", "")):
        towers, params = load(f"encoder={section}, prompts: {given}}}")
        assert towers.targets.prompt == prompt
        encoders.save(tmp_path / given, *towers.targets.model(params))
        exported, _ = encoders.load(tmp_path / given)
        assert exported.prompts.find_document() == prompt


def test_a_default_prompt_without_which_a_model_is_trained_is_none_of_the_trained_model(
    tmp_path,
) -> None:
    encoder, params = encoders.random(TASK.train.queries, seed=0, num_layers=1, hidden_size=8)
    prompts = dataclasses.replace(encoder.prompts.having(query="who "), default="query")
    encoders.save(tmp_path / "model", dataclasses.replace(encoder, prompts=prompts), params)
    for given, default in (("", None), (", prompts: {}", "query")):
        section = f"{{kind: pretrained, name: {tmp_path / 'model'}{given}}}"
        towers, _ = load(f"encoder={section}")
        trained = towers.queries.encoder.prompts
        assert (trained.default, trained.texts["query"]) == (default, "who ")


@pytest.mark.parametrize("section", ["random", "pretrained"])
def test_a_model_without_prompts_has_none_to_take(section: str, tmp_path) -> None:
    encoder = f"encoder={saved(tmp_path / 'model')}}}" if section == "pretrained" else TINY
    with pytest.raises(ValueError, match=r"^encoder: prompts: the model has none of its own"):
        load(encoder, "encoder.prompts={}")


@pytest.mark.parametrize("settings", [(), (PROMPTS,), SEPARATE], ids=["one", "prompts", "two"])
def test_towers_of_another_type_are_as_many_and_each_computes_in_it(settings) -> None:
    towers, params = load(*settings)
    turned = towers.with_dtype("bfloat16")
    assert (turned.queries is turned.targets) == (towers.queries is towers.targets)
    for mine, other in zip(turned, towers, strict=True):
        tokens = tokens_of(other, TASK.train.queries)
        gap = jnp.abs(mine.encode(params, tokens, None) - other.encode(params, tokens, None)).max()
        assert 1e-6 < gap < 0.02

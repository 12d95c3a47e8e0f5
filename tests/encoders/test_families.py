import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open

from bscl_jax import encoders
from bscl_jax.encoders import _attention, _model
from bscl_jax.encoders._dropout import make_row_keys
from bscl_jax.encoders._load import FAMILIES
from bscl_jax.encoders._placing import Placing
from bscl_jax.encoders.post_norm._model import count_positions
from bscl_jax.types import TokenBatch
from tests.encoders.families import HEADS, MARKS, write_folder
from tests.golden.families import VARIANTS, make_inputs

ROUNDING = 1e-5
TEXTS = ["How do I renew a book", "a late fine", ""]
OTHERS = [name for name in HEADS if name != "bert"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model folder of each family; copy or leave as it is."""
    root = tmp_path_factory.mktemp("families")
    return {name: write_folder(root / name, name) for name in HEADS}


def names_in(folder: Path) -> set[str]:
    with safe_open(folder / "model.safetensors", "numpy") as file:
        return set(file.keys())


def make_module(variant: str, **options):
    """Module and fresh weights of a small model with dropout at every place."""
    facts = VARIANTS[variant]
    family = FAMILIES[facts["model_type"]]
    config = family.read_config(facts, 0.3)
    module = family.make_module(config, **options)
    ids, mask = make_inputs(facts.get("pad_token_id", 0))
    batch = jnp.asarray(ids[:, :9]), jnp.asarray(mask[:, :9])
    return module, batch


def stack(params, alone: int):
    """Parameters of unrolled layers as those of scanned ones."""
    layers = [params[f"layer_{i}"] for i in range(alone, sum("layer_" in name for name in params))]
    rest = {name: leaf for name, leaf in params.items() if "layer_" not in name}
    rest |= {f"layer_{i}": params[f"layer_{i}"] for i in range(alone)}
    return rest | {"layers": jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_with_a_head_loads_and_is_saved_bare_with_the_same_bits(
    folders, name: str, tmp_path: Path
) -> None:
    encoder, params = encoders.load(folders[name])
    encoders.save(tmp_path / "again", encoder, params)
    again, same = encoders.load(tmp_path / "again", scan_layers=False)
    jax.tree.map(np.testing.assert_array_equal, params, same)
    family = encoder.checkpoint.family
    table = family.tensor_table(encoder.checkpoint.config)
    carried = {f"{start}dense.{kind}" for start in family.carried for kind in ("weight", "bias")}
    assert names_in(tmp_path / "again") == {*table, *carried}
    facts = json.loads((tmp_path / "again" / "config.json").read_text())
    assert facts["architectures"] == [family.architecture]
    assert again.tokenize(TEXTS) == encoder.tokenize(TEXTS)
    assert (again.pad_id, again.max_length) == (encoder.pad_id, encoder.max_length)


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_that_names_no_padding_token_has_its_familys(folders, name: str) -> None:
    encoder, _ = encoders.load(folders[name])
    assert encoder.tokenizer.id_to_token(encoder.pad_id) == MARKS[name][1]


def test_texts_are_cut_at_the_positions_that_a_roberta_can_use(folders) -> None:
    encoder, _ = encoders.load(folders["roberta"])
    assert VARIANTS["roberta"]["max_position_embeddings"] == 24
    assert encoder.max_length == 22
    assert len(encoder.tokenize(["a" * 50])[0]) == 22
    with pytest.raises(ValueError, match=r"from 3 .* to 22 tokens"):
        encoders.load(folders["roberta"], max_length=23)


def test_positions_are_counted_behind_the_padding_id_and_over_what_is_no_padding() -> None:
    ids = jnp.array([[5, 6, 1, 7, 1, 1], [1, 1, 8, 9, 4, 4]])
    mask = jnp.array([[True] * 4 + [False] * 2, [False] * 2 + [True] * 2 + [False] * 2])
    counted = count_positions(ids, Placing(mask), 1)
    assert counted.tolist() == [[2, 3, 1, 4, 1, 1], [1, 1, 2, 3, 1, 1]]
    assert count_positions(ids, Placing(mask), None).tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("name", OTHERS)
def test_a_rate_given_to_load_replaces_every_rate(name: str) -> None:
    family = FAMILIES[VARIANTS[name]["model_type"]]
    config = family.read_config(VARIANTS[name], 0.25)
    rates = [getattr(config, field) for field in vars(config) if "dropout" in field]
    assert len(rates) >= 2
    assert set(rates) == {0.25}


@pytest.mark.parametrize(
    ("variant", "sites_of_embeddings", "sites_of_a_layer"),
    [("distilbert", 1, 2), ("electra", 1, 3), ("modernbert", 1, 3)],
)
def test_every_place_of_the_model_draws_masks_of_its_own(
    variant: str,
    sites_of_embeddings: int,
    sites_of_a_layer: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sites = []

    def record(values, row_keys, site, rate):
        sites.append(int(site))
        return values

    for room in (_attention, _model):
        monkeypatch.setattr(room, "drop", record)
    module, (ids, mask) = make_module(variant)
    keys = make_row_keys(jax.random.key(0), len(ids))
    params = module.init(jax.random.key(0), ids, mask)
    module.apply(params, ids, mask, keys)
    layers = module.config.num_hidden_layers
    assert len(sites) == sites_of_embeddings + layers * sites_of_a_layer
    assert len(set(sites)) == len(sites)


@pytest.mark.parametrize(("variant", "alone"), [("mpnet", 0), ("modernbert", 1)])
def test_chunks_scan_and_remat_draw_the_masks_of_the_whole_batch(variant: str, alone: int) -> None:
    module, (ids, mask) = make_module(variant)
    keys = make_row_keys(jax.random.key(4), len(ids))
    params = jax.jit(module.init)(jax.random.key(0), ids, mask)["params"]
    whole = np.asarray(jax.jit(module.apply)({"params": params}, ids, mask, keys))
    other = make_module(variant, scan_layers=True, remat=True)[0]
    stacked = {"params": stack(params, alone)}
    apply = jax.jit(other.apply)
    chunks = [apply(stacked, ids[rows], mask[rows], keys[rows]) for rows in (slice(2), slice(2, 4))]
    mask = np.asarray(mask)
    np.testing.assert_allclose(np.concatenate(chunks)[mask], whole[mask], atol=ROUNDING)
    assert not np.allclose(apply(stacked, ids[:2], mask[:2]), chunks[0], atol=0.01)


@pytest.mark.parametrize(
    ("variant", "facts", "message"),
    [
        ("distilbert", {"n_heads": 3}, "DistilBERT .*n_heads must divide dim, was 3 for 16"),
        ("distilbert", {"dropout": 1}, r"dropout must be in \[0, 1\), was 1"),
        ("electra", {"embedding_size": 0}, "embedding_size must be a whole number from 1, was 0"),
        ("roberta", {"pad_token_id": None}, "pad_token_id must be a whole number from 0, was None"),
        ("mpnet", {"relative_attention_num_buckets": 8}, "num_buckets must be .* from 32, was 8"),
        ("modernbert", {"layer_types": ["full_attention"]}, "one entry a layer, has 1 for 4"),
        ("modernbert", {"layer_types": ["causal"] * 4}, "layer_types must be a list of full"),
        ("modernbert", {"num_attention_heads": 16}, "must be even, .* was 16 / 16"),
        ("modernbert", {"norm_bias": 1}, "norm_bias must be true or false, was 1"),
        ("modernbert", {"rope_scaling": {"factor": 2}}, "rope_scaling must be None"),
        (
            "modernbert",
            {"rope_parameters": {"full_attention": {"rope_type": "yarn"}}},
            "rope_type must be 'default'",
        ),
    ],
)
def test_a_config_that_cannot_be_followed_is_refused(
    variant: str, facts: dict, message: str
) -> None:
    facts = VARIANTS[variant] | facts
    with pytest.raises(ValueError, match=message):
        FAMILIES[facts["model_type"]].read_config(facts, None)


def test_a_roberta_with_vocabulary_and_merges_alone_gives_the_same_tokens(
    folders, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "model", "roberta")
    tokens = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(tokens["vocab"]))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in tokens["merges"])]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    texts = [*TEXTS, "a book, Über nine", "  two  books"]
    wanted = encoders.load(folders["roberta"])[0].tokenize(texts)
    assert encoders.load(folder)[0].tokenize(texts) == wanted


def test_a_tokenizer_of_sentencepiece_is_refused_with_the_way_to_convert_it(
    tmp_path: Path,
) -> None:
    folder = write_folder(tmp_path / "model", "roberta")
    (folder / "tokenizer.json").rename(folder / "sentencepiece.bpe.model")
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(facts | {"model_type": "xlm-roberta"}))
    with pytest.raises(
        FileNotFoundError, match=r"tokenizer\.json is needed; AutoTokenizer .*save_pretrained"
    ):
        encoders.load(folder)


@pytest.mark.parametrize("name", ["mpnet", "modernbert"])
def test_a_batch_is_embedded_whatever_stands_on_padding(folders, name: str) -> None:
    encoder, params = encoders.load(folders[name])
    ids, mask = make_inputs(encoder.pad_id)
    ids %= encoder.checkpoint.config.vocab_size
    apply = jax.jit(encoder.apply)
    out = apply(params, TokenBatch(ids, mask))
    assert np.isfinite(out).all()
    other = np.where(mask, ids, 7).astype(np.int32)
    np.testing.assert_array_equal(apply(params, TokenBatch(other, mask)), out)

"""A tiny untrained encoder made from nothing: for smoke runs and tests without any download."""

from collections import Counter
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from bscl_jax.encoders import bert
from bscl_jax.encoders._encoder import Checkpoint, Encoder
from bscl_jax.encoders._kernels import AUTO
from bscl_jax.encoders._layout import Layout
from bscl_jax.encoders._load import make_encoder
from bscl_jax.encoders._model import find_computation_type
from bscl_jax.encoders._tokenizer import FoundTokenizer
from bscl_jax.encoders.pooling import Pooling
from bscl_jax.encoders.post_norm import PostNormConfig
from bscl_jax.types import DType, Params

_SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def random(
    texts: Sequence[str],
    *,
    seed: int,
    num_layers: int = 2,
    hidden_size: int = 32,
    num_heads: int = 2,
    intermediate_size: int | None = None,
    vocab_size: int = 1000,
    max_length: int = 64,
    pooling: Pooling = "mean",
    normalize: bool = True,
    dropout: float = 0.1,
    hidden_act: str = "gelu",
    dtype: DType = "float32",
    scan_layers: bool = False,
    remat: bool = False,
    attention: str = AUTO,
) -> tuple[Encoder, Params]:
    """Make a small BERT with fresh weights and a tokenizer for these texts.

    The vocabulary holds the characters of the texts and then their most frequent words: the same
    texts give the same tokenizer on every machine, which a trained WordPiece does not promise.

    Args:
        texts: the vocabulary is taken from them; at least one has a character.
        seed: of the weights.
        num_layers: transformer layers.
        hidden_size: features of a token, and of an embedding for each way to pool.
        num_heads: attention heads; divides ``hidden_size``.
        intermediate_size: features inside the feed-forward block; None is 4 × ``hidden_size``.
        vocab_size: most tokens that the tokenizer may have, at least 6.
        max_length: longest text, in tokens, from 3; also the model's positions.
        pooling: as in ``load``.
        normalize: whether embeddings are meant to be scaled to unit length.
        dropout: both dropout rates, in [0, 1).
        hidden_act: activation, by the name that ``config.json`` would have.
        dtype: as in ``load``.
        scan_layers: as in ``load``. The weights are the same either way.
        remat: as in ``load``.
        attention: as in ``load``.

    Returns:
        The encoder, and its parameters as a nested dict of float32 arrays.

    Raises:
        ValueError: for texts without any character, and for sizes out of range.

    Example:
        >>> from bscl_jax import encoders
        >>> encoder, params = encoders.random(["how to renew a book"], seed=0, hidden_size=16)
        >>> encoder.dimension, encoder.max_length
        (16, 64)
    """
    tokenizer = _make_tokenizer(texts, vocab_size)
    facts = {
        "architectures": [bert.FAMILY.architecture],
        "attention_probs_dropout_prob": dropout,
        "hidden_act": hidden_act,
        "hidden_dropout_prob": dropout,
        "hidden_size": hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": 4 * hidden_size if intermediate_size is None else intermediate_size,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": max_length,
        "model_type": "bert",
        "num_attention_heads": num_heads,
        "num_hidden_layers": num_layers,
        "pad_token_id": tokenizer.token_to_id(_SPECIAL["pad_token"]),
        "type_vocab_size": 2,
        "vocab_size": tokenizer.get_vocab_size(),
    }
    config = bert.FAMILY.read_config(facts, None)
    token_facts = {**_SPECIAL, "tokenizer_class": "BertTokenizer", "do_lower_case": True}
    found = FoundTokenizer(tokenizer, token_facts, max_length, facts["pad_token_id"])
    encoder = make_encoder(
        Checkpoint(bert.FAMILY, facts, config, scan_layers, token_facts, False, {}),
        found,
        Layout(pooling=pooling, normalize=normalize),
        max_length=max_length,
        computation_type=find_computation_type(dtype),
        remat=remat,
        attention=attention,
        source=f"random weights, seed {seed}",
        folder=None,
    )
    return encoder, _make_params(config, seed, scan_layers=scan_layers)


def _make_params(config: PostNormConfig, seed: int, *, scan_layers: bool) -> Params:
    """Fresh weights; stacked from the unrolled ones, so that both forms start equal."""
    ids = jnp.zeros((1, 1), jnp.int32)
    module = bert.FAMILY.make_module(config)
    params = jax.jit(module.init)(jax.random.key(seed), ids, ids == 0)["params"]
    if not scan_layers:
        return params
    layers = [params.pop(f"layer_{number}") for number in range(config.num_hidden_layers)]
    return params | {"layers": jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)}


def _make_tokenizer(texts: Sequence[str], vocab_size: int) -> Tokenizer:
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        normal = normalizer.normalize_str(text)
        words.update(word for word, _ in splitter.pre_tokenize_str(normal))
    if not words:
        raise ValueError(f"texts must hold at least one word, were {list(texts)[:3]!r}")
    if vocab_size <= len(_SPECIAL):
        raise ValueError(f"vocab_size must be at least {len(_SPECIAL) + 1}, was {vocab_size}")
    pieces: Counter[str] = Counter()
    for word, count in words.items():
        for position, character in enumerate(word):
            pieces[character if position == 0 else f"##{character}"] += count
    tokens = [*_SPECIAL.values(), *_by_frequency(pieces), *_by_frequency(words)]
    vocabulary = {token: i for i, token in enumerate(list(dict.fromkeys(tokens))[:vocab_size])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=_SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    start, end = _SPECIAL["cls_token"], _SPECIAL["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B:1 {end}:1",
        special_tokens=[(start, vocabulary[start]), (end, vocabulary[end])],
    )
    tokenizer.add_special_tokens(list(_SPECIAL.values()))
    return tokenizer


def _by_frequency(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda token: (-counts[token], token))

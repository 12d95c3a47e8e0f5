import subprocess
import sys

import jax
import numpy as np
import pytest

from bscl_jax import encoders
from tests.encoders.conftest import TEXTS

PRINT_TOKENIZER = f"""
from bscl_jax.encoders._random import _make_tokenizer
print(_make_tokenizer({TEXTS!r}, 60).to_str())
"""


def test_the_same_texts_give_the_same_tokenizer_in_every_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PRINT_TOKENIZER],
            env={"PYTHONHASHSEED": seed, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(small) -> None:
    _, again = encoders.random(TEXTS, seed=0, hidden_size=16)
    jax.tree.map(np.testing.assert_array_equal, small[1], again)
    _, other = encoders.random(TEXTS, seed=1, hidden_size=16)
    kernels = [params["layer_0"]["query"]["kernel"] for params in (again, other)]
    assert not np.array_equal(*kernels)


def test_frequent_words_are_one_token_and_unseen_words_fall_into_characters(small) -> None:
    encoder = small[0]
    first = encoder.tokenizer.encode("Book").tokens
    assert first == ["[CLS]", "book", "[SEP]"]
    assert encoder.tokenizer.encode("rook").tokens == ["[CLS]", "r", "##o", "##o", "##k", "[SEP]"]


def test_a_small_vocabulary_keeps_the_most_frequent_pieces_and_its_size() -> None:
    encoder, params = encoders.random(TEXTS, seed=0, vocab_size=12, hidden_size=16)
    assert encoder.tokenizer.get_vocab_size() == 12
    assert params["embeddings"]["token"]["embedding"].shape == (12, 16)


def test_texts_without_a_word_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one word"):
        encoders.random(["", "  "], seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 3}, "num_attention_heads must divide hidden_size, was 3 for 32"),
        ({"hidden_act": "tanh"}, "hidden_act must be one of .*was 'tanh'"),
        ({"dropout": 1.0}, r"hidden_dropout_prob must be in \[0, 1\), was 1.0; attention"),
        ({"num_layers": 0}, "num_hidden_layers must be a whole number from 1, was 0"),
        ({"vocab_size": 5}, "vocab_size must be at least 6, was 5"),
        ({"max_length": 2}, "max_length must be from 3 .* was 2"),
        ({"pooling": "sum"}, "pooling must be one of mean, cls, max, .*; was 'sum'"),
        ({"dtype": "float16"}, "dtype must be float32 or bfloat16, was 'float16'"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoders.random(TEXTS, seed=0, **options)

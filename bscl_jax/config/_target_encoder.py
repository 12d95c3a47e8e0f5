"""A second encoder, for the targets, that says only in what it differs."""

from collections.abc import Mapping
from typing import Any

from bscl_jax.config._layers import merge

ENCODER, TARGET_ENCODER = "encoder", "target_encoder"


def fill_target_encoder(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Put the encoder of the targets over the config's own; what is no section stays as it is.

    Example:
        >>> from bscl_jax.config._target_encoder import fill_target_encoder
        >>> raw = {"encoder": {"kind": "pretrained", "name": "a", "dropout": 0}}
        >>> fill_target_encoder(raw | {"target_encoder": {"name": "b"}})["target_encoder"]
        {'kind': 'pretrained', 'name': 'b', 'dropout': 0}
    """
    encoder, target_encoder = raw.get(ENCODER), raw.get(TARGET_ENCODER)
    if not isinstance(encoder, dict) or not isinstance(target_encoder, dict):
        return dict(raw)
    filled = merge({ENCODER: encoder}, {ENCODER: target_encoder})[ENCODER]
    return {**raw, TARGET_ENCODER: filled}

"""The whole encoder as one StableHLO program that runs without this project."""

import secrets
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from bscl_jax import encoders
from bscl_jax.types import Params, TokenBatch

KNOWN = ("cpu", "cuda", "rocm", "tpu")


def stablehlo(
    path: str | Path,
    encoder: encoders.Encoder,
    params: Params,
    *,
    normalize: bool = True,
    platforms: Sequence[str] = ("cpu", "cuda", "tpu"),
) -> None:
    """Write an encoder with its weights as one function from tokens to embeddings.

    The function takes ``ids``, int32 ``(b, s)``, and ``mask``, bool ``(b, s)`` and True where a
    token is real, for any number b ≥ 1 of texts and any length s from 1 to the model's positions;
    it returns float32 ``(b, d)``. ``jax.export.deserialize`` reads the file; the tokenizer is that
    of an exported folder, ``tokenizer.json``.

    Args:
        path: the file, written anew; there is never half of one. Its folder is made.
        encoder: what ``encoders.load`` or ``encoders.random`` returned.
        params: its parameters, which become constants of the program.
        normalize: whether embeddings are scaled to unit length.
        platforms: what the program can run on, of ``"cpu"``, ``"cuda"``, ``"rocm"``, ``"tpu"``.

    Raises:
        ValueError: for no platform, or an unknown one, and for a model with prompts whose tokens
            it does not pool (``include_prompt: false``): tokens do not say where a prompt ends.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import jax.export
        >>> import numpy as np
        >>> from bscl_jax import encoders, export
        >>> path = Path(tempfile.mkdtemp()) / "encoder.stablehlo"
        >>> encoder, params = encoders.random(["how to renew a book"], seed=0)
        >>> export.stablehlo(path, encoder, params, platforms=["cpu"])
        >>> ids = np.array(encoder.tokenize(["renew a book"]), np.int32)
        >>> encode = jax.export.deserialize(bytearray(path.read_bytes())).call
        >>> encode(ids, ids >= 0).shape
        (1, 32)

    References:
        ``jax.export``, whose files later versions of jax read for at least six months.
    """
    if not platforms or not {*platforms} <= {*KNOWN}:
        raise ValueError(
            f"platforms must be one or more of {', '.join(KNOWN)}, was {', '.join(platforms)}"
        )
    if not encoder.include_prompt and any(encoder.prompts.texts.values()):
        raise ValueError(
            "the model has prompts whose tokens it does not pool (include_prompt: false), which a "
            "program of ids and mask cannot leave out; export a folder, or for texts without a "
            "prompt pass dataclasses.replace(encoder, include_prompt=True)"
        )

    plain = encoder.with_attention("plain")  # for any platform and length

    def encode(ids: Int[Array, "b s"], mask: Bool[Array, "b s"]) -> Float[Array, "b d"]:
        embeddings = plain.apply(params, TokenBatch(ids, mask))
        if not normalize:
            return embeddings
        length = jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
        return embeddings / jnp.maximum(length, jnp.finfo(embeddings.dtype).tiny)

    longest = encoder.most_tokens
    shape = jax.export.symbolic_shape("b, s", constraints=["b >= 1", "s >= 1", f"s <= {longest}"])
    program = jax.export.export(jax.jit(encode), platforms=tuple(platforms))(
        jax.ShapeDtypeStruct(shape, jnp.int32), jax.ShapeDtypeStruct(shape, jnp.bool_)
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        aside.write_bytes(program.serialize())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)

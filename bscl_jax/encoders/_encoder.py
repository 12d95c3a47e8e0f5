"""What leaves this room: a frozen encoder whose ``apply`` is a pure function of its parameters."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int
from tokenizers import Tokenizer

from bscl_jax.encoders._attention import check_attention
from bscl_jax.encoders._dense import Dense
from bscl_jax.encoders._dropout import DropoutKey, make_row_keys
from bscl_jax.encoders._family import Family
from bscl_jax.encoders._model import adapt, find_computation_type
from bscl_jax.encoders._placing import masks_of_texts
from bscl_jax.encoders._prompts import Prompts
from bscl_jax.encoders.pooling import Pooling, pool_finite
from bscl_jax.types import DType, Params, TokenBatch


@dataclass(frozen=True)
class Checkpoint:
    """What ``save`` needs beside the parameters to write the model as it was found.

    Attributes:
        family: family of the model.
        facts: the parsed ``config.json``.
        config: the same, checked.
        scan_layers: whether the parameters of all layers are stacked.
        tokenizer_facts: the parsed ``tokenizer_config.json``, and the special tokens of
            ``special_tokens_map.json``.
        lowercase: whether every text is lower-cased before the tokenizer's own rules.
        carried: tensors that the encoder does not use and that are written back unchanged.
        ignored: name of each tensor that the encoder does not use, with the reason.
    """

    family: Family
    facts: Mapping[str, Any]
    config: Any
    scan_layers: bool
    tokenizer_facts: Mapping[str, Any]
    lowercase: bool
    carried: Mapping[str, np.ndarray]
    ignored: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Encoder:
    """A sentence encoder without its weights. Made by ``load`` and ``random``.

    Nothing here changes: the parameters, the tokens and the dropout key are arguments, so that
    ``jit``, ``grad``, ``vmap``, ``shard_map`` and rematerialization see a plain function.

    Attributes:
        pad_id: token id that pads a text.
        dimension: features of an embedding, d.
        max_length: longest text in tokens, special tokens included; longer ones are cut.
        normalize: whether the model's embeddings are meant to be scaled to unit length by who
            uses them (its folder has a Normalize module); ``apply`` never does it.
        pooling: how hidden states become one embedding, by the names of ``pooling.POOLINGS``; a
            tuple for several that are concatenated.
        dense: the layers after pooling, whose parameters are ``params["dense_0"]`` and so on.
        prompts: texts that the model wants before a text, by name, and which is the default.
            Nothing here adds them unasked: ``tokenize`` is given the one to use.
        include_prompt: whether the tokens of a prompt are pooled with those of the text.
        similarity: the function by which the model's embeddings are compared, ``"cosine"``,
            ``"dot"``, ``"euclidean"`` or ``"manhattan"``.
        source: one line that says where the model was found.
        folder: where its files lie, a folder of the hub's cache for a model of the hub; None for
            one that was made, not found.
        module: the Linen module.
        tokenizer: the tokenizer; cuts at ``max_length``, pads nothing.
        checkpoint: what ``save`` needs.
    """

    pad_id: int
    dimension: int
    max_length: int
    normalize: bool
    pooling: Pooling
    dense: tuple[Dense, ...]
    prompts: Prompts
    include_prompt: bool
    similarity: str
    source: str
    folder: Path | None = field(repr=False)
    module: nn.Module = field(repr=False)
    tokenizer: Tokenizer = field(repr=False)
    checkpoint: Checkpoint = field(repr=False)

    def apply(
        self,
        params: Params,
        tokens: TokenBatch,
        *,
        dropout_key: DropoutKey | None = None,
        prompt_length: int | Int[Array, ""] = 0,
    ) -> Float[Array, "b *k d"]:
        """Embed a batch of texts: the transformer, pooling, then the dense layers.

        Args:
            params: parameters as ``load`` returned them, or trained further.
            tokens: the texts, padded; each has a real token and no more tokens
                than the model has positions for.
            dropout_key: one key (each row draws from the key folded with its position), or one
                key a row, so that a batch cut in chunks with its keys draws the same masks. None:
                no dropout, as at inference. There is no other switch.
            prompt_length: tokens at the beginning of each text that are not pooled, as
                ``count_prompt`` counts them.

        Returns:
            Embeddings, float32, not normalized. They do not depend on the padding, up to
            rounding. Where rows hold several texts (``tokens.lengths``), ``(b, k, d)``: that of
            each, the same as if it stood alone; what stands at a place without a text is arbitrary
            but finite.

        Raises:
            ValueError: when ids and mask differ in shape, the texts are too long, or the number of
                keys is not that of the rows.

        Example:
            >>> import numpy as np
            >>> from bscl_jax import encoders
            >>> from bscl_jax.types import TokenBatch
            >>> encoder, params = encoders.random(["how to renew a book"], seed=0)
            >>> ids = np.array(encoder.tokenize(["renew a book"]))
            >>> encoder.apply(params, TokenBatch(ids, np.ones(ids.shape, bool))).shape
            (1, 32)
        """
        hidden = self.hidden_states(params, tokens, dropout_key=dropout_key)
        mask = jnp.asarray(tokens.mask).astype(bool)

        def pooled(mask: Bool[Array, "b s"]) -> Float[Array, "b _"]:
            return pool_finite(hidden, mask, self.pooling, prompt_length=prompt_length)

        if tokens.lengths is None:
            embeddings = pooled(mask)
        else:
            lengths = jnp.asarray(tokens.lengths)
            embeddings = jax.vmap(pooled, out_axes=1)(masks_of_texts(mask, lengths))
        for name, dense in name_layers(self.dense):
            embeddings = dense.apply(params[name], embeddings)
        return embeddings

    def with_attention(self, kind: str) -> "Encoder":
        """Return the same encoder with another way to compute attention.

        Args:
            kind: ``"auto"``, ``"plain"`` or ``"fused"``, as in ``load``.

        Raises:
            ValueError: for another name.

        Example:
            >>> from bscl_jax import encoders
            >>> encoder, _ = encoders.random(["how to renew a book"], seed=0)
            >>> encoder.with_attention("plain").dimension
            32
        """
        check_attention(kind)
        return replace(self, module=self.module.clone(attention=kind))

    def with_dtype(self, dtype: DType) -> "Encoder":
        """Return the same encoder with another type of the computation.

        Args:
            dtype: ``"float32"`` or ``"bfloat16"``, as in ``load``; its own returns it as it is.

        Raises:
            ValueError: for another name.

        Example:
            >>> from bscl_jax import encoders
            >>> encoder, _ = encoders.random(["how to renew a book"], seed=0)
            >>> encoder.with_dtype("bfloat16").dimension
            32
        """
        found = find_computation_type(dtype)
        if found == self.module.dtype:
            return self
        return replace(self, module=self.module.clone(dtype=found))

    @property
    def most_tokens(self) -> int:
        """Tokens that a row of a batch may have: the model's positions."""
        return self.checkpoint.config.max_tokens

    def hidden_states(
        self, params: Params, tokens: TokenBatch, *, dropout_key: DropoutKey | None = None
    ) -> Float[Array, "b s d"]:
        """Run the model up to its last hidden states; arguments and errors as ``apply``.

        Returns:
            One vector a token, of the type of the activations. Those of padding are arbitrary.
        """
        ids, mask = jnp.asarray(tokens.ids), jnp.asarray(tokens.mask)
        longest = self.most_tokens
        if ids.ndim != 2 or ids.shape != mask.shape:
            raise ValueError(
                "ids and mask must both have shape (texts, tokens); they have shapes "
                f"{ids.shape} and {mask.shape}"
            )
        if ids.shape[1] > longest:
            raise ValueError(
                f"texts must have at most {longest} tokens (the model's positions), these have "
                f"{ids.shape[1]}; cut them as Encoder.tokenize does"
            )
        row_keys = None if dropout_key is None else make_row_keys(dropout_key, len(ids))
        lengths = None if tokens.lengths is None else jnp.asarray(tokens.lengths)
        module = adapt(self.module)
        hidden = module.apply({"params": params}, ids, mask.astype(bool), row_keys, lengths)
        return cast(Array, hidden)

    def tokenize(self, texts: Iterable[str], *, prompt: str = "") -> list[list[int]]:
        """Turn texts into token ids, special tokens included, cut at ``max_length``.

        Args:
            texts: any number of texts; an empty one becomes its special tokens.
            prompt: what is put before every text.

        Returns:
            Ids of each text, unpadded, in the order given.

        Raises:
            TypeError: for a single string, or an entry that is not a string.

        Example:
            >>> from bscl_jax import encoders
            >>> encoder, _ = encoders.random(["how to renew a book"], seed=0)
            >>> [len(ids) for ids in encoder.tokenize(["renew a book", ""])]
            [5, 2]
        """
        prompted = [prompt + text for text in list_texts(texts)]
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(prompted)]

    @property
    def tokenizer_digest(self) -> str:
        """SHA-256 of all that ids depend on besides texts: tokenizer, length limit, its library."""
        described = f"tokenizers {tokenizers.__version__}\n{self.tokenizer.to_str()}"
        return hashlib.sha256(described.encode()).hexdigest()

    def count_prompt(self, prompt: str) -> int:
        """Count the tokens of a prompt that ``apply`` has to leave out.

        Args:
            prompt: what stands before every text.

        Returns:
            Its tokens, special ones before it included and those after it not; 0 for no prompt,
            and for a model that pools the prompt with the text.
        """
        if self.include_prompt or not prompt:
            return 0
        encoding = self.tokenizer.encode(prompt)
        return len(encoding.ids) - encoding.special_tokens_mask[-1]


def name_layers(dense: tuple[Dense, ...]) -> list[tuple[str, Dense]]:
    """Each dense layer with the key of its parameters."""
    return [(f"dense_{position}", layer) for position, layer in enumerate(dense)]


def list_texts(texts: Iterable[object]) -> list[str]:
    """Check that these are texts; raises TypeError naming what is not."""
    if isinstance(texts, str):
        raise TypeError("texts must be a list of strings, was one string; write [text]")
    listed = list(texts)
    for position, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"texts must be strings, entry {position} was {text!r}")
    return cast(list[str], listed)

"""The towers of a run: how the texts of each side become embeddings."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from bscl_jax import config as configs
from bscl_jax import data, encoders, evaluation, gradients, parallel
from bscl_jax.assemble._encoders import load_encoder
from bscl_jax.assemble._fits import named
from bscl_jax.assemble._weights import (
    ENCODER,
    TARGET_ENCODER,
    Section,
    adapters,
    sections_of,
    weights_of,
)
from bscl_jax.types import Pairs, Params, Task, TokenBatch

Embed = Callable[[Params, Sequence[str]], np.ndarray]
"""``(params, texts) -> embeddings``, float32 ``(n, d)``."""

LISTS_KEPT = 4
"""The tokens of the last few lists of texts are kept: an epoch embeds what the one before did."""


class Tower(NamedTuple):
    """What the texts of one side go through.

    Attributes:
        encoder: the encoder without its weights.
        prompt: what is put before every text as it is tokenized.
        weights: from the parameters of the run to those of the encoder.
    """

    encoder: encoders.Encoder
    prompt: str
    weights: Callable[[Params], Params]

    def model(self, params: Params) -> tuple[encoders.Encoder, Params]:
        """Return the encoder and its weights by the parameters of the run."""
        return self.encoder, self.weights(params)

    def tokenize(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the token ids of texts, those of the prompt first."""
        return self.encoder.tokenize(texts, prompt=self.prompt)

    def tokenizer(self, cache: Path | None) -> data.Tokenizer:
        """Return what tokenizes, with a folder what keeps the ids there."""
        if cache is None:
            return self.tokenize
        fingerprint = f"{self.encoder.tokenizer_digest} {self.prompt}"
        return data.TokenCache(cache, self.tokenize, fingerprint)

    def encode(self, params: Params, tokens: TokenBatch, dropout_key: Any) -> Array:
        """Embed a batch by the parameters of the run; no key, no dropout."""
        return self.encoder.apply(
            self.weights(params),
            tokens,
            dropout_key=dropout_key,
            prompt_length=self.prompt_length,
        )

    @property
    def prompt_length(self) -> int:
        """Tokens of the prompt that are not pooled."""
        return self.encoder.count_prompt(self.prompt)


class Towers(NamedTuple):
    """The towers of both sides; one and the same where nothing tells them apart.

    Attributes:
        queries: that of the queries, and of the first texts of pairs.
        targets: that of the targets, of hard negatives and of documents.
    """

    queries: Tower
    targets: Tower

    @property
    def encode(self) -> gradients.Encode | tuple[gradients.Encode, gradients.Encode]:
        """What encodes the tokens of both sides, or of each where they differ by more than ids."""
        one, other = ((each.encoder, each.weights, each.prompt_length) for each in self)
        return self.queries.encode if one == other else (self.queries.encode, self.targets.encode)

    @property
    def pad_ids(self) -> tuple[int, int]:
        """The padding of either side."""
        return self.queries.encoder.pad_id, self.targets.encoder.pad_id

    def tokenize(self, pairs: Pairs, cache: Path | None, threshold: float) -> data.PairTokens:
        """Tokenize pairs, each side by its tower, or recall the ids that a folder has kept."""
        both = self.queries.tokenizer(cache), self.targets.tokenizer(cache)
        return data.tokenize_pairs(pairs, both, threshold=threshold)

    def with_dtype(self, dtype: str) -> "Towers":
        """Return the same towers with another type of the computation."""
        queries, targets = (
            tower._replace(encoder=tower.encoder.with_dtype(dtype)) for tower in self
        )
        return Towers(queries, queries if self.targets is self.queries else targets)

    @property
    def source(self) -> str:
        """Where the encoder was found, or both."""
        one, other = self.queries.encoder, self.targets.encoder
        return one.source if one is other else f"{one.source}; targets: {other.source}"


class Embeds(NamedTuple):
    """The functions that embed the texts of either side.

    Attributes:
        queries: that of the queries.
        targets: that of the targets; the same one where the tower is.
    """

    queries: Embed
    targets: Embed

    def at(self, params: Params) -> evaluation.Embed | tuple[evaluation.Embed, evaluation.Embed]:
        """Return what embeds by these parameters, as ``evaluation.evaluate`` takes it."""
        of_queries = partial(self.queries, params)
        if self.targets is self.queries:
            return of_queries
        return of_queries, partial(self.targets, params)


def load_towers(config: configs.Config, task: Task) -> tuple[Towers, Params]:
    """Load what the config names; return the towers, and their parameters before training.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: it cannot be used, or the settings do not fit it or the other tower.
    """
    queries, params = load_tower(config, task, ENCODER, prompt="query")
    if config.target_encoder is None:
        prompt = prompt_of(config.encoder, queries.encoder, "document")
        same = prompt == queries.prompt
        return Towers(queries, queries if same else queries._replace(prompt=prompt)), params
    targets, more = load_tower(config, task, TARGET_ENCODER, prompt="document")
    found, wanted = (tower.encoder.dimension for tower in (targets, queries))
    if found != wanted:
        raise ValueError(
            f"{TARGET_ENCODER}: its embeddings have {found} features, those of {ENCODER} {wanted}; "
            f"give one of them a projection: {{out_features: …}}"
        )
    return Towers(queries, targets), params | more


def load_tower(
    config: configs.Config, task: Task, key: str, *, prompt: str
) -> tuple[Tower, Params]:
    """Load one of the encoders; return the tower, and its parameters by their keys."""
    section = sections_of(config)[key]
    with named(key):
        encoder, weights = load_encoder(dataclasses.replace(config, encoder=section), task)
        params = {key: weights, **adapters(section, weights, config.run.seed, key=key)}
    put = prompt_of(section, encoder, prompt)
    return Tower(encoder, put, partial(weights_of, section, key=key)), params


def prompt_of(section: Section, encoder: encoders.Encoder, name: str) -> str:
    """Return what is put before texts, of the encoder's prompts the one of this name."""
    return "" if section.prompts is None else encoder.prompts.find(name)


def make_embeds(
    towers: Towers, mesh: Mesh, batch_size: int, advance: Callable[[int], None]
) -> Embeds:
    """Make the functions that embed, without dropout; arguments as ``make_embed``."""
    queries = make_embed(towers.queries, mesh, batch_size, advance)
    if towers.targets is towers.queries:
        return Embeds(queries, queries)
    return Embeds(queries, make_embed(towers.targets, mesh, batch_size, advance))


def make_embed(tower: Tower, mesh: Mesh, batch_size: int, advance: Callable[[int], None]) -> Embed:
    """Make ``embed(params, texts)``, without dropout, the rows split over the mesh.

    Args:
        tower: what the texts go through.
        mesh: of the run.
        batch_size: rows encoded at a time.
        advance: called with the number of texts of each finished batch.
    """
    whole = NamedSharding(mesh, PartitionSpec())  # each process reads all that comes out
    apply = jax.jit(
        lambda params, tokens: tower.encode(params, tokens, None),
        out_shardings=whole,
        compiler_options=parallel.compiler_options(),
    )
    tokenize = lru_cache(LISTS_KEPT)(lambda texts: data.tokenize_all(texts, tower.tokenize))

    def embed(params: Params, texts: Sequence[str]) -> np.ndarray:
        return evaluation.make_embed(
            lambda texts: tokenize(tuple(texts)),
            lambda tokens: apply(params, parallel.feed(tokens, mesh)),
            pad_id=tower.encoder.pad_id,
            dimension=tower.encoder.dimension,
            max_length=tower.encoder.max_length,
            most_tokens=tower.encoder.most_tokens,
            multiple=mesh.size,
            batch_size=batch_size,
            advance=advance,
        )(texts)

    return embed

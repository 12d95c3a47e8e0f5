"""The sections of encoders: which one, and what of it is trained."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from bscl_jax.config._section import Count, Name, Positive, Rate, section

Pooling = Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
"""The ways to pool of ``encoders.load``."""


@section
class Lora:
    """Low-rank adapters, trained in place of the encoder's own parameters.

    Attributes:
        rank: r, from 1.
        alpha: α; the product of an adapter's two matrices is multiplied by α / r.
        targets: patterns of the matrices that get one.
    """

    rank: Count = 8
    alpha: Positive = 16.0
    targets: list[Name] = field(default_factory=lambda: ["*query/kernel", "*value/kernel"])


@section
class Projection:
    """A new Dense layer after pooling and the model's own Dense layers; trained with the rest.

    Attributes:
        out_features: features of an embedding.
        activation_function: what follows the linear map; ``identity`` is none.
        bias: whether the linear map has one.
    """

    out_features: Count
    activation_function: Literal["identity", "tanh", "relu", "gelu", "silu", "sigmoid"] = "identity"
    bias: bool = True


@section
class Prompts:
    """What is put before every text, in training, evaluation and mining.

    Attributes:
        query: before queries, and the first texts of pairs; None takes the model's own.
        document: before targets, hard negatives and documents, and the second texts of pairs; the
            same.
    """

    query: str | None = None
    document: str | None = None


@section
class PretrainedEncoder:
    """A pre-trained encoder.

    Attributes:
        name: a folder, a hub name, or a model that an installed package ships.
        max_length: longest text in tokens; None takes the model's own.
        pooling: a way to pool, or several, which are concatenated; None takes the model's own.
        dropout: dropout rate in training; None takes the model's own.
        dtype: type of the computation; parameters stay float32.
        scan_layers: compile one layer and loop: compiles faster, runs slower on a CPU.
        remat: compute the inside of each layer again in the backward pass, for less memory.
        attention: by products that XLA compiles, or in one kernel for GPUs; auto is the kernel
            on a GPU.
        freeze: patterns of the parameters that are not trained.
        lora: adapters to train while all other parameters of the model are frozen; None trains
            these.
        projection: a new layer at the end; None adds none.
        prompts: what is put before every text; None puts nothing there, whatever prompts the model
            has.
    """

    kind: Literal["pretrained"]
    name: Name
    max_length: Annotated[int, Field(ge=3)] | None = None
    pooling: Pooling | tuple[Pooling, ...] | None = None
    dropout: Rate | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    scan_layers: bool = False
    remat: bool = False
    attention: Literal["auto", "plain", "fused"] = "auto"
    freeze: list[Name] = field(default_factory=list)
    lora: Lora | None = None
    projection: Projection | None = None
    prompts: Prompts | None = None


@section
class RandomEncoder:
    """A small BERT with random weights and a vocabulary learnt from the training texts."""

    kind: Literal["random"]
    num_layers: Count = 2
    hidden_size: Count = 32
    num_heads: Count = 2
    vocab_size: Annotated[int, Field(ge=6)] = 1000
    max_length: Annotated[int, Field(ge=3)] = 64
    freeze: list[Name] = field(default_factory=list)
    lora: Lora | None = None
    projection: Projection | None = None
    prompts: Prompts | None = None


Encoder = Annotated[PretrainedEncoder | RandomEncoder, Field(discriminator="kind")]

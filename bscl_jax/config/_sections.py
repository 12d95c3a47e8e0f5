"""The sections of a config. A field is named as the keyword that it feeds."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from bscl_jax.config._data import (
    HubData,
    LibraryDeskData,
    ListsData,
    PairsData,
    RetrievalData,
)
from bscl_jax.config._encoders import Encoder
from bscl_jax.config._losses import Loss
from bscl_jax.config._section import Count, Fraction, Name, NonNegative, Positive, section
from bscl_jax.config._shuffling import Shuffling
from bscl_jax.config._tasks import TaskData

EPOCHS = 3
"""Passes over the training pairs, unless a config says otherwise."""


@section
class Run:
    """Where the run lives and what it draws its randomness from.

    Attributes:
        dir: the run folder; made when everything else has been checked.
        seed: seed of order, dropout and random weights.
    """

    dir: Name
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


@section
class Optimizer:
    """AdamW with linear warm-up and linear decay.

    Attributes:
        learning_rate: the peak, reached at the end of the warm-up.
        temperature_learning_rate: the same for the logarithm of the temperature, and for a bias.
        weight_decay: not applied to biases, layer normalization and temperature.
        warmup: share of all steps.
        max_gradient_norm: longer gradients are scaled down to this norm.
        bias_correction: Adam's; the paper trains without it.
    """

    learning_rate: Positive = 2e-5
    temperature_learning_rate: Positive = 1e-3
    weight_decay: NonNegative = 0.01
    warmup: Fraction = 0.1
    max_gradient_norm: Positive = 1.0
    bias_correction: bool = False


@section
class Training:
    """How long and in what portions.

    Attributes:
        batch_size: pairs in a batch, over all devices.
        epochs: passes over the training pairs.
        dropout_epochs: so many epochs have dropout, the first ones; None has it in all, the
            reference in 1.
        save_every: steps between checkpoints; the end of an epoch always has one.
        chunk_size: rows that are encoded at a time (GradCache); None encodes the whole batch.
        packing: put several texts into a row, so that little padding is computed; the step is
            compiled for each of ``num_shapes`` shapes at most.
        num_shapes: shapes that a packed batch may have, chosen from the data; the more there are,
            the less is padding.
        num_lengths: padded lengths that each side may have where batches are not packed; the step
            is compiled for each pair of them.
        num_negatives: extra candidates of a batch, where the data has hard negatives; None takes as
            many as its pairs have on average.
        devices: devices to train on; None takes all.
        report_batches: measure, as each epoch begins, what its batches hold.
        on_nonfinite: where loss or gradient is not finite, ``abort`` ends the run, ``skip`` leaves
            the update out.
        max_skips: updates that may be left out in a row; one more ends the run.
    """

    batch_size: Count = 32
    epochs: Count = EPOCHS
    dropout_epochs: Annotated[int, Field(ge=0)] | None = None
    save_every: Count = 100
    chunk_size: Count | None = None
    packing: bool = True
    num_shapes: Count = 6
    num_lengths: Count = 2
    num_negatives: Count | None = None
    devices: Count | None = None
    report_batches: bool = True
    on_nonfinite: Literal["abort", "skip"] = "abort"
    max_skips: Count = 10


@section
class Evaluation:
    """How the model is judged.

    Attributes:
        measure: the dev measure that chooses the best epoch, as ``set/measure``.
        batch_size: rows encoded at a time.
    """

    measure: Name
    batch_size: Count = 64


@section
class Export:
    """What is left for others to load.

    Attributes:
        format: ``sentence_transformers`` writes ``model/``; ``none`` writes nothing.
    """

    format: Literal["sentence_transformers", "none"] = "sentence_transformers"


@section
class StageTraining:
    """How long a stage is.

    Attributes:
        epochs: passes over the training pairs.
    """

    epochs: Count = EPOCHS


@section
class Stage:
    """A part of a run with a loss, an order and an optimizer of its own.

    What a stage does not say is as in the sections of the config: they are merged as with ``base``.

    Attributes:
        loss: as the section of that name.
        shuffling: the same; epochs are numbered on through the stages.
        optimizer: the same; warm-up and decay are those of the stage's own steps.
        training: how long it is.
        name: what log and report call it; None takes the kind of its loss.
    """

    loss: Loss
    shuffling: Shuffling
    optimizer: Optimizer = field(default_factory=Optimizer)
    training: StageTraining = field(default_factory=StageTraining)
    name: Name | None = None


Data = Annotated[
    LibraryDeskData | PairsData | ListsData | RetrievalData | HubData | TaskData,
    Field(discriminator="kind"),
]


@section
class Config:
    """A whole run.

    Attributes:
        target_encoder: the encoder of the targets, trained on its own; what it does not say is as
            in ``encoder``. None encodes both sides with ``encoder``.
        stages: what is trained one after the other; none trains as the sections above say.
    """

    run: Run
    data: Data
    encoder: Encoder
    loss: Loss
    shuffling: Shuffling
    evaluation: Evaluation
    target_encoder: Encoder | None = None
    optimizer: Optimizer = field(default_factory=Optimizer)
    training: Training = field(default_factory=Training)
    export: Export = field(default_factory=Export)
    stages: list[Stage] = field(default_factory=list)

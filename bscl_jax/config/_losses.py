"""The sections of the losses: a class a loss. A field is named as the keyword that it feeds."""

from typing import Annotated, Literal

from pydantic import Field

from bscl_jax.config._section import Count, Fraction, NonNegative, Positive, section

Dims = Annotated[list[Count], Field(min_length=1)]


@section
class BatchSoftmaxLoss:
    """``losses.batch_softmax``.

    Attributes:
        temperature: divides the similarities; where it is trained, its start.
        train_temperature: train its logarithm beside the weights.
        threshold: a pair is positive where its score is above this.
        normalize: what is done to the embeddings first.
        direction: whose partner is to be found.
        reduction: what the sum over the rows is divided by.
        partition: a softmax for each direction, or one over the candidates of both.
        same_side: whose own side are negatives too.
        hardness_strength: how much more of the gradient harder negatives get.
        hardness_mode: which negatives: the other pairs of the batch, its extra candidates (hard
            negatives of the data), or all.
        implementation: ``dense`` holds the similarity matrix of the batch; ``tiled`` a tile of it;
            ``panels`` some of its rows. The loss is the same.
        tile_size: most rows, and of a tile most columns, held at a time.
        precision: of the products of embeddings on an accelerator, which rounds their factors
            below ``highest``.
        mask_duplicates: leave equal texts, and known positives, out of each other's negatives.
        matryoshka_dims: numbers of features whose losses are added, each of the embeddings cut to
            so many; list the encoder's own too. None takes the whole embeddings. Every loss has it.
    """

    kind: Literal["batch_softmax"]
    temperature: Positive = 0.1
    train_temperature: bool = False
    threshold: Fraction = 0.5
    normalize: Literal["l2", "l2_columns", "range", "minmax", "none"] = "l2"
    direction: Literal["both", "queries", "targets"] = "both"
    reduction: Literal["batch", "positives"] = "batch"
    partition: Literal["separate", "joint"] = "separate"
    same_side: Literal["none", "queries", "targets", "both"] = "none"
    hardness_strength: NonNegative = 0.0
    hardness_mode: Literal["batch", "extra", "all"] = "all"
    implementation: Literal["dense", "tiled", "panels"] = "dense"
    tile_size: Count = 1024
    precision: Literal["highest", "high", "default", "BF16_BF16_F32_X3"] = "highest"
    mask_duplicates: bool = True
    matryoshka_dims: Dims | None = None


@section
class ComboLoss(BatchSoftmaxLoss):
    """``losses.combo``: mu · batch softmax + (1 − mu) · cosine MSE.

    Attributes:
        mu: share of the batch softmax.
        at_threshold: what a score equal to the threshold is; the reference has ``positive``.
    """

    kind: Literal["combo"]  # pyright: ignore[reportIncompatibleVariableOverride]
    mu: Fraction = 0.1
    at_threshold: Literal["negative", "positive"] = "negative"


@section
class CosineMseLoss:
    """``losses.cosine_mse``."""

    kind: Literal["cosine_mse"]
    matryoshka_dims: Dims | None = None


@section
class PearsonLoss:
    """``losses.pearson``, of the pairs of a batch."""

    kind: Literal["pearson"]
    matryoshka_dims: Dims | None = None


@section
class CosentLoss:
    """``losses.cosent``, of the pairs of a batch.

    Attributes:
        temperature: divides the differences of cosines.
    """

    kind: Literal["cosent"]
    temperature: Positive = 0.05
    matryoshka_dims: Dims | None = None


@section
class TripletLoss:
    """``losses.triplet``.

    Attributes:
        margin: by how much the negative is to be farther away than the positive.
        distance: of the embeddings as they are, or one minus their cosine.
        negatives: searched in the ``batch``; or ``given``, those that the data labels so, every
            positive of a query with every negative of it: the training pairs become triplets.
        mining: which of the batch, the nearest negative, or the nearest beyond the positive.
        threshold: a pair is positive where its score is above this; others have no term.
        mask_duplicates: leave equal texts, and known positives, of the batch out of each other's
            negatives.
    """

    kind: Literal["triplet"]
    margin: NonNegative = 0.5
    distance: Literal["euclidean", "cosine"] = "euclidean"
    negatives: Literal["batch", "given"] = "batch"
    mining: Literal["hard", "semi-hard"] = "hard"
    threshold: Fraction = 0.5
    mask_duplicates: bool = True
    matryoshka_dims: Dims | None = None


@section
class SigmoidLoss:
    """``losses.sigmoid``.

    Attributes:
        temperature: divides the similarities; where it is trained, its start.
        train_temperature: train its logarithm beside the weights.
        bias: added to the similarities so divided; where it is trained, its start.
        train_bias: train it beside the weights.
        threshold: a pair is positive where its score is above this; others are negatives.
        mask_duplicates: leave equal texts, and known positives, out of each other's negatives.
    """

    kind: Literal["sigmoid"]
    temperature: Positive = 0.1
    train_temperature: bool = False
    bias: float = -10.0
    train_bias: bool = False
    threshold: Fraction = 0.5
    mask_duplicates: bool = True
    matryoshka_dims: Dims | None = None


@section
class SupervisedLoss:
    """``losses.supervised`` on queries and targets together, a class for each target text.

    Attributes:
        temperature: divides the similarities; where it is trained, its start.
        train_temperature: train its logarithm beside the weights.
        threshold: a query is of its target's class where their score is above this.
    """

    kind: Literal["supervised"]
    temperature: Positive = 0.1
    train_temperature: bool = False
    threshold: Fraction = 0.5
    matryoshka_dims: Dims | None = None


Loss = Annotated[
    BatchSoftmaxLoss
    | ComboLoss
    | CosineMseLoss
    | PearsonLoss
    | CosentLoss
    | TripletLoss
    | SigmoidLoss
    | SupervisedLoss,
    Field(discriminator="kind"),
]

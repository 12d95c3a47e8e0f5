"""The sections of the paper's tasks: a class a task. A field is named as the option it feeds."""

from typing import Annotated, Literal

from pydantic import Field

from bscl_jax.config._section import Count, Name, section

Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0)]


@section
class StsbData:
    """STSb, sentence pairs graded 0 to 5.

    Attributes:
        path: the folder with the files.
    """

    kind: Literal["stsb"]
    path: Name = "../shared/data/stsb"


@section
class MrpcData:
    """MRPC, sentence pairs that are paraphrases or not.

    Attributes:
        path: the folder with the files.
    """

    kind: Literal["mrpc"]
    path: Name = "../shared/data/mrpc"


@section
class QqpData:
    """QQP, question pairs that ask the same or do not.

    Attributes:
        path: the folder with the files.
        num_train: so many training pairs, drawn at random; None takes all.
        extra: draw from the extra positives too.
        seed: of the draw.
    """

    kind: Literal["qqp"]
    path: Name = "../shared/data/qqp"
    num_train: Count | None = None
    extra: bool = False
    seed: Seed = 0


@section
class PfccSData:
    """PFCC-S, tweets to be answered by a claim of a corpus.

    Attributes:
        path: the folder with the files.
        dev_share: share of the training claims that are held out for dev.
        seed: of that choice.
        negatives: ``ranks`` adds labelled negatives at ranks 100 · 2^k by TF-IDF.
    """

    kind: Literal["pfcc_s"]
    path: Name = "../shared/data/pfcc-s"
    dev_share: Share = 0.1
    seed: Seed = 0
    negatives: Literal["none", "ranks"] = "none"


@section
class CqaAData:
    """CQA-A, the comments of a forum's questions.

    Attributes:
        path: the folder with the files.
        extra: train on the data of 2015 too.
    """

    kind: Literal["cqa_a"]
    path: Name = "../shared/data/cqa-a"
    extra: bool = False


@section
class CqaBData:
    """CQA-B, a forum's old questions for a new one.

    Attributes:
        path: the folder with the files.
        extra: train on the second part too.
    """

    kind: Literal["cqa_b"]
    path: Name = "../shared/data/cqa-b"
    extra: bool = True


@section
class AntiqueData:
    """Antique, answers graded 1 to 4.

    Attributes:
        path: the folder with the files as they are published.
        dev_share: share of the training questions that are held out for dev.
        seed: of that choice.
    """

    kind: Literal["antique"]
    path: Name = "../shared/data/antique"
    dev_share: Share = 0.1
    seed: Seed = 0


TaskData = StsbData | MrpcData | QqpData | PfccSData | CqaAData | CqaBData | AntiqueData

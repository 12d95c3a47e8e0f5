"""A run as one checked, frozen value: YAML in, dataclasses out, YAML back."""

from bscl_jax.config._data import (
    HubData,
    LibraryDeskData,
    ListsData,
    PairsData,
    RetrievalData,
)
from bscl_jax.config._encoders import Lora, PretrainedEncoder, RandomEncoder
from bscl_jax.config._load import (
    ConfigError,
    as_dict,
    dump,
    load,
    parse,
)
from bscl_jax.config._losses import (
    BatchSoftmaxLoss,
    ComboLoss,
    CosentLoss,
    CosineMseLoss,
    Loss,
    PearsonLoss,
    SigmoidLoss,
    SupervisedLoss,
    TripletLoss,
)
from bscl_jax.config._sections import (
    Config,
    Evaluation,
    Export,
    Optimizer,
    Run,
    Stage,
    Training,
)
from bscl_jax.config._shuffling import (
    ByClusterShuffling,
    ByExampleShuffling,
    ByNeighborShuffling,
    ByShingleShuffling,
    FileOrder,
    RandomShuffling,
    SavedOrder,
    Shuffling,
)
from bscl_jax.config._stages import list_stages

__all__ = [
    "BatchSoftmaxLoss",
    "ByClusterShuffling",
    "ByExampleShuffling",
    "ByNeighborShuffling",
    "ByShingleShuffling",
    "ComboLoss",
    "Config",
    "ConfigError",
    "CosentLoss",
    "CosineMseLoss",
    "Evaluation",
    "Export",
    "FileOrder",
    "HubData",
    "LibraryDeskData",
    "ListsData",
    "Lora",
    "Loss",
    "Optimizer",
    "PairsData",
    "PearsonLoss",
    "PretrainedEncoder",
    "RandomEncoder",
    "RandomShuffling",
    "RetrievalData",
    "Run",
    "SavedOrder",
    "Shuffling",
    "SigmoidLoss",
    "Stage",
    "SupervisedLoss",
    "Training",
    "TripletLoss",
    "as_dict",
    "dump",
    "list_stages",
    "load",
    "parse",
]

"""A run as one checked, frozen value: YAML in, dataclasses out, YAML back."""

from bscl_jax.config._load import ConfigError as ConfigError
from bscl_jax.config._load import dump as dump
from bscl_jax.config._load import load as load
from bscl_jax.config._load import parse as parse
from bscl_jax.config._sections import BatchSoftmaxLoss as BatchSoftmaxLoss
from bscl_jax.config._sections import ByExampleShuffling as ByExampleShuffling
from bscl_jax.config._sections import ComboLoss as ComboLoss
from bscl_jax.config._sections import Config as Config
from bscl_jax.config._sections import CosineMseLoss as CosineMseLoss
from bscl_jax.config._sections import Evaluation as Evaluation
from bscl_jax.config._sections import Export as Export
from bscl_jax.config._sections import FileOrder as FileOrder
from bscl_jax.config._sections import LibraryDeskData as LibraryDeskData
from bscl_jax.config._sections import Optimizer as Optimizer
from bscl_jax.config._sections import PairsData as PairsData
from bscl_jax.config._sections import PretrainedEncoder as PretrainedEncoder
from bscl_jax.config._sections import RandomEncoder as RandomEncoder
from bscl_jax.config._sections import RandomShuffling as RandomShuffling
from bscl_jax.config._sections import Run as Run
from bscl_jax.config._sections import Training as Training

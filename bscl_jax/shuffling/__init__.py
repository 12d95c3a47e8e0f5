"""Orders of the training pairs: which of them share a batch. Host-side, NumPy, seeded."""

from bscl_jax.shuffling._by_cluster import by_cluster as by_cluster
from bscl_jax.shuffling._by_example import by_example as by_example
from bscl_jax.shuffling._by_neighbor import by_neighbor as by_neighbor
from bscl_jax.shuffling._by_shingle import by_shingle as by_shingle
from bscl_jax.shuffling._random import random as random
from bscl_jax.shuffling._saved import epoch_path as epoch_path
from bscl_jax.shuffling._saved import read_order as read_order
from bscl_jax.shuffling._saved import write_order as write_order
from bscl_jax.shuffling._search import check_search as check_search
from bscl_jax.shuffling._tfidf import tfidf as tfidf

"""Readers, tasks, content ids, tokenized texts, length buckets and batches."""

from bscl_jax.data._batches import length_batches, make_pair_batch, num_batches
from bscl_jax.data._cells import as_score, as_text, as_text_or_none, one_of
from bscl_jax.data._content import content_ids, normalize_text
from bscl_jax.data._errors import DataError
from bscl_jax.data._hash import hash_splits, hash_texts
from bscl_jax.data._kept import keep_file, recall_file
from bscl_jax.data._lengths import choose_lengths, pad
from bscl_jax.data._mine import mine_negatives
from bscl_jax.data._negatives import (
    POSITIVE,
    Negatives,
    choose_extras,
    drop_false_negatives,
    mean_extras,
)
from bscl_jax.data._overlap import check_overlap
from bscl_jax.data._pack import Shape, lay_out, pack
from bscl_jax.data._pack_all import Rows, pack_all
from bscl_jax.data._positives import KnownPositives, known_couples
from bscl_jax.data._quarantine import write_quarantine
from bscl_jax.data._ragged import Ragged, tokenize_all
from bscl_jax.data._shapes import choose_shapes
from bscl_jax.data._sides import by_side
from bscl_jax.data._table import Table, read_table
from bscl_jax.data._texts import read_texts
from bscl_jax.data._token_cache import TokenCache
from bscl_jax.data._tokens import PairTokens, Tokenizer, tokenize_pairs
from bscl_jax.data._triplets import make_triplets
from bscl_jax.data._write_pairs import check_suffix, check_texts, name_columns, write_pairs
from bscl_jax.data.tasks import TASKS, load_task

__all__ = [
    "POSITIVE",
    "TASKS",
    "DataError",
    "KnownPositives",
    "Negatives",
    "PairTokens",
    "Ragged",
    "Rows",
    "Shape",
    "Table",
    "TokenCache",
    "Tokenizer",
    "as_score",
    "as_text",
    "as_text_or_none",
    "by_side",
    "check_overlap",
    "check_suffix",
    "check_texts",
    "choose_extras",
    "choose_lengths",
    "choose_shapes",
    "content_ids",
    "drop_false_negatives",
    "hash_splits",
    "hash_texts",
    "keep_file",
    "known_couples",
    "lay_out",
    "length_batches",
    "load_task",
    "make_pair_batch",
    "make_triplets",
    "mean_extras",
    "mine_negatives",
    "name_columns",
    "normalize_text",
    "num_batches",
    "one_of",
    "pack",
    "pack_all",
    "pad",
    "read_table",
    "read_texts",
    "recall_file",
    "tokenize_all",
    "tokenize_pairs",
    "write_pairs",
    "write_quarantine",
]

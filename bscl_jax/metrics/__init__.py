"""Measures of similarities against what is right. Numbers in, numbers out."""

from bscl_jax.metrics._batches import BatchSimilarities as BatchSimilarities
from bscl_jax.metrics._batches import BatchTexts as BatchTexts
from bscl_jax.metrics._batches import batch_negatives as batch_negatives
from bscl_jax.metrics._batches import batch_texts as batch_texts
from bscl_jax.metrics._bootstrap import Bootstrapped as Bootstrapped
from bscl_jax.metrics._bootstrap import paired_bootstrap as paired_bootstrap
from bscl_jax.metrics._classification import classification as classification
from bscl_jax.metrics._correlation import correlation as correlation
from bscl_jax.metrics._intervals import Interval as Interval
from bscl_jax.metrics._intervals import PairedDifference as PairedDifference
from bscl_jax.metrics._intervals import interval as interval
from bscl_jax.metrics._intervals import paired_difference as paired_difference
from bscl_jax.metrics._ranking import ranking as ranking
from bscl_jax.metrics._ranking import ranking_by_query as ranking_by_query
from bscl_jax.metrics._ranks import ranks as ranks
from bscl_jax.metrics._resampled import Measure as Measure
from bscl_jax.metrics._resampled import resampled_classification as resampled_classification
from bscl_jax.metrics._resampled import resampled_correlation as resampled_correlation
from bscl_jax.metrics._resampled import resampled_mean as resampled_mean
from bscl_jax.metrics._retrieval import rank_measures as rank_measures
from bscl_jax.metrics._retrieval import retrieval as retrieval
from bscl_jax.metrics._retrieval import retrieval_by_query as retrieval_by_query

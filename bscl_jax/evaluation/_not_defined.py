"""Sets on which nothing can be measured, and what stands in the place of a measurement then."""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import NamedTuple

from bscl_jax import metrics
from bscl_jax.types import BinaryPairs, EvaluationSet, RankingSet, RetrievalSet

NOT_FINITE = "the model gives similarities that are not finite"


class NotDefined(NamedTuple):
    """Of a set on which the model cannot be measured.

    Attributes:
        names: the measures that the set has.
        reason: why none of them is defined.
    """

    names: Sequence[str]
    reason: str

    def measures(self) -> dict[str, float | None]:
        """Return None for each."""
        return dict.fromkeys(self.names)

    def undefined(self) -> dict[str, str]:
        """Return the reason for each."""
        return dict.fromkeys(self.names, self.reason)

    def resampled(self) -> tuple[dict[str, metrics.Measure], int]:
        """Return no function, of no rows."""
        return {}, 0


def why_not_defined(each: EvaluationSet) -> str | None:
    """Return why no model can be measured on a set; None where one can.

    Args:
        each: the set.

    Returns:
        In words: it is empty, or all that is to be told apart is the same.

    Example:
        >>> from bscl_jax.evaluation import why_not_defined
        >>> from bscl_jax.types import BinaryPairs
        >>> why_not_defined(BinaryPairs(["renew?", "fax?"], ["extend?", "copy?"], [1, 1]))
        'all labels are 1'
    """
    if isinstance(each, RetrievalSet):
        return None if len(each.queries) else "there are no queries"
    if isinstance(each, RankingSet):
        return _why_alike(list(chain.from_iterable(each.grades)), "grades", "documents")
    if isinstance(each, BinaryPairs):
        return _why_alike(each.labels, "labels", "pairs")
    if len(each.scores) == 1:
        return "there is one pair only"
    return _why_alike(each.scores, "grades", "pairs")


def _why_alike(values: Collection[float], name: str, rows: str) -> str | None:
    if len(values) == 0:
        return f"there are no {rows}"
    first, *others = set(values)
    return None if others else f"all {name} are {first:g}"

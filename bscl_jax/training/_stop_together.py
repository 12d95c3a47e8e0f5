"""One answer to ``stop()`` for all processes."""

from bscl_jax import parallel
from bscl_jax.training._signals import Stop


class StopTogether(Stop):
    """Whether a signal has asked one of several processes to stop: the same answer in all.

    They must ask equally often. What came between two questions is known to all at the one after
    them, so all stop before the same step. A single process knows it at once.

    Args:
        own: of this process, from ``signals``.
    """

    def __init__(self, own: Stop) -> None:
        self._own = own
        self._agree = parallel.make_agree()

    def __call__(self) -> bool:
        """Return True once a signal has come to one of them."""
        self.signal = self.signal or self._agree(self._own.signal or 0) or None
        return super().__call__()

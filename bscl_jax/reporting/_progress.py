"""What a person sees while the run goes on."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class TrainingProgress:
    """A bar with epoch, loss, pairs a second and time left; plain lines where there is no terminal.

    Args:
        console: where it is drawn.
        num_epochs: epochs of the whole run.
        steps_per_epoch: steps of one epoch.
        first_step: steps that an earlier start has done.
    """

    def __init__(
        self, console: Console, *, num_epochs: int, steps_per_epoch: int, first_step: int = 0
    ) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._steps_per_epoch = steps_per_epoch
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(num_epochs)),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TextColumn("{task.fields[rate]:.0f} pairs/s"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(
            "train",
            total=num_epochs * steps_per_epoch,
            completed=first_step,
            epoch=first_step // max(steps_per_epoch, 1) + 1,
            loss=float("nan"),
            rate=0.0,
        )
        self._rate = 0.0
        self._last = time.perf_counter()

    def __enter__(self) -> Self:
        """Start to draw."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away; what was said stays."""
        self._bar.stop()

    def start_clock(self) -> None:
        """Leave out of the speed what has passed since the last step (an evaluation, an order)."""
        self._last = time.perf_counter()

    def step(self, *, step: int, loss: float, pairs: int) -> None:
        """Move the bar.

        Args:
            step: steps done, 1 after the first.
            loss: of this step.
            pairs: pairs in this step.
        """
        now = time.perf_counter()
        rate = pairs / max(now - self._last, 1e-9)
        self._rate = rate if self._rate == 0 else 0.8 * self._rate + 0.2 * rate
        self._last = now
        epoch = (step - 1) // self._steps_per_epoch + 1
        self._bar.update(self._task, completed=step, epoch=epoch, loss=loss, rate=self._rate)

    def epoch(self, epoch: int, *, loss: float, measure: str, value: float, best: bool) -> None:
        """Say how an epoch went, in a line that stays.

        Args:
            epoch: 1 for the first.
            loss: mean over the epoch's steps.
            measure: name of the dev measure.
            value: what it is now.
            best: whether it is the best so far.
        """
        star = "  (best so far)" if best else ""
        self._console.print(
            f"epoch {epoch}/{self._num_epochs}  loss {loss:.4f}  {self._rate:.0f} pairs/s  "
            f"dev {measure} {value:.4f}{star}",
            highlight=False,
        )

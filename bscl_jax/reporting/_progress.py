"""What a person sees while the run goes on."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class TrainingProgress:
    """A bar with epoch, loss, pairs a second and time left; plain lines where there is no terminal.

    Args:
        console: where it is drawn.
        num_epochs: epochs of the whole run.
        steps_per_epoch: steps of one epoch.
        batch_size: pairs of one step.
        measure: the dev measure that chooses the best epoch.
        first_step: steps that an earlier start has done.
        best: the best value of the measure so far, of an earlier start.
    """

    def __init__(
        self,
        console: Console,
        *,
        num_epochs: int,
        steps_per_epoch: int,
        batch_size: int,
        measure: str,
        first_step: int = 0,
        best: float | None = None,
    ) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._steps_per_epoch = steps_per_epoch
        self._batch_size = batch_size
        self._measure = measure
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(num_epochs)),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[rate]} pairs/s"),
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
            loss="–",
            rate="–",
        )
        self._rate = 0.0
        self._best = best
        self._losses: list[float] = []
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

    def show(self, record: Mapping[str, Any]) -> None:
        """Show a record of the log: a step moves the bar, an evaluation leaves a line.

        Args:
            record: ``{"event": "step", "step", "epoch", "loss", …}``, the same with the event
                ``skip``, or ``{"event": "evaluation", "epoch", "dev": {…}}``.
        """
        if record["event"] == "step":
            self._show_step(record)
        elif record["event"] == "skip":
            where = f"step {record['step']} (epoch {record['epoch']}, batch {record['batch']})"
            self._console.print(f"{where} skipped: its loss or gradient is not finite")
        else:
            self._show_evaluation(record)
        self._last = time.perf_counter()

    def _show_step(self, record: Mapping[str, Any]) -> None:
        rate = self._batch_size / max(time.perf_counter() - self._last, 1e-9)
        self._losses.append(record["loss"])
        # The first step of an epoch waited for the order, and perhaps for the compiler.
        if len(self._losses) > 1:
            self._rate = rate if self._rate == 0 else 0.8 * self._rate + 0.2 * rate
        self._bar.update(
            self._task,
            completed=record["step"],
            epoch=record["epoch"],
            loss=f"{record['loss']:.4f}",
            rate=f"{self._rate:.0f}" if self._rate else "–",
        )

    def _show_evaluation(self, record: Mapping[str, Any]) -> None:
        value = record["dev"][self._measure]
        score = "not defined" if value is None else f"{value:.4f}"
        best = value is not None and (self._best is None or value > self._best)
        self._best = value if best else self._best
        trained = ""
        if self._losses:
            mean = sum(self._losses) / len(self._losses)
            trained = f"loss {mean:.4f}  "
            if self._rate:
                trained += f"{self._rate:.0f} pairs/s  "
        self._console.print(
            f"epoch {record['epoch']}/{self._num_epochs}  {trained}dev {self._measure} {score}"
            + ("  best so far" if best and record["epoch"] else ""),
            highlight=False,
        )
        self._losses = []

"""Many steps, evaluations and checkpoints: nothing grows, and nothing is compiled on the way."""

import gc
import os
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pytest

from bscl_jax import assemble, checkpoint, config, reporting, training

NUM_BATCHES = 11
SHORT = 220
LONG = 20_009
"""Steps; 11 an epoch."""
SAMPLES, WARM_UP = 20, 5
"""How often a run is looked at, and how often while it warms up."""
MEBIBYTE = 2**20
GROWTH = 16
"""MiB, at most, from the end of the warm-up to the end of the run: the allocators' play."""
LEFT_BEHIND = 0.15
"""MiB, at most, that a save may add to that. Writing and reading 100 arrays in TensorStore's format
leaves some 0.1 behind in its compiled code, whoever calls it."""

POOLS = 8
"""Threads that pools of jax and Orbax may still add; they start one where all others are busy."""

compiled: list[str] = []
"""Programs that jax has lowered for its compiler; a listener cannot be taken away."""


@jax.monitoring.register_event_duration_secs_listener
def _listen(event: str, *_: Any, **__: Any) -> None:
    if event.endswith("jaxpr_to_mlir_module_duration"):
        compiled.append(event)


class Sample(NamedTuple):
    """What a process has, at the end of an epoch."""

    step: int
    mebibytes: float
    saves: int
    descriptors: int
    threads: int
    programs: int

    @classmethod
    def take(cls, step: int, saves: int) -> "Sample":
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            step,
            pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE,
            saves,
            len([*Path("/proc/self/fd").iterdir()]),
            len([*Path("/proc/self/task").iterdir()]),
            len(compiled),
        )


@pytest.mark.parametrize("num_steps", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)])
def test_a_long_run_holds_no_more_memory_descriptors_and_threads_and_compiles_nothing_anew(
    num_steps: int, tiny_config: Path, tmp_path: Path
) -> None:
    sizes = [f"training.epochs={num_steps // NUM_BATCHES}", "training.batch_size=2"]
    settings = config.load(tiny_config, sizes)
    road = assemble.lay_road(settings)
    log = reporting.MetricsLog(tmp_path / "metrics.jsonl")
    samples: list[Sample] = []
    saves = 0
    every = settings.training.epochs // SAMPLES

    def progress(record: dict[str, Any]) -> None:
        if record["event"] == "evaluation" and record["epoch"] % every == 0:
            checkpoints.wait()  # a save has threads of its own
            samples.append(Sample.take(record["step"], saves))

    def save(*arguments: Any) -> None:
        nonlocal saves
        saves += 1
        checkpoints.save(*arguments)

    with (
        checkpoint.Checkpoints(tmp_path / "checkpoints") as checkpoints,
        training.signals() as stop,
    ):
        outcome = training.train(
            road.state,
            road.step,
            key=jax.random.key(settings.run.seed),
            num_epochs=settings.training.epochs,
            num_batches=road.num_batches,
            order=road.order,
            batch=road.batch,
            evaluate=lambda params: road.evaluate(params, road.task.dev),
            measure=settings.evaluation.measure,
            save=save,
            save_every=50,
            log=log.write,
            progress=progress,
            stop=lambda: (checkpoints.check(), stop())[1],
        )
    assert int(outcome.state.step) == num_steps
    print(*samples, sep="\n")
    before, after = samples[:WARM_UP], samples[WARM_UP:]
    assert after[-1].programs == before[-1].programs
    assert max(it.descriptors for it in after) <= max(it.descriptors for it in before)
    assert after[-1].threads - before[-1].threads <= POOLS
    allowed = GROWTH + LEFT_BEHIND * (after[-1].saves - before[-1].saves)
    assert after[-1].mebibytes - before[-1].mebibytes < allowed

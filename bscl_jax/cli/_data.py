"""What is to be known of the data of a run: what was left out of it, what its splits share."""

from collections.abc import Iterator, Sequence

from bscl_jax import assemble, data
from bscl_jax import config as configs
from bscl_jax.cli._folder import RunFolder, read_extras
from bscl_jax.types import Pairs, RetrievalSet, Task


def count_data(task: Task) -> dict[str, int]:
    """Count rows, what was left out of them, and what stands in two splits, for the results."""
    overlap = data.check_overlap(task)
    return {**task.counts, **{f"{splits}_in_both": count for splits, count in overlap.items()}}


def begun_extras(folder: RunFolder) -> assemble.Extras | None:
    """Return the extra candidates of a batch with which the run in a folder has begun, if any."""
    noted = read_extras(folder)
    return None if noted is None else assemble.Extras(**noted)


def name_rows(config: configs.Config) -> str:
    """Say what a run makes of its training pairs."""
    losses = [stage.loss for stage in configs.list_stages(config)]
    return "triplets" if any(map(assemble.takes_triplets, losses)) else "pairs"


def describe_data(config: configs.Config, task: Task, *, rows: str = "pairs") -> list[str]:
    """Return lines on the data, warnings among them; ``rows`` are what the task trains on."""
    counts = task.counts
    losses = [stage.loss for stage in configs.list_stages(config)]
    lines = [f"data     {config.data.kind}, {len(task.train.queries)} training {rows}"]
    if "train/negatives" in counts:
        dropped = counts["train/negatives_that_are_positives"]
        lines.append(
            f"         {counts['train/negatives']} hard negatives; {dropped} more are known "
            "positives of their query and were left out"
        )
        if not any(map(assemble.takes_negatives, losses)):
            kinds = " and ".join(dict.fromkeys(loss.kind for loss in losses))
            lines.append(f"warning: the loss {kinds} has no use for hard negatives")
    for part in ("train", "dev", "test", "corpus"):
        if rejected := counts.get(f"{part}/rows_rejected"):
            total = counts[f"{part}/rows"] + rejected
            lines.append(f"warning: {part}: {rejected} of {total} rows were passed over")
        if without := counts.get(f"{part}/queries_without_positive"):
            lines.append(f"warning: {part}: {without} queries have no positive document")
    lines += [*_warn_of_labels(losses, task.train), *_warn_of_sets(task)]
    for name, count in data.check_overlap(task).items():
        splits, _, what = name.rpartition("/")
        if count and what != "targets":
            lines.append(f"warning: {count} {what} stand in both of {splits}; scores flatter")
    return lines


def _warn_of_labels(losses: Sequence[configs.Loss], pairs: Pairs) -> Iterator[str]:
    alike = pairs.scores is None or len(set(pairs.scores)) < 2
    if alike and any(isinstance(loss, configs.CosineMseLoss) for loss in losses):
        yield (
            "warning: all training labels are the same: cosine_mse draws all texts together; "
            "batch_softmax is for pairs without labels"
        )


def _warn_of_sets(task: Task) -> Iterator[str]:
    for split, sets in (("dev", task.dev), ("test", task.test)):
        for name, each in sets.items():
            listed = isinstance(each, RetrievalSet)
            if listed and min(map(len, each.relevant), default=0) == len(each.corpus):
                yield (
                    f"warning: {split}/{name}: every text answers every query, so any model scores "
                    "1; give rows with other targets"
                )


def keep_quarantine(folder: RunFolder, config: configs.Config, task: Task) -> None:
    """Write the rows that were passed over to the run folder, if that was asked for."""
    if getattr(config.data, "on_error", None) == "quarantine":
        data.write_quarantine(folder.quarantine, task.rejected)

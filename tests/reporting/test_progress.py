import io

from rich.console import Console

from bscl_jax.reporting import TrainingProgress


def shown(*, terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120, color_system=None)
    with TrainingProgress(console, num_epochs=2, steps_per_epoch=3) as progress:
        for step in (1, 2, 3):
            progress.step(step=step, loss=0.25, pairs=32)
        progress.epoch(1, loss=0.25, measure="unseen/mrr", value=0.75, best=True)
    return file.getvalue()


def test_the_bar_shows_epoch_loss_speed_and_time_left() -> None:
    text = shown(terminal=True)
    assert "epoch 1/2" in text
    assert "3/6" in text
    assert "loss 0.2500" in text
    assert "pairs/s" in text
    assert "left" in text


def test_where_there_is_no_terminal_only_the_epoch_lines_are_printed() -> None:
    (line,) = shown(terminal=False).splitlines()
    assert line.startswith("epoch 1/2  loss 0.2500")
    assert line.endswith("dev unseen/mrr 0.7500  (best so far)")

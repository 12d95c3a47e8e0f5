import io

from rich.console import Console

from bscl_jax.reporting import TrainingProgress


def shown(*, terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120, color_system=None)
    with TrainingProgress(
        console, num_epochs=2, steps_per_epoch=3, batch_size=32, measure="unseen/mrr"
    ) as progress:
        progress.show({"event": "evaluation", "epoch": 0, "dev": {"unseen/mrr": 0.5}})
        for step in (1, 2, 3):
            progress.show({"event": "step", "step": step, "epoch": 1, "loss": 0.25 * step})
        progress.show({"event": "evaluation", "epoch": 1, "dev": {"unseen/mrr": 0.75}})
        progress.show({"event": "evaluation", "epoch": 2, "dev": {"unseen/mrr": None}})
    return file.getvalue()


def test_the_bar_shows_epoch_loss_speed_and_time_left() -> None:
    text = shown(terminal=True)
    assert "epoch 1/2" in text
    assert "3/6" in text
    assert "loss 0.7500" in text
    assert "pairs/s" in text
    assert "left" in text


def test_where_there_is_no_terminal_only_the_epoch_lines_are_printed() -> None:
    before, first, second = shown(terminal=False).splitlines()
    assert before == "epoch 0/2  dev unseen/mrr 0.5000"
    assert first.startswith("epoch 1/2  loss 0.5000")
    assert first.endswith("dev unseen/mrr 0.7500  best so far")
    assert second == "epoch 2/2  dev unseen/mrr not defined"


def test_an_epoch_of_one_step_has_no_speed() -> None:
    file = io.StringIO()
    with TrainingProgress(
        Console(file=file, width=120), num_epochs=1, steps_per_epoch=1, batch_size=8, measure="a/b"
    ) as progress:
        progress.show({"event": "step", "step": 1, "epoch": 1, "loss": 0.25})
        progress.show({"event": "evaluation", "epoch": 1, "dev": {"a/b": 0.75}})
    assert file.getvalue() == "epoch 1/1  loss 0.2500  dev a/b 0.7500  best so far\n"

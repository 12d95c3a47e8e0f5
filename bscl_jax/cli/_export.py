"""``bscl-jax export``: a run, or any model, as a folder or a program for others."""

from pathlib import Path
from typing import NamedTuple

from bscl_jax import export
from bscl_jax.cli._exportable import Epoch, Exportable, from_model, from_run
from bscl_jax.cli._folder import RunError, RunFolder
from bscl_jax.cli._say import PatientConsole, say


class Wanted(NamedTuple):
    """What is exported, and how.

    Attributes:
        source: a run folder, or a model: a folder or a name.
        output: the folder or file to write.
        format: ``"sentence_transformers"`` or ``"stablehlo"``.
        epoch: of a run; None takes the best.
        normalize: whether the program scales vectors to length 1; None does.
        platforms: what the program can run on; None takes those of ``export.stablehlo``.
    """

    source: str
    output: str
    format: str
    epoch: Epoch | None
    normalize: bool | None
    platforms: list[str] | None


def export_model(wanted: Wanted) -> int:
    """Export a model.

    Args:
        wanted: which one, and how.

    Returns:
        The exit status.

    Raises:
        RunError: what the user can put right. Nothing is written then.
    """
    console = PatientConsole(highlight=False)
    try:
        check(wanted)
        with console.status("loading"):
            model = find(wanted)
        say(console, f"model    {model.what}")
        with console.status("exporting"):
            write(wanted, model)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
    say(console, f"written  {wanted.output}")
    return 0


def check(wanted: Wanted) -> None:
    """Refuse arguments that cannot be right, before anything is read.

    Raises:
        RunError: with what to do instead.
    """
    if Path(wanted.output).exists():
        raise RunError(f"--output {wanted.output} exists; name another, or remove it")
    for option in ("normalize", "platforms"):
        if wanted.format != "stablehlo" and getattr(wanted, option) is not None:
            raise RunError(f"--{option} belongs to --format stablehlo, which was not asked for")


def find(wanted: Wanted) -> Exportable:
    """Restore the epoch of a run, or load the model.

    Raises:
        RunError: it is neither, or the run has no such checkpoint.
    """
    folder = RunFolder(Path(wanted.source))
    if folder.state() != "new":
        return from_run(folder, wanted.epoch or "best")
    if folder.holds_runs():
        raise RunError(f"{folder.path} holds the runs of several seeds; name the folder of one")
    if wanted.epoch is not None:
        raise RunError(f"--epoch belongs to a run folder, which {wanted.source} is not")
    return from_model(wanted.source)


def write(wanted: Wanted, model: Exportable) -> None:
    """Write the folder or the program."""
    if wanted.format == "sentence_transformers":
        model.write_folder(Path(wanted.output))
        return
    if model.half:
        raise RunError(
            f"{wanted.source} has an encoder for queries and one for documents, a program holds "
            "one; export it as a folder first, and then the query/ or document/ in that"
        )
    options = {"normalize": wanted.normalize, "platforms": wanted.platforms}
    given = {name: value for name, value in options.items() if value is not None}
    export.stablehlo(wanted.output, model.encoder, model.params, **given)

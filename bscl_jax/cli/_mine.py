"""``bscl-jax mine``: hard negatives for the training pairs of a config, written to a file."""

import dataclasses
import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from bscl_jax import assemble, data, evaluation
from bscl_jax import config as configs
from bscl_jax.cli._data import describe_data
from bscl_jax.cli._evaluate import load_embed, read_config, with_model
from bscl_jax.cli._folder import RunError
from bscl_jax.cli._output import check_writable
from bscl_jax.cli._say import PatientConsole, say
from bscl_jax.types import Pairs, RetrievalSet, Task


class Search(NamedTuple):
    """What is searched, as ``data.mine_negatives`` has it.

    Attributes:
        candidates: ``"targets"``, those of the training pairs, or ``"corpus"``, also the texts
            that the dev queries are answered from.
        num_negatives: most negatives of a pair.
        ranks: first and last rank.
        margin: least difference of cosines to the pair's target; None asks for none.
        guide: a second model, a folder or a name; None asks none.
    """

    candidates: str
    num_negatives: int
    ranks: tuple[int, int]
    margin: float | None
    guide: str | None


def mine(
    config_path: str, *, overrides: Sequence[str], model: str | None, search: Search, output: str
) -> int:
    """Search hard negatives and write the training pairs with them.

    Args:
        config_path: the config, of which data and encoder count.
        overrides: ``section.key=value`` texts that win over the config.
        model: a folder or a name that wins over ``encoder.name``.
        search: what is searched.
        output: the file, ``.jsonl`` or ``.tsv``.

    Returns:
        The exit status.

    Raises:
        RunError: what the user can put right.
    """
    console = PatientConsole(highlight=False)
    try:
        config = read_config(config_path, None, overrides, model)
        check_output(output, config)
        with assemble.named("data"):
            task = data.load_task(config.data.kind, **assemble.options(config.data))
        corpus = find_corpus(task) if search.candidates == "corpus" else []
        check_content(output, config, task, corpus, search.num_negatives)
        mined = find_negatives(config, task, search, corpus, console)
        columns = write(output, mined, config)
    except (ValueError, OSError) as error:
        raise RunError(str(error)) from error
    counts = [len(each) for each in mined.negatives or ()]
    none = f"{counts.count(0)} of {len(counts)} pairs have none"
    say(console, f"mined    {sum(counts)} negatives; {none}")
    say(console, f"file     {output}, as data.train of a config with")
    say(console, f"columns  {json.dumps(columns, ensure_ascii=False)}")
    return 0


def check_output(output: str, config: configs.Config) -> None:
    """Refuse a file that cannot be written, or that holds the data, before anything is searched.

    Raises:
        RunError: it is a folder, or a file that the config reads, or nothing can be written there.
        DataError: it has another suffix.
    """
    data.check_suffix(output)
    for part in ("train", "dev", "test", "corpus"):
        path = getattr(config.data, part, None)
        if path is not None and Path(path).resolve() == Path(output).resolve():
            raise RunError(f"--output {output} is data.{part} of the config; name another file")
    read = getattr(config.data, "path", None)
    if read is not None and Path(read).resolve() in Path(output).resolve().parents:
        raise RunError(f"--output {output} lies in data.path of the config; name a file elsewhere")
    check_writable(output)


def check_content(
    output: str, config: configs.Config, task: Task, corpus: Sequence[str], num_negatives: int
) -> None:
    """Refuse what the file could not hold, before anything is searched.

    Raises:
        DataError: a text, or two columns of one name.
    """
    data.check_texts(output, chain(task.train.queries, task.train.targets, corpus))
    labelled = task.train.scores is not None
    data.name_columns(kept_columns(config), labelled=labelled, num_negatives=num_negatives)


def kept_columns(config: configs.Config) -> dict[str, str]:
    """Return the columns of the data, by parts, that a config with the file in its place keeps."""
    columns: dict[str, str] = getattr(config.data, "columns", {})
    names_files = hasattr(config.data, "train")
    return {
        part: name
        for part, name in columns.items()
        if not part.startswith("negative") and (names_files or part in ("query", "target", "label"))
    }


def find_negatives(
    config: configs.Config, task: Task, search: Search, corpus: Sequence[str], console: Console
) -> Pairs:
    """Load the models, say what is searched, and search."""
    source, embed = load_embed(config, task)
    guide = load_guide(config, task, search.guide)
    say(console, f"model    {source}")
    for line in describe_data(config, task):
        say(console, line)
    with console.status("searching"):
        return data.mine_negatives(
            task.train,
            embed,
            num_negatives=search.num_negatives,
            ranks=search.ranks,
            margin=search.margin,
            guide=guide,
            corpus=corpus,
        )


def find_corpus(task: Task) -> list[str]:
    """Return the texts that the dev queries are answered from.

    Raises:
        RunError: there are no such queries.
    """
    corpora = [each.corpus for each in task.dev.values() if isinstance(each, RetrievalSet)]
    if not corpora:
        raise RunError(
            "--candidates corpus needs data whose dev queries are answered from a corpus, such as "
            "the kind retrieval; leave it out to search the training targets"
        )
    return [text for corpus in corpora for text in corpus]


def load_guide(
    config: configs.Config, task: Task, name: str | None
) -> evaluation.Embed | tuple[evaluation.Embed, evaluation.Embed] | None:
    """Load the model that has to agree, if there is one."""
    if name is None:
        return None
    section = configs.PretrainedEncoder(kind="pretrained", name=name)
    plain = dataclasses.replace(config, encoder=section, target_encoder=None)
    return load_embed(with_model(plain, name), task)[1]


def write(output: str, mined: Pairs, config: configs.Config) -> dict[str, str]:
    """Write the pairs as the config's own files are: the same columns, the same scale.

    Returns:
        ``data.columns`` for a config that trains on the file.

    Raises:
        RunError: there is not one negative.
    """
    if not any(mined.negatives or ()):
        raise RunError(
            "no text passed as a negative of any pair; ask for a smaller --margin, other --ranks "
            "or another --guide"
        )
    kept = kept_columns(config)
    scale = getattr(config.data, "label_range", (0.0, 1.0))
    return kept | data.write_pairs(output, mined, columns=kept, label_range=scale)

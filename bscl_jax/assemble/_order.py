"""The order of an epoch, by the shuffler that a config names."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from bscl_jax import config as configs
from bscl_jax import data, evaluation, shuffling
from bscl_jax.assemble._fits import named, options
from bscl_jax.assemble._stages import Stage, list_stages, stage_of
from bscl_jax.assemble._towers import Embed, Embeds
from bscl_jax.types import Pairs, Params

Order = Callable[[Params, int], np.ndarray]

PAIRS_A_CLUSTER = 50
TRANSLATED = (
    *("side", "filter_duplicates", "distance", "embeddings", "dtype", "from_epoch"),
    *("stop_words", "num_clusters"),
)
"""Fields that no shuffler has as a keyword, or not in this form."""


def make_order(
    config: configs.Config,
    pairs: Pairs,
    embeds: Embeds,
    initial: Params | None = None,
    *,
    embeds_in: Callable[[str], Embeds] | None = None,
) -> Order:
    """Make ``order(params, epoch)``, by the shuffler of the epoch's stage.

    Args:
        config: the run.
        pairs: what is put into an order.
        embeds: ``(params, texts) -> embeddings`` of either side.
        initial: the parameters before training, for orders by the embeddings of these.
        embeds_in: ``dtype -> embeds``, the same computed in this type, where a section names one.
    """
    stages = list_stages(config)

    def order_of(section: configs.Shuffling) -> Order:
        dtype = getattr(section, "dtype", None)
        own = embeds if dtype is None or embeds_in is None else embeds_in(dtype)
        return make_stage_order(section, config.run.seed, pairs, own, initial)

    orders = [order_of(stage.section.shuffling) for stage in stages]
    return lambda params, epoch: orders[stages.index(stage_of(stages, epoch))](params, epoch)


def make_stage_order(
    section: configs.Shuffling, seed: int, pairs: Pairs, embeds: Embeds, initial: Params | None
) -> Order:
    """Make the order of the epochs of one stage."""
    n = len(pairs.queries)
    match section:
        case configs.FileOrder():
            return lambda params, epoch: np.arange(n)
        case configs.SavedOrder():
            return lambda params, epoch: read_order(section, n, epoch)
        case configs.RandomShuffling():
            return lambda params, epoch: shuffling.random(n, seed=(seed, epoch))
    texts, embed = getattr(pairs, section.side), getattr(embeds, section.side)
    shuffle = make_shuffle(section, texts, make_vectors(section, texts, embed, initial))

    def order(params: Params, epoch: int) -> np.ndarray:
        if epoch < section.from_epoch:
            return np.arange(n)
        return shuffle(params, (seed, epoch))

    return order


def make_shuffle(
    section: configs.Shuffling, texts: Sequence[str], vectors: Callable[[Params], np.ndarray]
) -> Callable[[Params, tuple[int, int]], np.ndarray]:
    """Make ``shuffle(params, seed)`` of a section that looks at texts. A new one is a case here."""
    keywords = {name: value for name, value in options(section).items() if name not in TRANSLATED}
    match section:
        case configs.ByExampleShuffling():
            told_apart = section.filter_duplicates or section.count == "texts"
            ids = data.content_ids(texts) if told_apart else None
            return lambda params, seed: shuffling.by_example(
                vectors(params), seed=seed, text_ids=ids, **keywords
            )
        case configs.ByClusterShuffling():
            clusters = section.num_clusters or max(1, len(texts) // PAIRS_A_CLUSTER)
            return lambda params, seed: shuffling.by_cluster(
                vectors(params), seed=seed, num_clusters=clusters, **keywords
            )
        case configs.ByNeighborShuffling():
            return lambda params, seed: shuffling.by_neighbor(
                vectors(params), seed=seed, **keywords
            )
        case configs.ByShingleShuffling():
            if section.stop_words == "none":
                keywords |= {"stop_words": ()}
            return lambda params, seed: shuffling.by_shingle(texts, seed=seed, **keywords)
    raise TypeError(f"{type(section).__name__} looks at no texts")


def make_vectors(
    section: configs.Shuffling, texts: Sequence[str], embed: Embed, initial: Params | None
) -> Callable[[Params], np.ndarray]:
    """Make ``vectors(params)``, computed once where the parameters do not matter.

    They are unit rows, unless the section asks for the distance of the embeddings as they are. A
    text that comes several times is embedded once.
    """
    kept: list[np.ndarray] = []
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    places = np.array([numbers[text] for text in texts])
    raw = getattr(section, "distance", "cosine") == "euclidean"

    def embedded(params: Params | None) -> np.ndarray:
        rows = embed(params, list(numbers))
        return (rows if raw else evaluation.unit_rows(rows))[places]

    def vectors(params: Params) -> np.ndarray:
        match getattr(section, "embeddings", None):
            case "current":
                return embedded(params)
            case "initial" if not kept:
                kept.append(embedded(initial))
            case "tfidf" if not kept:
                kept.append(shuffling.tfidf(texts))
        return kept[0]

    return vectors


def read_order(section: configs.SavedOrder, n: int, epoch: int) -> np.ndarray:
    """Read the order of an epoch, from the one file or from the epoch's own in a folder."""
    path = Path(section.path)
    return shuffling.read_order(shuffling.epoch_path(path, epoch) if path.is_dir() else path, n=n)


def hash_orders(config: configs.Config, n: int) -> dict[str, str]:
    """Hash the orders that a run reads from files, under ``orders``; none if it makes its own."""
    saved = [order.tobytes() for stage in list_stages(config) for order in saved_orders(stage, n)]
    return {"orders": sha256(b"".join(saved)).hexdigest()} if saved else {}


def saved_orders(stage: Stage, n: int) -> list[np.ndarray]:
    """Read the orders of a stage that lie in files, one that serves every epoch once."""
    section = stage.section.shuffling
    if not isinstance(section, configs.SavedOrder):
        return []
    epochs = stage.epochs if Path(section.path).is_dir() else stage.epochs[:1]
    return [read_order(section, n, epoch) for epoch in epochs]


def check_order(config: configs.Config, n: int) -> None:
    """Refuse an order that cannot be made, for every epoch, before anything is trained.

    Raises:
        FileNotFoundError: a saved order is not there.
        ValueError: it is no order of ``n`` rows, settings do not fit each other, or faiss is asked
            for and not installed.
    """
    for stage in list_stages(config):
        with named(f"{stage.place}shuffling"):
            check_stage_order(stage, n)


def check_stage_order(stage: Stage, n: int) -> None:
    """Refuse the order of a stage; see ``check_order``."""
    section = stage.section.shuffling
    saved_orders(stage, n)
    shuffling.check_search(getattr(section, "search", "auto"))
    if getattr(section, "count", "rows") == "texts" and getattr(section, "filter_duplicates", True):
        raise ValueError(
            "count: texts needs filter_duplicates: false; else a group's texts are all different"
        )

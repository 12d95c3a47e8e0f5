"""A folder of two encoders, for queries and for documents: the Router of sentence-transformers."""

from pathlib import Path

from bscl_jax.encoders._encoder import Encoder
from bscl_jax.encoders._json import write_json
from bscl_jax.encoders._modules import CLASSES, read_modules, write_modules
from bscl_jax.encoders._prompts import write_prompts
from bscl_jax.encoders._routes import ROUTER_FILE, ROUTES
from bscl_jax.encoders._save import check_new, save
from bscl_jax.types import Params


def save_router(
    folder: str | Path, queries: tuple[Encoder, Params], documents: tuple[Encoder, Params]
) -> None:
    """Write two encoders as one model, whose ``encode_query`` and ``encode_document`` differ.

    ``query`` and ``document`` in the folder are complete models, as ``save`` writes and ``load``
    reads them; the files beside them make one of the two for sentence-transformers from version 5
    on, whose ``encode`` without a task is that of documents.

    Args:
        folder: new or empty folder; its parents are made.
        queries: an encoder and its parameters.
        documents: those of the other tower, whose embeddings have as many features.

    Raises:
        FileExistsError: when the folder holds something already.
        ValueError: when the numbers of features differ, or parameters do not fit their encoder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from bscl_jax import encoders
        >>> folder = Path(tempfile.mkdtemp())
        >>> one, other = (encoders.random(["renew a book"], seed=seed) for seed in (0, 1))
        >>> encoders.save_router(folder, one, other)
        >>> encoders.load(folder / "query")[0].dimension
        32
    """
    folder = Path(folder)
    (of_queries, _), (of_documents, _) = queries, documents
    if of_queries.dimension != of_documents.dimension:
        raise ValueError(
            f"embeddings of both towers must have as many features, had {of_queries.dimension} and "
            f"{of_documents.dimension}; see add_projection"
        )
    check_new(folder)
    for route, (encoder, params) in zip(ROUTES, (queries, documents), strict=True):
        save(folder / route, encoder, params)
    structure = {
        route: {
            module.folder.relative_to(folder).as_posix(): CLASSES + module.name
            for module in read_modules(folder / route)
        }
        for route in ROUTES
    }
    facts = {
        "types": {place: name for modules in structure.values() for place, name in modules.items()},
        "structure": {route: list(modules) for route, modules in structure.items()},
        "parameters": {"default_route": ROUTES[1], "allow_empty_key": True},
    }
    write_json(folder / ROUTER_FILE, facts)
    write_modules(folder, ["Router"])
    prompts = of_queries.prompts.having(document=of_documents.prompts.find_document())
    write_prompts(folder, prompts, of_queries.similarity)

"""Where the two encoders of a folder that ``save_router`` wrote lie."""

from pathlib import Path

from bscl_jax.encoders._modules import MODULES_FILE

ROUTER_FILE = "router_config.json"
ROUTES = ("query", "document")


def find_routes(folder: str | Path) -> tuple[Path, Path] | None:
    """Find the encoder of queries and that of documents in a folder.

    Args:
        folder: a folder, or any other name of a model.

    Returns:
        Their folders; None where it is not such a folder as ``save_router`` writes.

    Example:
        >>> from bscl_jax import encoders
        >>> encoders.find_routes("all-MiniLM-L6-v2") is None
        True
    """
    query, document = (Path(folder) / route for route in ROUTES)
    wanted = (Path(folder) / ROUTER_FILE, query / MODULES_FILE, document / MODULES_FILE)
    return (query, document) if all(path.is_file() for path in wanted) else None

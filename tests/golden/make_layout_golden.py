"""Write the reference numbers of the folder layouts: what sentence-transformers makes of them.

Needs what the package itself must not have: sentence-transformers 6.2 with torch. Run it in an
environment of its own, from the root of the repository:

    python -m tests.golden.make_layout_golden

It writes ``layouts.npz`` beside this script: for each folder of ``layout_folders.py`` the vectors
of its texts without a word about prompts, with the prompt named ``query``, with a prompt of one's
own and with the empty one, and the similarities of the first.
"""

import tempfile
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from tests.golden.layout_folders import TEXTS, VARIANTS, write_folder

HERE = Path(__file__).parent


def main() -> None:
    """Encode the texts with every variant."""
    numbers: dict[str, np.ndarray] = {}
    for variant in VARIANTS:
        folder = Path(tempfile.mkdtemp()) / variant
        write_folder(folder, variant)
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        numbers[f"{variant}/plain"] = plain = model.encode(TEXTS)
        numbers[f"{variant}/named"] = model.encode(TEXTS, prompt_name="query")
        numbers[f"{variant}/given"] = model.encode(TEXTS, prompt="renew the ")
        numbers[f"{variant}/empty"] = model.encode(TEXTS, prompt="")
        numbers[f"{variant}/similarity"] = model.similarity(plain, plain).numpy()
    np.savez_compressed(HERE / "layouts.npz", **numbers)


if __name__ == "__main__":
    main()

"""Write what sentence-transformers makes of exports of small models, and what it loaded.

Needs the package and, in an environment of its own, sentence-transformers 6.2 with torch, whose
Python is named. Run it from the root of the repository:

    BSCL_JAX_TORCH_PYTHON=/path/to/python python -m tests.golden.make_export_golden

It writes ``export.npz`` beside this script: for each model of ``exported.py`` the vectors of the
texts and, as JSON, what of the exported files decides them. It is to be written anew only where an
export is meant to change, as another version of sentence-transformers may load what it could not.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from bscl_jax import SentenceEncoder
from tests.golden.exported import TEXTS, WRITERS, describe, export_model

HERE = Path(__file__).parent
ENCODE = """
import json, sys
import numpy as np
from sentence_transformers import SentenceTransformer
load = lambda folder: SentenceTransformer(folder, device="cpu", local_files_only=True)
texts, names = json.loads(sys.argv[1]), sys.argv[2:]
np.savez("vectors.npz", **{name: load(name).encode(texts) for name in names})
"""


def main() -> None:
    """Export every model, let sentence-transformers encode the texts, and compare with ours."""
    folder = Path(tempfile.mkdtemp())
    for name in WRITERS:
        export_model(folder / name, name)
    command = [os.environ["BSCL_JAX_TORCH_PYTHON"], "-c", ENCODE, json.dumps(TEXTS), *WRITERS]
    subprocess.run(command, cwd=folder, check=True)
    numbers: dict[str, np.ndarray] = {}
    for name, theirs in np.load(folder / "vectors.npz").items():
        ours = SentenceEncoder.load(folder / name).encode(TEXTS)
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        print(f"{name}: lowest cosine with ours {((ours * theirs).sum(axis=1) / norms).min():.9f}")
        numbers[f"{name}/vectors"] = theirs
        numbers[f"{name}/files"] = np.array(json.dumps(describe(folder / name)))
    np.savez_compressed(HERE / "export.npz", **numbers)


if __name__ == "__main__":
    main()

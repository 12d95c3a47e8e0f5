"""Write the reference numbers of the quantized embeddings, ``quantized.npz``.

Needs what the package itself must not have: sentence-transformers. Run it in an environment of its
own:

    python tests/golden/make_quantize_golden.py
"""

from pathlib import Path

import numpy as np
from sentence_transformers.util.quantization import quantize_embeddings

ROWS, FEATURES, CALIBRATING = 40, 19, 110
PRECISIONS = ("int8", "uint8", "binary", "ubinary")


def main() -> None:
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=(ROWS, FEATURES)).astype(np.float32)
    calibration = generator.normal(size=(CALIBRATING, FEATURES)).astype(np.float32)
    embeddings[:, 3], calibration[:, 3] = 0.25, 0.25  # a feature that says nothing
    embeddings[7] = 0
    found = {"embeddings": embeddings, "calibration": calibration}
    for precision in PRECISIONS:
        found[precision] = quantize_embeddings(embeddings, precision)
        found[f"{precision}/calibrated"] = quantize_embeddings(
            embeddings, precision, calibration_embeddings=calibration
        )
    np.savez_compressed(Path(__file__).parent / "quantized.npz", **found)


if __name__ == "__main__":
    main()

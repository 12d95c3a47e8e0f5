"""Train a sentence encoder: ``python run.py --config configs/quickstart.yaml``."""

import sys

from bscl_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))

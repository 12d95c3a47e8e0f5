"""An exported model as ONNX, by way of sentence-transformers and PyTorch, which must be installed.

pip install torch sentence-transformers onnx onnxscript onnxruntime
python examples/to_onnx.py runs/quickstart/model quickstart.onnx
"""

import sys

import onnxruntime
import torch
from sentence_transformers import SentenceTransformer

TEXTS = ["may I renew a book twice?", "closed"]


class Embed(torch.nn.Module):
    """All modules of the model, from token ids to embeddings."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Embeds texts, (b, s) to (b, d)."""
        return self.model({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]


def main(folder: str, path: str) -> None:
    model = SentenceTransformer(folder, device="cpu").eval()
    tokens = model.tokenize(TEXTS)
    shape = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    torch.onnx.export(
        Embed(model),
        (tokens["input_ids"], tokens["attention_mask"]),
        path,
        input_names=["ids", "mask"],
        output_names=["embeddings"],
        dynamic_shapes={"ids": shape, "mask": shape},
        dynamo=True,
    )
    session = onnxruntime.InferenceSession(path)
    for texts in (TEXTS, TEXTS[:1]):
        tokens = model.tokenize(texts)
        inputs = {"ids": tokens["input_ids"].numpy(), "mask": tokens["attention_mask"].numpy()}
        (embeddings,) = session.run(None, inputs)
        error = abs(embeddings - model.encode(texts)).max()
        print(f"{len(texts)} texts: differs from sentence-transformers by {error:.1e} at most")


if __name__ == "__main__":
    main(*sys.argv[1:])

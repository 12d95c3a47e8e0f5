"""How to load a model, as the card that goes with it says."""

OURS = """\
```python
from bscl_jax import SentenceEncoder

model = SentenceEncoder.load("path/to/this/folder")
vectors = model.encode(["a text", "another text"])
```
"""
THEIRS = """\
or, with sentence-transformers,

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
vectors = model.encode(["a text", "another text"])
```
"""
TWO = """\
This model has an encoder for queries and one for documents, each a complete model in a folder of
its own:

```python
from bscl_jax import SentenceEncoder

queries = SentenceEncoder.load("path/to/this/folder/query").encode(["a query"])
documents = SentenceEncoder.load("path/to/this/folder/document").encode(["a document"])
```
"""
PROMPTED = """\
This model was trained with a prompt before every query and another before every document, which
these put there:

```python
from bscl_jax import SentenceEncoder

model = SentenceEncoder.load("path/to/this/folder")
queries = model.encode_query(["a query"])
documents = model.encode_document(["a document"])
```
"""
THEIRS_BY_SIDE = """\
or, with sentence-transformers from version 5 on,

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
queries = model.encode_query(["a query"])
documents = model.encode_document(["a document"])
```
"""
THRESHOLD_OF_TWO = """\
A query and a document count as alike from the cosine {threshold:.6f} on.
"""
THRESHOLD = """\
Two texts count as alike from the cosine {threshold:.6f} on, either way:

```python
alike = model.similarity(vectors[:1], vectors[1:]) >= {threshold:.6f}
```
"""
PLAIN = """\
or, with transformers alone,

```python
import torch
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
model = AutoModel.from_pretrained("path/to/this/folder").eval()
tokens = tokenizer(["a text", "another text"], padding=True, truncation=True, return_tensors="pt")
with torch.no_grad():
    hidden = model(**tokens).last_hidden_state
{pool}
vectors = torch.nn.functional.normalize(vectors, dim=1)
```
"""
POOL = {
    "mean": 'mask = tokens["attention_mask"].unsqueeze(-1)\n'
    "vectors = (hidden * mask).sum(dim=1) / mask.sum(dim=1)",
    "cls": "vectors = hidden[:, 0]",
}


def usage(
    *,
    threshold: float | None,
    pooling: str | None,
    two_encoders: bool = False,
    prompted: bool = False,
) -> str:
    """Return how to load a model and use its vectors, as Markdown.

    Args:
        threshold: cosine from which a pair counts as alike; None leaves this out.
        pooling: ``"mean"`` or ``"cls"`` where that is all that follows the transformer; None leaves
            out how to do without sentence-transformers.
        two_encoders: whether queries and documents have an encoder each.
        prompted: whether they have a prompt each.
    """
    if two_encoders or prompted:
        of_two = [] if threshold is None else [THRESHOLD_OF_TWO.format(threshold=threshold)]
        return "\n".join([TWO if two_encoders else PROMPTED, THEIRS_BY_SIDE, *of_two])
    parts = [OURS, THEIRS]
    if pooling is not None:
        parts.append(PLAIN.format(pool=POOL[pooling]))
    if threshold is not None:
        parts.insert(2, THRESHOLD.format(threshold=threshold))
    return "\n".join(parts)

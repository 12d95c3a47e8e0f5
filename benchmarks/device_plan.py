"""What ``device.py`` measures: the cases of each group, the most telling first."""

from typing import Any, NamedTuple

Case = dict[str, Any]

CASE_SECONDS = 75.0
LONG_SECONDS = 150.0  # start-up twice, and what is compiled at once
MILLION_SECONDS = 240.0  # the loss at a million rows
WAYS = ("fused", "plain")  # attention
WEIGHTS = ("autocast", "bfloat16")  # float32 weights under autocast, or all in bfloat16
PRECISIONS = ("highest", "default")
THREE_PRODUCTS = "BF16_BF16_F32_X3"
TEXTS = 65536
TEXTS_A_ROW = 2  # packed rows hold more; 2,048 have as many tokens as encode takes at a time
COMPILED = ("step", "cached step", "embed device")
TOGETHER = 12
"""So many of the programs, the first ones, are compiled at once before the first is measured."""

FASTEST = "fastest"
"""In place of an implementation: the one that was fastest at the middle size."""

MIDDLE = "32k"
"""The size at which everything is measured, and from which larger ones are predicted."""


class Scale(NamedTuple):
    """Sizes of the losses, by the names that they have at full size."""

    sizes: dict[str, int]
    tile_sizes: tuple[int, ...]
    mini_batches: tuple[int, ...]


FULL = Scale(
    {"8k": 8192, MIDDLE: 32768, "131k": 131072, "1M": 1048576}, (1024, 4096), (4096, 16384)
)
SMALL = Scale({"8k": 32, MIDDLE: 64, "131k": 128, "1M": 256}, (16,), (16, 32))


def groups(small: bool, torch: bool) -> dict[str, list[Case]]:
    """Return the cases of each group, and of torch only if asked for."""
    scale = SMALL if small else FULL
    models = [_named(case, "jax") for case in _models(small, "attention", WAYS)]
    compiled = [case for case in models if case["kind"] in COMPILED][:TOGETHER]
    ahead = {"kind": "compile", "cases": compiled, "limit": LONG_SECONDS}
    plan = {
        "machine": [{"kind": "machine"}],
        "models in jax": [ahead, *models],
        "models in torch": _models(small, "weights", WEIGHTS),
        "losses in jax": _losses_in_jax(scale),
        "profile of models in jax": _profiles(small),
        "start of jax": [
            {"kind": "start", "shape": "tiny" if small else "MiniLM", "limit": LONG_SECONDS}
        ],
        "losses in torch": _losses_in_torch(scale),
    }
    chosen = {name: cases for name, cases in plan.items() if torch or "torch" not in name}
    return {
        name: [_named(case, "torch" if "torch" in name else "jax") for case in cases]
        for name, cases in chosen.items()
    }


SHARES = {
    "machine": 15,
    "models in jax": 190,
    "models in torch": 65,
    "losses in jax": 120,
    "profile of models in jax": 20,
    "start of jax": 60,
    "losses in torch": 30,
}
"""How the time is shared, in parts; what a group leaves over goes to those after it."""


def _named(case: Case, library: str) -> Case:
    words = (
        "kind",
        "name",
        "shape",
        "n",
        "attention",
        "weights",
        "setting",
        "batch_size",
        "chunks",
    )
    parts = [case.get(word) for word in (*words, "precision", "dtype")]
    label = " ".join(str(part) for part in [library, *parts] if part is not None)
    return {"label": label, "library": library, "limit": CASE_SECONDS, **case}


def _models(small: bool, key: str, ways: tuple[str, ...]) -> list[Case]:
    """Steps and encoding; one order for both libraries, so that their figures stand together."""
    jax = key == "attention"
    # Weights under autocast are for training; sentence-transformers encodes with those in bfloat16.
    encodes = ways[:1] if jax else ("bfloat16",)

    def each(kind: str, shape: str, n: int, chosen: tuple[str, ...], **more: Any) -> list[Case]:
        return [{"kind": kind, "shape": shape, "n": n, key: way, **more} for way in chosen]

    def encode(shape: str, n: int, batch_size: int) -> list[Case]:
        batch_size = batch_size // TEXTS_A_ROW if jax else batch_size
        kinds = (*(("embed device",) if jax else ()), "encode tokens", "encode")
        return [
            case for kind in kinds for case in each(kind, shape, n, encodes, batch_size=batch_size)
        ]

    def cached(shape: str, n: int, chunks: int) -> list[Case]:
        return each("cached step", shape, n, ways[:1], chunks=chunks) if jax else []

    if small:
        return [*each("step", "tiny", 32, ways), *encode("tiny", 256, 64), *cached("tiny", 32, 4)]
    return [
        *each("step", "MiniLM", 1024, ways[:1]),
        *each("step", "BERT-base", 1024, ways[:1]),
        *encode("MiniLM", TEXTS, 4096),
        *(each("step", "MiniLM", 4096, ways[:1]) if jax else []),
        *cached("MiniLM", 4096, 4),
        *each("step", "MiniLM", 1024, ways[1:]),
        *each("step", "BERT-base", 1024, ways[1:]),
        *encode("BERT-base", TEXTS, 4096),
        *each("step", "MiniLM", 256, ways[:1]),
        *each("step", "BERT-base", 256, ways[:1]),
        *cached("MiniLM", 1024, 8),
        *cached("MiniLM", 16384, 16),
    ]


def _profiles(small: bool) -> list[Case]:
    wanted = [("MiniLM", "fused"), ("BERT-base", "fused")]
    n = 32 if small else 1024
    return [
        {"kind": "profile", "shape": shape, "n": n, "attention": way}
        for shape, way in ([("tiny", "plain")] if small else wanted)
    ]


def _losses_in_jax(scale: Scale) -> list[Case]:
    """Every implementation at the middle size; the gradients are compared at the smallest."""
    from bscl_jax.losses._batch_softmax import IMPLEMENTATIONS

    tiled = [name for name in IMPLEMENTATIONS if name != "dense"]

    def case(
        size: str, name: str, tile: int | None, precision: str, dtype: str = "float32"
    ) -> Case:
        return _loss(scale, size, name, tile, dtype) | {"precision": precision}

    first = scale.tile_sizes[0]
    cases = [case("8k", "dense", None, precision) for precision in PRECISIONS]
    cases += [case("8k", name, first, precision) for name in tiled for precision in PRECISIONS]
    cases += [case("8k", "dense", None, "highest", "bfloat16")]
    cases += [case(MIDDLE, "dense", None, precision) for precision in PRECISIONS]
    cases += [
        case(MIDDLE, name, tile, precision)
        for tile in scale.tile_sizes
        for name in tiled
        for precision in PRECISIONS
    ]
    cases += [case(MIDDLE, "panels", scale.tile_sizes[-1], THREE_PRODUCTS)]
    largest = (PRECISIONS[1], THREE_PRODUCTS, PRECISIONS[0])
    cases += [case("131k", FASTEST, None, precision) for precision in largest]
    cases += [case(MIDDLE, name, None, "highest", "bfloat16") for name in ("dense", FASTEST)]
    return [*cases, *(case("1M", FASTEST, None, precision) for precision in largest)]


def _losses_in_torch(scale: Scale) -> list[Case]:
    dense, cached = "sentence_transformers", "sentence_transformers_cached"

    def both(size: str, name: str, setting: int | None) -> list[Case]:
        case = _loss(scale, size, name, setting, "float32")
        return [case | {"precision": precision} for precision in PRECISIONS]

    def kernels(size: str) -> Case:  # Inf-CL's kernels choose their precision themselves
        return _loss(scale, size, "inf_cl", 128, "float32") | {"precision": "own"}

    small, large = scale.mini_batches
    return [
        *both("8k", dense, None),
        *both(MIDDLE, dense, None),
        *(case for setting in (small, large) for case in both(MIDDLE, cached, setting)),
        kernels("8k"),
        kernels(MIDDLE),
        kernels("131k"),
        *(case for setting in (large, small) for case in both("131k", cached, setting)),
        kernels("1M"),
    ]


def _loss(scale: Scale, size: str, name: str, setting: int | None, dtype: str) -> Case:
    limit = {"limit": MILLION_SECONDS} if size == "1M" else {}
    return {
        "kind": "loss",
        "size": size,
        "n": scale.sizes[size],
        "name": name,
        "setting": setting,
        "dtype": dtype,
        **limit,
    }

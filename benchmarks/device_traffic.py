"""What a training step moves on a GPU, as XLA compiles it for one that need not be there.

    PYTHONPATH=. python benchmarks/device_traffic.py --pairs 1024 --attention fused

Lists the kernels of the compiled step, those of all layers together, by the bytes of their operands
and results: what a memory-bound step takes is their sum over the bandwidth. A product that the
device would try in several ways is compiled in the first. Wants JAX's CUDA plugin (``pip install
jax-cuda13-plugin jax-cuda13-pjrt``) and CUDA's ``ptxas``, no driver.
"""

import argparse
import math
import os
import re
from collections import defaultdict
from typing import Any, NamedTuple
from unittest import mock

H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
  shared_memory_per_core: 233472 threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 84929347584 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 } registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 20 } runtime_version { major: 13 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""

BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4}
NO_KERNELS = ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "copy-done")
WORKSPACE = "s8[33554432]"  # of cuBLAS, given to each product


class Kernel(NamedTuple):
    """A kernel of the program: its name without number, bytes read and written, and its place."""

    name: str
    read: int
    written: int
    place: str


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", default="MiniLM", help="MiniLM, BERT-base or tiny")
    parser.add_argument("--pairs", type=int, default=1024)
    parser.add_argument("--attention", default="fused", choices=("fused", "plain"))
    parser.add_argument("--most", type=int, default=30, help="lines")
    options = parser.parse_args()
    case = {"kind": "step", "shape": options.shape, "n": options.pairs}
    kernels = read_kernels(compile_step({**case, "attention": options.attention}))
    total = sum(kernel.read + kernel.written for kernel in kernels)
    print(f"{len(kernels)} kernels move {total / 1e9:.1f} GB")
    together: defaultdict[tuple[str, str], list[Kernel]] = defaultdict(list)
    for kernel in kernels:
        together[kernel.name, re.sub(r"layer_\d+", "layer", kernel.place)].append(kernel)
    moved = {key: sum(x.read + x.written for x in group) for key, group in together.items()}
    print(f"{'MB':>7} {'times':>5}  kernel, place")
    for key in sorted(moved, key=lambda key: -moved[key])[: options.most]:
        print(f"{moved[key] / 1e6:7.1f} {len(together[key]):5}  {key[0]}, {key[1][-70:]}")


def compile_step(case: dict[str, Any]) -> str:
    """Compile a training step of made-up pairs for an H100; return the program."""
    os.environ |= {"JAX_SKIP_CUDA_CONSTRAINTS_CHECK": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_autotune_level=0"
    import device_model
    import jax
    from jax.experimental import topologies
    from jax.sharding import NamedSharding, PartitionSpec, use_abstract_mesh

    described = topologies.get_topology_desc("1x1x1", "cuda", target_config=H100, topology="1x1x1")
    mesh = topologies.make_mesh(described, (1,), ("batch",))
    whole = NamedSharding(mesh, PartitionSpec())

    def describe(value: Any) -> Any:
        return jax.ShapeDtypeStruct(value.shape, value.dtype, sharding=whole)

    texts = device_model.make_texts(case)
    with mock.patch.object(jax, "default_backend", return_value="gpu"):
        made = device_model.make_step(case, texts, mesh)
        arguments = jax.tree.map(describe, (made.state, made.batch, jax.random.key(0)))
        with use_abstract_mesh(mesh.abstract_mesh):  # where kernels look for their device
            return made.step.lower(*arguments).compile().as_text()


def read_kernels(program: str) -> list[Kernel]:
    """List what the entry of a compiled program runs."""
    sizes: dict[str, int] = {}
    found = []
    for line in program[program.index("\nENTRY ") :].splitlines():
        match = re.match(r"\s+(?:ROOT )?%([\w.\-]+) = (.*?) ([\w\-]+)\((.*)", line)
        if not match:
            continue
        name, shape, operation, rest = match.groups()
        sizes[name] = count_bytes(shape.replace(WORKSPACE, ""))
        if operation not in NO_KERNELS:
            operands = set(re.findall(r"%([\w.\-]+)", rest.split(")")[0]))
            read = sum(sizes.get(operand, 0) for operand in operands)
            place = re.search(r'op_name="([^"]*)"', rest)
            kind = re.sub(r"[.\d]+$", "", name)
            found.append(Kernel(kind, read, sizes[name], place[1] if place else ""))
    return found


def count_bytes(shape: str) -> int:
    """Count the bytes of an array or of all in a tuple, as a program writes them."""
    total = 0
    for kind, dimensions in re.findall(r"\b([a-z]+\d*)\[([\d,]*)\]", shape):
        total += BYTES.get(kind, 0) * math.prod(map(int, filter(None, dimensions.split(","))))
    return total


if __name__ == "__main__":
    main()

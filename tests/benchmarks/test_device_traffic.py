"""The bytes that the kernels of a compiled program move."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

PROGRAM = """HloModule jit_f

%body (p: f32[8]) -> f32[8] {
  ROOT %inner = f32[8]{0} add(%p, %p)
}

ENTRY %main.5 (x.1: bf16[4,8], y.1: f32[8]) -> f32[8] {
  %x.1 = bf16[4,8]{1,0} parameter(0)
  %y.1 = f32[8]{0} parameter(1)
  %gemm.7 = (bf16[4,8]{1,0}, s8[33554432]{0}) custom-call(%x.1, %x.1), custom_call_target="cublas"
  %part.2 = bf16[4,8]{1,0} get-tuple-element(%gemm.7), index=0
  ROOT %sum_fusion.3 = f32[8]{0} fusion(%part.2, %y.1), metadata={op_name="f/layer_0/sum"}
}
"""


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import device_traffic

    return device_traffic


def test_a_kernel_reads_each_operand_once_and_workspace_is_no_result(traffic):
    product, total = traffic.read_kernels(PROGRAM)
    assert product == ("gemm", 64, 64, "")
    assert total == ("sum_fusion", 64 + 32, 32, "f/layer_0/sum")


def test_a_program_of_this_version_of_xla_is_read(traffic):
    x = jnp.ones((64, 64))
    program = jax.jit(lambda x: jnp.sin(x) @ x).lower(x).compile().as_text()
    kernels = traffic.read_kernels(program)
    assert kernels
    assert max(kernel.read for kernel in kernels) == 2 * x.nbytes
    assert max(kernel.written for kernel in kernels) == x.nbytes


def test_bytes_of_a_tuple_are_those_of_all_its_arrays(traffic):
    assert traffic.count_bytes("(f32[2,3]{1,0}, pred[5]{0}, s32[])") == 24 + 5 + 4

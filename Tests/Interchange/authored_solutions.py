#!/usr/bin/env python3
"""Solutions as an author writes them for FlashInfer-Bench, knowing nothing of swiftlet, made with its own types.

They are kept in Tests/Fixtures/solutions, so that our builders can be tested on them without Python packages.

    authored_solutions.py           writes them
    test_authored.py                checks that they are what this file makes
"""

import os
import sys

from flashinfer_bench import BuildSpec, Solution, SourceFile, SupportedLanguages
from flashinfer_bench.data import save_json_file

from reference_package import FIXTURES

FOLDER = os.path.join(FIXTURES, "solutions")

PYTHON_MAIN = '''\
import torch

from .scales import inverse_rms


@torch.no_grad()
def normalise(hidden_states, weight, eps) -> torch.Tensor:
    return hidden_states * inverse_rms(hidden_states, eps) * weight
'''

PYTHON_HELPER = '''\
import torch


def inverse_rms(x, eps):
    return torch.rsqrt(torch.mean(x * x, dim=-1, keepdim=True) + eps)
'''

CPP_MAIN = '''\
#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/error.h>
#include <tvm/ffi/function.h>

#include "silu.h"

void SiluAndMul(tvm::ffi::TensorView input, tvm::ffi::TensorView output) {
  TVM_FFI_CHECK(input.ndim() == 2 && output.ndim() == 2, ValueError) << "input and output need two axes";
  const int64_t rows = output.size(0), width = output.size(1);
  TVM_FFI_CHECK(input.size(0) == rows && input.size(1) == 2 * width, ValueError)
      << "input is [" << input.size(0) << ", " << input.size(1) << "], expected [" << rows << ", " << 2 * width << "]";
  const float* x = static_cast<const float*>(input.data_ptr());
  float* y = static_cast<float*>(output.data_ptr());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < width; ++i)
      y[row * width + i] = silu(x[row * 2 * width + i]) * x[row * 2 * width + width + i];
}

TVM_FFI_DLL_EXPORT_TYPED_FUNC(silu_and_mul, SiluAndMul);
'''

CPP_HEADER = '''\
#pragma once
#include <cmath>

inline float silu(float x) { return x / (1.0f + std::exp(-x)); }
'''


def solutions():
    return [
        Solution(
            name="authored_python_value_style", definition="rmsnorm_h576", author="authored",
            spec=BuildSpec(
                language=SupportedLanguages.PYTHON, target_hardware=["cpu", "cuda"],
                entry_point="normalise/main.py::normalise", dependencies=["torch"], destination_passing_style=False),
            sources=[
                SourceFile(path="normalise/main.py", content=PYTHON_MAIN),
                SourceFile(path="normalise/scales.py", content=PYTHON_HELPER)],
            description="Returns its output; the helper is imported relatively."),
        Solution(
            name="authored_cpp_tvm_ffi", definition="silu_and_mul_h1536", author="authored",
            spec=BuildSpec(
                language=SupportedLanguages.CPP, target_hardware=["cpu"], entry_point="kernel.cpp::silu_and_mul"),
            sources=[
                SourceFile(path="kernel.cpp", content=CPP_MAIN), SourceFile(path="silu.h", content=CPP_HEADER)],
            description="Exports through TVM-FFI's own headers; binding and calling style are left at their defaults."),
    ]


def write(folder):
    os.makedirs(folder, exist_ok=True)
    for solution in solutions():
        save_json_file(solution, os.path.join(folder, solution.name + ".json"))


if __name__ == "__main__":
    sys.exit(write(FOLDER))

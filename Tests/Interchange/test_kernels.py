"""Kernels go both ways: the rooms' solutions build and run in FlashInfer-Bench, on the processor, and agree with their
definitions' references; and what the header promises to a Python caller holds.
"""

import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import torch
import tvm_ffi
from flashinfer_bench.compile import BuilderRegistry
from flashinfer_bench.data import Definition, load_json_file

from reference_package import FIXTURES, ROOT, Solution, version

HEADER = os.path.join(ROOT, "Kernels", "include", "cpp")
AXES = [{"rows": 1, "max_seq_len": 7}, {"rows": 17, "max_seq_len": 300}, {"rows": 0, "max_seq_len": 7}]
# Float32 sums in another order; a kernel with its own exponential.
TOLERANCE = {"rtol": 2e-5, "atol": 2e-6}


def axes_of(definition, sizes):
    """Every variable axis; all but max_seq_len count rows."""
    return {
        name: axis.value if axis.type == "const" else sizes["max_seq_len" if name == "max_seq_len" else "rows"]
        for name, axis in definition.axes.items()}


def inputs_of(definition, axes, seed=1):
    """Valid inputs: indices inside of their tables, blocks with scales that are numbers."""
    generator = torch.Generator().manual_seed(seed)
    result = []
    for name, spec in definition.inputs.items():
        if spec.shape is None:
            result.append(1e-5)
            continue
        shape = [axes[axis] for axis in spec.shape]
        if spec.dtype.value == "int32":
            bound = axes["vocab_size"] if name == "tokens" else axes["max_seq_len"]
            result.append(torch.randint(0, bound, shape, dtype=torch.int32, generator=generator))
        elif spec.dtype.value == "int8":
            table = torch.randint(-128, 128, shape, dtype=torch.int8, generator=generator)
            scales = torch.randn(shape[0], shape[1] // 34, 1, generator=generator).half().view(torch.int8)
            table.view(shape[0], -1, 34)[..., :2] = scales
            result.append(table)
        else:
            dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[spec.dtype.value]
            result.append(torch.randn(shape, generator=generator).to(dtype))
    return result


def outputs_of(definition, axes):
    """Filled with NaN, so that what is not written is seen."""
    return [torch.full([axes[a] for a in spec.shape], float("nan")) for spec in definition.outputs.values()]


def room(name):
    found = glob.glob(os.path.join(ROOT, "Kernels", "*", "definitions", name + ".json"))
    return load_json_file(Definition, found[0])


def solution(name):
    found = glob.glob(os.path.join(ROOT, "Kernels", "*", "solutions", name + ".json"))
    found += glob.glob(os.path.join(FIXTURES, "solutions", name + ".json"))
    return load_json_file(Solution, found[0])


class KernelTests(unittest.TestCase):
    def setUp(self):
        self.registry = BuilderRegistry.get_instance()

    def check(self, definition, runnable, reference):
        for sizes in AXES:
            axes = axes_of(definition, sizes)
            inputs = inputs_of(definition, axes)
            expected = reference.call_value_returning(*inputs)
            expected = expected if isinstance(expected, tuple) else (expected,)
            outputs = outputs_of(definition, axes)
            runnable.call_destination_passing(*inputs, *outputs)
            returned = runnable.call_value_returning(*inputs)
            returned = returned if isinstance(returned, tuple) else (returned,)
            self.assertEqual(len(expected), len(definition.outputs))
            for name, right, passed, value in zip(definition.outputs, expected, outputs, returned, strict=True):
                with self.subTest(output=name, sizes=sizes):
                    torch.testing.assert_close(passed, right, **TOLERANCE)
                    self.assertTrue(torch.equal(passed, value), "the two calling styles differ")

    def test_every_solution_of_the_rooms_builds_and_agrees_with_its_reference(self):
        paths = sorted(glob.glob(os.path.join(ROOT, "Kernels", "*", "solutions", "*.json")))
        self.assertGreaterEqual(len(paths), 14)
        built = {}
        for path in paths:
            ours = load_json_file(Solution, path)
            definition = room(ours.definition)
            with self.subTest(solution=ours.name):
                runnable = self.registry.build(definition, ours)
                self.check(definition, runnable, self.registry.build_reference(definition))
                built[runnable.metadata.build_type] = built.get(runnable.metadata.build_type, 0) + 1
        self.assertEqual(built, {"tvm_ffi": 7, "python": 7})
        print(f"interchange: {version()}: {built['tvm_ffi']} C++ and {built['python']} Python solutions of the rooms run")

    def test_the_solutions_written_for_the_package_run_in_it(self):
        paths = sorted(glob.glob(os.path.join(FIXTURES, "solutions", "*.json")))
        self.assertGreaterEqual(len(paths), 2)
        for path in paths:
            theirs = load_json_file(Solution, path)
            definition = room(theirs.definition)
            with self.subTest(solution=theirs.name):
                self.check(
                    definition, self.registry.build(definition, theirs), self.registry.build_reference(definition))

    def test_outputs_may_be_inputs_where_the_definition_says_so(self):
        for name in ("rmsnorm_h576", "fused_add_rmsnorm_h576", "rope_with_cos_sin_cache_neox_style_h9_kv3_d64_rd64"):
            definition = room(name)
            runnable = self.registry.build(definition, solution("swiftlet_cpp_" + name))
            inputs = inputs_of(definition, axes_of(definition, AXES[1]))
            expected = runnable.call_value_returning(*inputs)
            expected = expected if isinstance(expected, tuple) else (expected,)
            by_name = dict(zip(definition.inputs, inputs))
            aliases = [tag.split(":")[1].split("=") for tag in definition.tags if tag.startswith("in_place:")]
            self.assertEqual([output for output, _ in aliases], list(definition.outputs)[:len(aliases)])
            outputs = [by_name[source] for _, source in aliases]
            runnable.call_destination_passing(*inputs, *outputs)
            for found, right in zip(outputs, expected):
                self.assertTrue(torch.equal(found, right), name)

    def test_what_a_kernel_refuses_is_a_python_exception_with_its_words(self):
        definition = room("rmsnorm_h576")
        runnable = self.registry.build(definition, solution("swiftlet_cpp_rmsnorm_h576"))
        x, weight, out = torch.ones(2, 576), torch.ones(576), torch.empty(2, 576)
        for arguments, kind, words in [
            ((x.double(), weight, 1e-5, out), TypeError, "hidden_states is float64, expected float32"),
            ((x, weight[:5], 1e-5, out), ValueError, "weight is [5], expected [576]"),
            ((x, torch.ones(1152)[::2], 1e-5, out), ValueError, "weight is not contiguous: axis 0 has stride 2"),
            ((x, weight, "much", out), TypeError, "eps is neither number nor tensor"),
            ((x, weight, out), TypeError, "called with 3 arguments, expected 4"),
        ]:
            with self.assertRaises(kind) as caught:
                runnable(*arguments)
            self.assertIn(words, str(caught.exception))
        runnable(x, weight, 1, out)  # an integer is a number
        torch.testing.assert_close(out, torch.full_like(out, 2 ** -0.5))

        definition = room("embedding_bf16_v49152_h576")
        runnable = self.registry.build(definition, solution("swiftlet_cpp_embedding_bf16_v49152_h576"))
        tokens = torch.tensor([3, 49152], dtype=torch.int32)
        with self.assertRaises(RuntimeError) as caught:
            runnable(tokens, torch.zeros(49152, 576, dtype=torch.bfloat16), torch.empty(2, 576))
        self.assertIn("tokens[1] is 49152, the table has 49152 rows", str(caught.exception))

    def test_a_library_built_without_tvm_ffi_runs_under_it(self):
        compilers = [name for name in ("clang++", "g++") if shutil.which(name)]
        self.assertTrue(compilers, "needs clang++ or g++")
        definition = room("silu_and_mul_h1536")
        x = torch.randn(5, 3072)
        expected = BuilderRegistry.get_instance().build_reference(definition).call_value_returning(x)
        source = os.path.join(ROOT, "Kernels", "silu_and_mul", "solutions", "cpp", "silu_and_mul.cpp")
        for compiler in compilers:
            with self.subTest(compiler=compiler), tempfile.TemporaryDirectory() as folder:
                library = os.path.join(folder, "kernel.so")
                subprocess.run(
                    [compiler, "-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-I", HEADER, source, "-o",
                     library], check=True)
                module, out = tvm_ffi.load_module(library), torch.empty(5, 1536)
                module.run(x, out)
                torch.testing.assert_close(out, expected, **TOLERANCE)
                with self.assertRaises(ValueError) as caught:
                    module.run(x, torch.empty(5, 7))
                self.assertIn("input is [5, 3072], expected [5, 14]", str(caught.exception))


class ApplyTests(unittest.TestCase):
    def test_a_kernel_of_ours_dispatches_through_apply(self):
        """A set with our C++ kernel as the recorded winner: `apply` calls it."""
        from flashinfer_bench import ApplyConfig, apply, disable_apply, enable_apply

        definition, ours = room("silu_and_mul_h1536"), solution("swiftlet_cpp_silu_and_mul_h1536")
        with tempfile.TemporaryDirectory() as root:
            for part, document, name in (
                ("definitions/silu_and_mul", definition, definition.name),
                ("solutions/swiftlet/silu_and_mul/" + definition.name, ours, ours.name),
            ):
                os.makedirs(os.path.join(root, part))
                with open(os.path.join(root, part, name + ".json"), "w", encoding="utf-8") as file:
                    file.write(document.model_dump_json(exclude_unset=True))
            line = {
                "definition": definition.name, "solution": ours.name,
                "workload": {"axes": {"num_tokens": 4}, "inputs": {"input": {"type": "random"}}, "uuid": "w"},
                "evaluation": {
                    "status": "PASSED", "environment": {"hardware": "cpu"}, "timestamp": "t",
                    "correctness": {}, "performance": {"latency_ms": 1, "speedup_factor": 2}}}
            os.makedirs(os.path.join(root, "traces", "swiftlet", "silu_and_mul"))
            with open(os.path.join(root, "traces", "swiftlet", "silu_and_mul", "a.jsonl"), "w") as file:
                file.write(json.dumps(line) + "\n")
            enable_apply(root, ApplyConfig())
            try:
                x = torch.randn(4, 3072)
                found = apply(definition.name, args=(x,), fallback=lambda x: self.fail("the fallback was called"))
                expected = torch.nn.functional.silu(x[:, :1536]) * x[:, 1536:]
                torch.testing.assert_close(found, expected, **TOLERANCE)
                missed = apply(definition.name, args=(torch.randn(5, 3072),), fallback=lambda x: "fallback")
                self.assertEqual(missed, "fallback")
            finally:
                disable_apply()


if __name__ == "__main__":
    unittest.main()

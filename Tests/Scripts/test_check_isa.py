"""Scripts/check-isa.sh, on object files assembled here. Needs an assembler: `cc`, `gcc` or `clang`."""

import os
import platform
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Scripts", "check-isa.sh")
COMPILER = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
STDLIB_SPECIALISATION = "$ss6SIMD16V22truncatingIfNeededABTg5"


def function(name, binding, instruction):
    return f'.section .text.f{abs(hash(name))},"ax",@progbits\n.{binding} "{name}"\n.type "{name}",@function\n"{name}":\n  {instruction}\n  ret\n'


@unittest.skipUnless(COMPILER and platform.machine() == "x86_64", "needs an x86-64 assembler")
class InstructionSetTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.build = temporary.name

    def assemble(self, target, *functions):
        folder = os.path.join(self.build, target + ".build")
        os.makedirs(folder, exist_ok=True)
        source = os.path.join(folder, "kernel.s")
        with open(source, "w", encoding="utf-8") as file:
            file.write("".join(functions))
        subprocess.run([COMPILER, "-c", source, "-o", os.path.join(folder, "kernel.swift.o")], check=True)

    def run_check(self):
        done = subprocess.run([SCRIPT, self.build], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_a_weak_function_with_wide_registers_is_found(self):
        for register, instruction in (
            ("zmm", "vaddps %zmm1, %zmm2, %zmm3"),
            ("ymm", "vaddps %ymm1, %ymm2, %ymm3"),
            ("upper xmm", "vaddps %xmm17, %xmm2, %xmm3"),
            ("mask", "kmovw %k1, %eax"),
        ):
            with self.subTest(register):
                self.assemble("KernelsAVX512", function(STDLIB_SPECIALISATION, "weak", instruction))
                status, output = self.run_check()
                self.assertEqual(status, 1)
                self.assertIn(STDLIB_SPECIALISATION, output)

    def test_both_targets_are_checked(self):
        self.assemble("KernelsAVX2", function("shared", "weak", "vaddps %ymm1, %ymm2, %ymm3"))
        self.assertEqual(self.run_check()[0], 1)

    def test_weak_functions_that_any_processor_runs_pass(self):
        self.assemble("KernelsAVX512", function(STDLIB_SPECIALISATION, "weak", "addps %xmm1, %xmm2"))
        self.assertEqual(self.run_check()[0], 0)

    def test_strong_and_local_functions_may_be_wide(self):
        self.assemble(
            "KernelsAVX512",
            function("entry", "globl", "vaddps %zmm1, %zmm2, %zmm3"),
            function("helper", "local", "vaddps %zmm1, %zmm2, %zmm3"),
            function("shared", "weak", "nop"),
        )
        self.assertEqual(self.run_check()[0], 0)

    def test_weak_functions_named_for_the_module_itself_may_be_wide(self):
        self.assemble("KernelsAVX512", function("$s13KernelsAVX5124TileVAA", "weak", "vaddps %zmm1, %zmm2, %zmm3"))
        self.assertEqual(self.run_check()[0], 0)
        self.assemble("KernelsAVX512", function("$s11KernelsAVX24TileVAA", "weak", "vaddps %zmm1, %zmm2, %zmm3"))
        self.assertEqual(self.run_check()[0], 1)

    def test_other_targets_are_not_looked_at(self):
        self.assemble("KernelsAVX512", function("entry", "globl", "nop"))
        self.assemble("Kernels", function("shared", "weak", "vaddps %zmm1, %zmm2, %zmm3"))
        self.assertEqual(self.run_check()[0], 0)

    def test_nothing_to_check_is_an_error(self):
        status, output = self.run_check()
        self.assertEqual(status, 1)
        self.assertIn("build first", output)


if __name__ == "__main__":
    unittest.main()

"""Scripts/make_solutions.py, on this project and on a changed copy of its rooms."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SCRIPT = os.path.join(ROOT, "Scripts", "make_solutions.py")


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


class MakeSolutionsTests(unittest.TestCase):
    def test_the_documents_in_the_rooms_are_up_to_date(self):
        result = run("--check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_changed_source_and_a_stray_document_are_found_and_a_second_run_writes(self):
        with tempfile.TemporaryDirectory() as root:
            for room in ("embedding", "rmsnorm", "rope", "silu_and_mul"):
                for part in ("definitions", "solutions"):
                    shutil.copytree(
                        os.path.join(ROOT, "Kernels", room, part), os.path.join(root, "Kernels", room, part))
            shutil.copytree(os.path.join(ROOT, "Kernels", "include"), os.path.join(root, "Kernels", "include"))
            source = os.path.join(root, "Kernels", "rmsnorm", "solutions", "cpp", "rmsnorm.cpp")
            with open(source, "a", encoding="utf-8") as file:
                file.write("// é\n")
            written = os.path.join("Kernels", "rmsnorm", "solutions", "swiftlet_cpp_rmsnorm_h576.json")
            found = run("--check", "--root", root)
            self.assertEqual(found.returncode, 1)
            self.assertEqual(
                found.stderr, f"make_solutions: {written}: not up to date, run Scripts/make_solutions.py\n")
            self.assertEqual(run("--root", root).stdout, written + "\n")
            with open(os.path.join(root, written), encoding="utf-8") as file:
                self.assertTrue(json.load(file)["sources"][0]["content"].endswith("// é\n"))
            stray = os.path.join(root, "Kernels", "rope", "solutions", "other.json")
            with open(stray, "w", encoding="utf-8") as file:
                file.write("{}")
            found = run("--check", "--root", root)
            self.assertEqual(found.returncode, 1)
            self.assertIn("Kernels/rope/solutions/other.json: nothing here writes it", found.stderr)


if __name__ == "__main__":
    unittest.main()

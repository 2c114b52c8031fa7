"""Scripts/check_layering.py, on small trees made here."""

import importlib.util
import os
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "..", "Scripts", "check_layering.py")
spec = importlib.util.spec_from_file_location("check_layering", SCRIPT)
check_layering = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_layering)


class LayeringTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = temporary.name

    def findings(self, *targets):
        """Each target: (name, folder, declared dependencies, source text)."""
        described = []
        for name, folder, dependencies, source in targets:
            os.makedirs(os.path.join(self.root, folder), exist_ok=True)
            with open(os.path.join(self.root, folder, "File.swift"), "w", encoding="utf-8") as file:
                file.write(source)
            kind = "test" if folder.startswith("Tests") else "library"
            described.append(
                {"name": name, "path": folder, "type": kind, "sources": ["File.swift"],
                 "target_dependencies": dependencies}
            )
        return check_layering.check({"targets": described}, self.root)

    def test_allowed_and_declared_imports_pass(self):
        source = "import Glibc\nimport JSONText\n@testable import Tensors\npublic import struct Tensors.Shape\n"
        self.assertEqual(self.findings(("Traces", "Sources/Traces", ["JSONText", "Tensors"], source)), [])

    def test_an_import_against_the_flow_is_named_with_its_place(self):
        found = self.findings(("Models", "Sources/Models", [], "// first line\nimport Scheduling\n"))
        self.assertEqual(found, ["Sources/Models/File.swift:2: Models may not import Scheduling"])

    def test_an_allowed_import_must_be_declared(self):
        found = self.findings(("Traces", "Sources/Traces", [], "import Tensors\n"))
        self.assertEqual(len(found), 1)
        self.assertIn("without declaring it", found[0])

    def test_a_declared_dependency_against_the_flow_is_found_without_an_import(self):
        found = self.findings(("Paging", "Sources/Paging", ["Serving"], ""))
        self.assertEqual(found, ["Package.swift: target Paging may not depend on Serving"])

    def test_the_kernels_of_an_instruction_set_are_reached_through_kernels_only(self):
        found = self.findings(("Models", "Sources/Models", ["KernelsAVX512"], "import KernelsAVX512"))
        self.assertEqual(len(found), 2)
        self.assertEqual(self.findings(("Kernels", "Kernels", ["KernelsAVX512"], "import KernelsAVX512")), [])

    def test_full_foundation_is_refused_in_sources_and_not_in_tests(self):
        found = self.findings(("Tensors", "Sources/Tensors", [], "import FoundationEssentials\nimport Foundation\n"))
        self.assertEqual(len(found), 1)
        self.assertIn("File.swift:2: Foundation may not", found[0])
        self.assertIn("File.swift:1", self.findings(("swiftlet", "Sources/swiftlet", [], "import Foundation"))[0])
        self.assertEqual(self.findings(("TensorsTests", "Tests/TensorsTests", [], "import Foundation")), [])

    def test_a_package_is_imported_only_where_a_rule_names_it(self):
        self.assertEqual(self.findings(("Serving", "Sources/Serving", [], "import Hummingbird")), [])
        self.assertEqual(self.findings(("swiftlet", "Sources/swiftlet", [], "import Hummingbird; import ArgumentParser")), [])
        self.assertEqual(len(self.findings(("Generation", "Sources/Generation", [], "import Hummingbird"))), 1)
        self.assertEqual(len(self.findings(("swiftlet", "Sources/swiftlet", [], "import LeftPad"))), 1)

    def test_an_unknown_target_is_an_error(self):
        found = self.findings(("Helpers", "Sources/Helpers", [], ""))
        self.assertEqual(len(found), 1)
        self.assertIn("not in the table", found[0])

    def test_imports_in_comments_and_strings_do_not_count(self):
        source = (
            "// import Serving\n/* import Serving\n /* nested */ import Serving\n*/\n"
            'let python = """\nimport triton\n"""\nlet raw = #"""\nimport triton " """ \n"""#\n'
            'let a = "/*"\nlet b = "\\"//"\nlet c = #"\\"#\nimport Serving\n'
        )
        found = self.findings(("Tensors", "Sources/Tensors", [], source))
        self.assertEqual(found, ["Sources/Tensors/File.swift:14: Tensors may not import Serving"])

    def test_the_table_lets_no_module_import_upwards(self):
        order = list(check_layering.ALLOWED)
        for name, words in check_layering.ALLOWED.items():
            for word in words.split():
                if word in check_layering.ALLOWED:
                    self.assertLess(order.index(word), order.index(name), f"{name} imports {word}")


if __name__ == "__main__":
    unittest.main()

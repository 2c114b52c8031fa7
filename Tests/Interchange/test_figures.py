"""What FlashInfer-Bench derives from a trace set: hashes, best traces, apply tables, scores, rankings.

For the fixture set its answers are kept in Tests/Fixtures/interchange/reference.json, which the Swift tests compare
with their own; this test checks that the file still holds what the package says.

    INTERCHANGE_SETS     further folders, separated by colons: their figures are written and compared with swiftlet's
    INTERCHANGE_BINARY   a swiftlet, asked `traces show <folder> --json`
    INTERCHANGE_OUTPUT   a folder for the figures, as <folder's name>.json
    INTERCHANGE_UPDATE   1 writes the fixture's file anew
"""

import json
import math
import os
import subprocess
import unittest

from reference_package import FIXTURES, HAS_SCORES, figures, version

WRITTEN = os.path.join(FIXTURES, "interchange", "set")
KEPT = os.path.join(FIXTURES, "interchange", "reference.json")
SETS = [folder for folder in os.environ.get("INTERCHANGE_SETS", "").split(":") if folder]
BINARY = os.environ.get("INTERCHANGE_BINARY")


def disagreements(expected, found, path=""):
    """Sums over sets are taken in any order, so floats agree to 12 digits."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys(), key=str):
            if key not in expected or key not in found:
                yield f"{path}.{key}: only one side has it"
            else:
                yield from disagreements(expected[key], found[key], f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{path}: {len(found)} items, expected {len(expected)}"
        for i, (a, b) in enumerate(zip(expected, found)):
            yield from disagreements(a, b, f"{path}[{i}]")
    elif isinstance(expected, float) or isinstance(found, float):
        same = isinstance(expected, (int, float)) and isinstance(found, (int, float))
        if not same or not math.isclose(expected, found, rel_tol=1e-12):
            yield f"{path}: {found!r}, expected {expected!r}"
    elif expected != found:
        yield f"{path}: {found!r}, expected {expected!r}"


class FigureTests(unittest.TestCase):
    def test_the_kept_figures_are_what_the_package_says(self):
        found, kept = figures(WRITTEN), {}
        if os.path.exists(KEPT):
            with open(KEPT, encoding="utf-8") as file:
                kept = json.load(file)
        if os.environ.get("INTERCHANGE_UPDATE") == "1":
            kept.update(found)
            with open(KEPT, "w", encoding="utf-8") as file:
                json.dump(kept, file, indent=1, ensure_ascii=False, sort_keys=True)
                file.write("\n")
        self.assertEqual(list(disagreements({key: kept.get(key) for key in found}, found)), [])
        print(f"interchange: {version()}: " + ", ".join(sorted(found)) + " agree")

    def test_swiftlet_derives_the_same_from_a_set(self):
        if not BINARY:
            self.skipTest("no swiftlet was given")
        for folder in [WRITTEN, *SETS]:
            expected = figures(folder)
            if output := os.environ.get("INTERCHANGE_OUTPUT"):
                name = os.path.basename(os.path.normpath(folder)) + ".json"
                with open(os.path.join(output, name), "w", encoding="utf-8") as file:
                    json.dump(expected, file, indent=1, ensure_ascii=False)
            answer = subprocess.run([BINARY, "traces", "show", folder, "--json"], capture_output=True, text=True)
            if answer.returncode != 0:
                self.skipTest(f"{BINARY} traces show {folder} --json: {answer.stderr.strip().splitlines()[-1:]}")
            shown = json.loads(answer.stdout)
            compared = 0
            for key in ("hash", "scores", "rankings", "summary", "best_traces", "apply_tables"):
                if key in expected and key in shown:
                    self.assertEqual(list(disagreements(expected[key], shown[key], key)), [])
                    compared += 1
            self.assertGreater(compared, 0 if HAS_SCORES else -1, f"nothing in the answer is known here: {list(shown)}")
            print(f"interchange: {folder}: {compared} parts of swiftlet's answer agree")


if __name__ == "__main__":
    unittest.main()

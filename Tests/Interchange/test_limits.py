"""Where the two sides differ, as docs/interchange.md says: each difference is shown on the package itself."""

import json
import os
import shutil
import tempfile
import unittest

from flashinfer_bench.data import Trace, load_json_file, load_jsonl_file, save_json_file, save_jsonl_file

from reference_package import FIXTURES, HAS_SCORES, Solution, TraceSet

WRITTEN = os.path.join(FIXTURES, "interchange", "set")
SOLUTION = os.path.join("solutions", "ann", "gemm", "gemm_n32_k64", "ann_gemm.json")
TRACES = os.path.join("traces", "ann", "gemm", "gemm_n32_k64.jsonl")


class LimitTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.set = os.path.join(temporary.name, "set")
        shutil.copytree(WRITTEN, self.set)

    def changed(self, path, change):
        """Changes the first document of a file in the copied set."""
        full = os.path.join(self.set, path)
        with open(full, encoding="utf-8") as file:
            text = file.read()
        first, rest = (text, "") if full.endswith(".json") else text.split("\n", 1)
        document = json.loads(first)
        change(document)
        with open(full, "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=None if rest else 2) + ("\n" + rest if rest else ""))
        return full

    def test_one_solution_in_swift_refuses_the_whole_set(self):
        self.changed(SOLUTION, lambda s: s["spec"].update(language="swift"))
        with self.assertRaisesRegex(ValueError, "spec.language"):
            TraceSet.from_path(self.set)

    def test_traces_of_a_solution_without_document_load(self):
        os.remove(os.path.join(self.set, SOLUTION))
        trace_set = TraceSet.from_path(self.set)
        self.assertIsNone(trace_set.get_solution("ann_gemm"))
        self.assertIn("ann_gemm", [t.solution for t in trace_set.traces["gemm_n32_k64"]])

    def test_unknown_members_are_lost_when_the_package_saves(self):
        path = self.changed(SOLUTION, lambda s: s.update(ours=1))
        save_json_file(load_json_file(Solution, path), path)
        with open(path, encoding="utf-8") as file:
            self.assertNotIn("ours", json.load(file))

    def test_an_infinite_latency_is_read_but_does_not_survive_the_package(self):
        path = self.changed(TRACES, lambda t: t["evaluation"]["performance"].update(latency_ms="Infinity"))
        traces = load_jsonl_file(Trace, path)
        self.assertEqual(traces[0].evaluation.performance.latency_ms, float("inf"))
        save_jsonl_file(traces, path)
        with self.assertRaises(ValueError):
            load_jsonl_file(Trace, path)

    @unittest.skipUnless(HAS_SCORES, "release 0.1.2 has no rankings")
    def test_one_definition_without_a_baseline_makes_the_ranking_fail(self):
        os.remove(os.path.join(self.set, "solutions", "baseline", "gemm", "gemm_n32_k64", "baseline_gemm.json"))
        with self.assertRaisesRegex(ValueError, "No baseline"):
            TraceSet.from_path(self.set).rank_authors()


if __name__ == "__main__":
    unittest.main()

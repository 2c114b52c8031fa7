"""Scripts/make_traffic.py, on this project and on an empty folder."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SCRIPT = os.path.join(ROOT, "Scripts", "make_traffic.py")
FOLDER = os.path.join("Tests", "Fixtures", "traffic")


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


class MakeTrafficTests(unittest.TestCase):
    def test_the_committed_days_are_up_to_date(self):
        result = run("--check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_missing_days_are_named_and_written(self):
        with tempfile.TemporaryDirectory() as root:
            found = run("--check", "--root", root)
            self.assertEqual(found.returncode, 1)
            self.assertIn("tenants_mooncake.jsonl: not up to date, run Scripts/make_traffic.py\n", found.stderr)
            self.assertEqual(run("--root", root).returncode, 0)
            self.assertEqual(run("--check", "--root", root).returncode, 0)

    def test_ids_cover_the_prompts_and_turns_begin_with_what_came_before(self):
        def lines(name):
            with open(os.path.join(ROOT, FOLDER, name), encoding="utf-8") as file:
                return [json.loads(line) for line in file]

        for name, block in (("tenants_mooncake.jsonl", 512), ("chat_qwen.jsonl", 16)):
            requests = lines(name)
            self.assertEqual(
                [len(request["hash_ids"]) for request in requests],
                [-(-request["input_length"] // block) for request in requests],
            )
            self.assertEqual(requests, sorted(requests, key=lambda request: request["timestamp"]))
        chats = {request["chat_id"]: request for request in lines("chat_qwen.jsonl")}
        for request in chats.values():
            if parent := chats.get(request["parent_chat_id"]):
                full = parent["input_length"] // 16
                self.assertEqual(request["hash_ids"][:full], parent["hash_ids"][:full])
                self.assertGreater(request["input_length"], parent["input_length"] + parent["output_length"])


if __name__ == "__main__":
    unittest.main()

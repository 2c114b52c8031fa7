"""Every document of a trace set that swiftlet wrote, read by FlashInfer-Bench: it loads, and means the same.

    INTERCHANGE_SETS   folders to check, separated by colons
"""

import enum
import glob
import hashlib
import json
import os
import tempfile
import unittest

from reference_package import FIXTURES, HAS_SCORES, ROOT, Solution, TraceSet
from flashinfer_bench.data import Definition, Trace, load_json_file, load_jsonl_file, save_json_file, save_jsonl_file

SETS = [folder for folder in os.environ.get("INTERCHANGE_SETS", "").split(":") if folder]
WRITTEN = os.path.join(FIXTURES, "interchange", "set")


# Objects whose order of members means something.
ORDERED = ("axes", "inputs", "outputs", "libs", "extra")


def differences(raw, read, path=""):
    """Where the values that the package read are not those in the file. `read` may add members at their defaults."""
    if isinstance(read, enum.Enum):
        read = read.value
    if isinstance(read, float) and isinstance(raw, str):
        raw = float(raw)  # "NaN" and "Infinity"
    if isinstance(raw, dict) and isinstance(read, dict):
        for key in raw.keys() - read.keys():
            yield f"{path}.{key}: not read"
        for key in read.keys() - raw.keys():
            if read[key] not in (None, [], {}, "", 0.0) and (key, read[key]) != ("destination_passing_style", True):
                yield f"{path}.{key}: {read[key]!r} came from nowhere"
        for key in raw.keys() & read.keys():
            yield from differences(raw[key], read[key], f"{path}.{key}")
        if path.split(".")[-1] in ORDERED and list(raw) != list(read):
            yield f"{path}: the order of members changed"
    elif isinstance(raw, list) and isinstance(read, (list, tuple)):
        if len(raw) != len(read):
            yield f"{path}: {len(read)} items, expected {len(raw)}"
        for i, (a, b) in enumerate(zip(raw, read)):
            yield from differences(a, b, f"{path}[{i}]")
    else:
        # `1` may be read as 1.0, but not where a scalar keeps the kind it was written in.
        is_number = {type(raw), type(read)} == {int, float} and not path.endswith(".value")
        is_same = raw == read or (raw != raw and read != read)
        if not is_same or (type(raw) is not type(read) and not is_number):
            yield f"{path}: {read!r}, expected {raw!r}"


def content_hash(raw, with_name):
    """The rule for a solution's hash, on its document."""
    spec, digest = raw["spec"], hashlib.sha1()
    parts = [raw["name"]] if with_name else []
    parts += [raw["definition"], spec["language"], spec["entry_point"], spec.get("binding") or ""]
    parts += spec.get("dependencies", [])
    for source in raw["sources"]:
        parts += [source["path"], source["content"]]
    for part in parts:
        digest.update(part.encode())
    return digest.hexdigest()


def documents(folder):
    """(path, model, raw document) of everything in a trace set."""
    for part, model in (("definitions", Definition), ("solutions", Solution)):
        for path in sorted(glob.glob(os.path.join(folder, part, "**", "*.json"), recursive=True)):
            with open(path, encoding="utf-8") as file:
                yield path, model, json.load(file)
    for part in ("workloads", "traces"):
        for path in sorted(glob.glob(os.path.join(folder, part, "**", "*.jsonl"), recursive=True)):
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    yield f"{path}:{number}", Trace, json.loads(line)


def rewrite(folder, target):
    """Reads a set and writes it with the package's own writers, file by file."""
    for part, model in (("definitions", Definition), ("solutions", Solution)):
        for path in glob.glob(os.path.join(folder, part, "**", "*.json"), recursive=True):
            copy = os.path.join(target, os.path.relpath(path, folder))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            save_json_file(load_json_file(model, path), copy)
    for part in ("workloads", "traces"):
        for path in glob.glob(os.path.join(folder, part, "**", "*.jsonl"), recursive=True):
            copy = os.path.join(target, os.path.relpath(path, folder))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            save_jsonl_file(load_jsonl_file(Trace, path), copy)


def contents(folder):
    result = {}
    for path in glob.glob(os.path.join(folder, "**", "*.json*"), recursive=True):
        with open(path, "rb") as file:
            result[os.path.relpath(path, folder)] = file.read()
    return result


class DocumentTests(unittest.TestCase):
    def test_every_document_loads_and_means_the_same(self):
        for folder in [WRITTEN, os.path.join(FIXTURES, "flashinfer-trace"), *SETS]:
            counts = {}
            for path, model, raw in documents(folder):
                with self.subTest(path=os.path.relpath(path, folder)):
                    read = model.model_validate_json(json.dumps(raw))
                    self.assertEqual(list(differences(raw, read.model_dump())), [])
                    counts[model.__name__] = counts.get(model.__name__, 0) + 1
            self.assertTrue(counts, f"{folder} holds no documents")
            print(f"interchange: {os.path.basename(folder)}: " + ", ".join(f"{n} {k}" for k, n in counts.items()))

    def test_a_whole_set_loads_with_everything_in_its_place(self):
        for folder in [WRITTEN, *SETS]:
            trace_set = TraceSet.from_path(folder)
            counted = {"definitions": len(trace_set.definitions)}
            for part in ("solutions", "workloads", "traces"):
                counted[part] = sum(len(items) for items in getattr(trace_set, part).values())
            expected = dict.fromkeys(counted, 0)
            for path, _, _ in documents(folder):
                expected[os.path.relpath(path, folder).split(os.sep)[0]] += 1
            self.assertEqual(counted, expected)

    def test_the_rooms_documents_load_and_mean_the_same(self):
        found = glob.glob(os.path.join(ROOT, "Kernels", "*", "definitions", "*.json"))
        found += glob.glob(os.path.join(ROOT, "Kernels", "*", "solutions", "*.json"))
        self.assertTrue(found)
        for path in found:
            model = Definition if os.path.basename(os.path.dirname(path)) == "definitions" else Solution
            with open(path, encoding="utf-8") as file, self.subTest(path=os.path.relpath(path, ROOT)):
                self.assertEqual(list(differences(json.load(file), load_json_file(model, path).model_dump())), [])
        for path in glob.glob(os.path.join(ROOT, "Kernels", "*", "workloads.jsonl")):
            with open(path, encoding="utf-8") as file, self.subTest(path=os.path.relpath(path, ROOT)):
                for line, read in zip(file, load_jsonl_file(Trace, path), strict=True):
                    self.assertTrue(read.is_workload_trace())
                    self.assertEqual(list(differences(json.loads(line), read.model_dump())), [])

    def test_hashes_follow_the_rule(self):
        # 0.1.2 includes the name, later sources and Solution.contentHash do not.
        rooms = glob.glob(os.path.join(ROOT, "Kernels", "*", "solutions", "*.json"))
        raws = []
        for path in rooms:
            with open(path, encoding="utf-8") as file:
                raws.append(json.load(file))
        for folder in [WRITTEN, *SETS]:
            raws += [raw for _, model, raw in documents(folder) if model is Solution]
        for raw in raws:
            read = Solution.model_validate_json(json.dumps(raw))
            self.assertEqual(read.hash(), content_hash(raw, with_name=not HAS_SCORES), raw["name"])
        print(f"interchange: {len(raws)} hashes agree")

    def test_what_the_package_writes_is_byte_for_byte_what_swiftlet_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            rewrite(WRITTEN, folder)
            self.assertEqual(contents(folder), contents(WRITTEN))


if __name__ == "__main__":
    unittest.main()

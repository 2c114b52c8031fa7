#!/usr/bin/env python3
"""Checks that each target imports only what docs/architecture.md lets it import.

SwiftPM lets a source file import any module that some dependency builds. This check does not: an import of one of our
modules must be allowed by the table below and be a declared dependency of the target; an import of a package must be
in the table; an import of a system module must be among those named here. Errors are `file:line: sentence`.

    Scripts/check_layering.py                     asks `swift package describe`
    Scripts/check_layering.py --description FILE   reads its output from a file
"""

import argparse
import json
import os
import re
import subprocess
import sys

# target: the modules it may import, besides the system's. JSONText may be imported by every target.
ALLOWED = {
    # level 0
    "JSONText": "",
    "Tensors": "",
    "Templates": "",
    "Tokenization": "Templates",
    "Paging": "",
    # level 1
    "CPUIntrinsics": "",
    "CProcesses": "",
    "CConfinement": "",
    "CTensorABI": "",
    "CCUDA": "",
    "CUDADriver": "CCUDA Tensors",
    "Traces": "Tensors",
    "Checkpoints": "Tensors",
    "PageStorage": "",
    "Scheduling": "Paging Tokenization",
    # level 2
    "Simulation": "Scheduling Paging Tokenization",
    "KernelRuntime": "Tensors Traces CUDADriver CPUIntrinsics CProcesses CTensorABI",
    "Communication": "Tensors CUDADriver",
    # level 3: the leaf targets are compiled for one instruction set each
    "KernelsBaseline": "CPUIntrinsics",
    "KernelsAVX2": "CPUIntrinsics",
    "KernelsAVX512": "CPUIntrinsics",
    "CKernels": "CPUIntrinsics",
    "Kernels": "KernelRuntime Tensors Traces Checkpoints CPUIntrinsics KernelsBaseline KernelsAVX2 KernelsAVX512 CKernels",
    # level 4
    "Models": "Kernels KernelRuntime Communication Checkpoints Tensors Traces",
    "Benchmarking": "KernelRuntime Kernels CUDADriver Traces Tensors Checkpoints CPUIntrinsics CProcesses CConfinement KernelsBaseline KernelsAVX2 KernelsAVX512 CKernels",
    # level 5 and up
    "Generation": "Models KernelRuntime Checkpoints PageStorage Scheduling Paging Tokenization Tensors",
    "Serving": "Generation Scheduling Tokenization Templates"
    " Hummingbird HummingbirdCore HTTPTypes Logging NIOCore NIOPosix NIOHTTP1 ServiceLifecycle",
    "swiftlet": "* ArgumentParser",
}
EVERYWHERE = {"JSONText"}

# Modules of the toolchain and the C library, for every target.
SYSTEM = {"Swift", "Glibc", "Musl", "Synchronization", "FoundationEssentials", "_Builtin_intrinsics", "Dispatch"}

# Refused outside the tests, whatever a target declares.
REFUSED = {
    "Foundation": "it adds 45 MB to the binary: import FoundationEssentials",
    "FoundationNetworking": "it needs full Foundation: use Hummingbird's and NIO's types",
    "FoundationXML": "it needs full Foundation",
    "FoundationInternationalization": "it carries the 30 MB of ICU data",
}

# Targets of these types, or under these folders, may import any module that they declare.
FREE_TYPES = {"test", "plugin", "snippet"}
FREE_FOLDERS = ("Tests/", "Examples/", "Benchmarks/", "chapters/")

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
    r"(?:(?:typealias|struct|class|enum|protocol|let|var|func|actor)\s+)?(?:`?)(\w+)"
)
LITERAL = re.compile(r'//[^\n]*|/\*|(#*)"""|(#*)"')


def blank(text):
    """The text with its line breaks only."""
    return "\n" * text.count("\n")


def without_literals(source):
    """`source` with comments and string literals emptied; line numbers stay."""
    out, place = [], 0
    while match := LITERAL.search(source, place):
        out.append(source[place : match.start()])
        opening = match.group()
        if opening.startswith("//"):
            end = match.end()
        elif opening == "/*":
            end, depth = match.end(), 1
            while depth and (nested := re.compile(r"/\*|\*/").search(source, end)):
                depth += 1 if nested.group() == "/*" else -1
                end = nested.end()
            end = len(source) if depth else end
        else:
            hashes = match.group(1) or match.group(2) or ""
            quote = '"""' if opening.endswith('"""') else '"'
            line_end = r"|(?=\n)" if quote == '"' else ""
            skipped = r"(?:\\.|(?!%s).)*?" % re.escape(quote + hashes) if not hashes else r".*?"
            closing = re.compile(skipped + "(?:" + re.escape(quote + hashes) + line_end + ")", re.DOTALL)
            found = closing.match(source, match.end())
            end = found.end() if found else len(source)
        out.append(blank(source[match.start() : end]))
        place = end
    out.append(source[place:])
    return "".join(out)


def imports_of(path):
    """(line, module) of each import in a Swift file. `import A.B` counts as A."""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    for number, line in enumerate(without_literals(source).split("\n"), 1):
        for statement in line.split(";"):
            if match := IMPORT.match(statement):
                yield number, match.group(1)


def is_free(target):
    return target.get("type") in FREE_TYPES or (target["path"] + "/").startswith(FREE_FOLDERS)


def check(description, root):
    """The findings, as sentences that begin with the place."""
    targets = {target["name"]: target for target in description["targets"]}
    ours = set(targets) | set(ALLOWED)
    findings = []
    for name, target in sorted(targets.items()):
        declared = set(target.get("target_dependencies", []))
        free = is_free(target)
        if not free and name not in ALLOWED:
            findings.append(f"Package.swift: target {name} is not in the table of Scripts/check_layering.py: add it there")
            continue
        allowed = set() if free else set(ALLOWED[name].split())
        allowed |= EVERYWHERE
        everything = free or "*" in allowed
        for dependency in sorted(declared - allowed if not everything else ()):
            findings.append(f"Package.swift: target {name} may not depend on {dependency}")
        for source in target.get("sources", []):
            if not source.endswith(".swift"):
                continue
            path = os.path.join(target["path"], source)
            for line, module in imports_of(os.path.join(root, path)):
                place = f"{path}:{line}"
                if module in REFUSED and not free:
                    findings.append(f"{place}: {module} may not be imported: {REFUSED[module]}")
                elif module in SYSTEM or module == name:
                    continue
                elif module in ours:
                    if not everything and module not in allowed:
                        findings.append(f"{place}: {name} may not import {module}")
                    elif module not in declared:
                        findings.append(f"{place}: {name} imports {module} without declaring it in Package.swift")
                elif not free and module not in allowed and not ("*" in allowed and module in packages_of_others()):
                    findings.append(f"{place}: {name} may not import {module}: no rule names it")
    return findings


def packages_of_others():
    """Modules of packages that some target may import."""
    return {word for words in ALLOWED.values() for word in words.split()} - set(ALLOWED) - {"*"}


def main():
    parser = argparse.ArgumentParser(description="Check which modules each target imports.")
    parser.add_argument("--description", metavar="FILE", help="output of `swift package describe --type json`")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    options = parser.parse_args()
    if options.description:
        with open(options.description, encoding="utf-8") as file:
            text = file.read()
    else:
        command = ["swift", "package", "describe", "--type", "json"]
        done = subprocess.run(command, cwd=options.root, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit("error: `swift package describe` failed (its message is above)")
        text = done.stdout
    description = json.loads(text[text.index("{") :])  # SwiftPM may print progress before it
    findings = check(description, options.root)
    for finding in findings:
        print(finding)
    count = len(description["targets"])
    print(f"layering: {count} targets, {len(findings)} findings" if findings else f"layering: {count} targets, all right")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

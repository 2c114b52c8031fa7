import JSONText
import KernelRuntime

/// The compilers that solutions are built with.
enum ToolHealth {
  static func lines() -> [HealthLine] {
    [
      line("swiftc", "kernels in Swift: install the Swift toolchain"),
      line("clang++", "kernels in C++, unless g++ is there: install clang"),
      line("g++", "kernels in C++, unless clang++ is there: install g++"),
    ] + toolchainLines()
  }

  /// What compiles kernels for GPUs, with or without one.
  private static func toolchainLines() -> [HealthLine] {
    let toolchain = KernelToolchain.find([".venv-kernels", SwiftletHome.path + "/kernels-toolchain"])
    guard let problem = toolchain.problems.first else {
      return [HealthLine(.ok, "kernels toolchain", toolchain.root)]
    }
    return [HealthLine(.missing, "kernels toolchain", problem, fix: "needed to build kernels for GPUs")]
  }

  private static func line(_ name: String, _ use: String) -> HealthLine {
    guard let outcome = try? ChildProcess.run([name, "--version"], within: .seconds(20)) else {
      return HealthLine(.missing, name, "cannot be started", fix: "needed for \(use)")
    }
    if outcome.status != 0 {
      return HealthLine(
        .warning, name, "ends with status \(outcome.status) when asked for its version", fix: "needed for \(use)")
    }
    let said = (outcome.output + "\n" + outcome.errors).split(separator: "\n").map(String.init)
    let version =
      said.first { $0.contains("Swift version") } ?? said.first { $0.contains("release") } ?? said.first ?? "no version"
    return HealthLine(.ok, name, version)
  }
}

/// Python, and the packages that solutions in it need.
enum PythonHealth {
  private static let uses = [
    ("numpy", "checking solutions in Python"), ("torch", "solutions and references in PyTorch"),
    ("safetensors", "workloads' tensors in Python"),
  ]
  /// Asks the installed metadata: importing would take seconds.
  private static let script = """
    import importlib.metadata, json, platform, sys
    def version(name):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None
    print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))
    """

  static func lines() -> [HealthLine] {
    let command = ["python3", "-c", script] + uses.map(\.0)
    guard let outcome = try? ChildProcess.run(command, within: .seconds(30)) else {
      return [
        HealthLine(
          .missing, "python3", "cannot be started", fix: "needed for solutions in Python, Triton and TileLang")
      ]
    }
    guard outcome.status == 0, let versions = try? JSONValue(parsing: outcome.output),
      let python = versions["python"]?.string
    else {
      let last = outcome.errors.split(separator: "\n").last.map(String.init) ?? "no answer"
      return [HealthLine(.warning, "python3", "ends with status \(outcome.status): \(last)")]
    }
    return [HealthLine(.ok, "python3", python)]
      + uses.map { name, use in
        versions[name]?.string.map { HealthLine(.ok, name, $0) }
          ?? HealthLine(.missing, name, "not installed for python3", fix: "needed for \(use): pip install \(name)")
      }
  }
}

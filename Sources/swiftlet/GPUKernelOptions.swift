import ArgumentParser
import FoundationEssentials
import KernelRuntime
import Logging

/// Where kernels for GPUs are: their sources, what compiles them, and what was compiled already.
struct GPUKernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder of rooms with kernels for GPUs: <room>/<cuda, triton or tilelang>/<name>.",
      discussion: "Default: Kernels in this folder, if it is there.", valueName: "dir"))
  var kernelSources: String?

  @Option(
    help: ArgumentHelp(
      "Kernels compiled elsewhere (swiftlet kernels build --out): then no sources and compilers are needed.",
      valueName: "dir"))
  var artifacts: String?

  @Option(
    help: ArgumentHelp(
      "Compilers of kernels for GPUs, as `make kernels-toolchain` installs them.",
      discussion: "Default: .venv-kernels in this folder, then ~/.cache/swiftlet/kernels-toolchain.", valueName: "dir"))
  var kernelsToolchain: String?

  var toolchain: KernelToolchain {
    if let kernelsToolchain { return KernelToolchain(root: kernelsToolchain) }
    return .find([".venv-kernels", SwiftletHome.path + "/kernels-toolchain"])
  }

  /// The sources; nil when the default folder has none.
  /// - Throws: when the folder was named and is not there.
  func sources() throws -> KernelSourceFolder? {
    let root = kernelSources ?? "Kernels"
    var isFolder = false
    guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder), isFolder else {
      if kernelSources != nil { throw ValidationError("--kernel-sources: there is no folder \(root)") }
      return nil
    }
    return KernelSourceFolder(root: root)
  }

  /// What compiles the sources; nil when there are none.
  /// - cache: another folder for what is built.
  func builder(cache: String? = nil) throws -> GPUKernelBuilder? {
    try sources().map {
      GPUKernelBuilder(
        sources: $0, toolchain: toolchain, cache: ArtifactCache(root: cache ?? KernelBuilding.defaultCache))
    }
  }

  /// What was compiled elsewhere; nil when none was named.
  /// - onProblem: told of each entry that cannot be used.
  /// - Throws: when the named folder has nothing.
  func artifactFolder(onProblem: (String) -> Void) throws -> KernelArtifactFolder? {
    guard let artifacts else { return nil }
    let found = KernelArtifactFolder(root: artifacts)
    if found.count == 0 && found.problems.isEmpty {
      throw ValidationError(
        "--artifacts: there is no compiled kernel in \(artifacts); swiftlet kernels build --all --out \(artifacts)")
    }
    for problem in found.problems { onProblem(problem) }
    return found
  }

  /// The kernels for commands that look at devices themselves; entries that cannot be used are named on standard error.
  func kernels(cache: String?, devices: GPUDevices) throws -> GPUKernels {
    let folder = try artifactFolder { Terminal.printError("a compiled kernel is left out: \($0)") }
    return GPUKernels(builder: try builder(cache: cache), artifacts: folder, devices: devices)
  }

  /// The solutions as candidates for binding.
  func solutions(log: Logger) throws -> [KernelSolution] {
    let builder = try builder()
    for problem in builder?.sources.problems ?? [] { log.warning("a kernel is left out: \(problem)") }
    let folder = try artifactFolder { log.warning("a compiled kernel is left out: \($0)") }
    if builder == nil && folder == nil { return [] }
    return GPUKernels(builder: builder, artifacts: folder).solutions
  }
}

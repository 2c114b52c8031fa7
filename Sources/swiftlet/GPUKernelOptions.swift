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

  /// The solutions as candidates for binding.
  func solutions(log: Logger) throws -> [KernelSolution] {
    let builder = try builder()
    for problem in builder?.sources.problems ?? [] { log.warning("a kernel is left out: \(problem)") }
    var folder: KernelArtifactFolder?
    if let artifacts {
      let found = KernelArtifactFolder(root: artifacts)
      if found.count == 0 && found.problems.isEmpty {
        throw ValidationError(
          "--artifacts: there is no compiled kernel in \(artifacts); swiftlet kernels build --all --out \(artifacts)")
      }
      for problem in found.problems { log.warning("a compiled kernel is left out: \(problem)") }
      folder = found
    }
    if builder == nil && folder == nil { return [] }
    return GPUKernels(builder: builder, artifacts: folder).solutions
  }
}

import JSONText
import Synchronization
import Traces

/// The Python programs that build and interpret kernels in Triton and TileLang, as this program carries them.
enum KernelToolFiles {
  static let all: [SourceFile] = [
    ("kernel_tool.py", PackageResources.kernel_tool_py), ("kernel_tool_plan.py", PackageResources.kernel_tool_plan_py),
    ("kernel_tool_cubin.py", PackageResources.kernel_tool_cubin_py),
    ("kernel_tool_triton.py", PackageResources.kernel_tool_triton_py),
    ("kernel_tool_interpreter.py", PackageResources.kernel_tool_interpreter_py),
    ("kernel_tool_tilelang.py", PackageResources.kernel_tool_tilelang_py),
    ("kernel_tool_torch.py", PackageResources.kernel_tool_torch_py),
  ].map { SourceFile(path: $0.0, content: String(decoding: $0.1, as: UTF8.self)) }

  /// Differs when a program differs.
  static let fingerprint: String = {
    var sha = SHA256()
    for file in all {
      sha.update(field: file.path)
      sha.update(field: file.content)
    }
    return sha.hexDigest()
  }()

  /// Puts the programs where Python finds them.
  /// - Returns: the path of the one to start.
  /// - Throws: `buildFailed` when the disk refuses.
  static func unpack(in cache: ArtifactCache) throws(KernelError) -> String {
    let recipe = BuildRecipe(
      BuildSpec(language: .python, targetHardware: ["cpu"], entryPoint: "kernel_tool.py::main"), sources: all,
      tool: Tool(path: "", version: ""), flags: [], target: "any", artifactName: nil)
    return try cache.artifact(for: recipe, solution: "kernel_tool") { _ in }.sourceFolder + "/kernel_tool.py"
  }
}

/// Processes of the tool for one language, each building one kernel after the other: as many as there are threads that ask.
///
/// Importing a compiler takes longer than building a kernel, so processes are kept. One that ended takes its build with it,
/// not its successors.
final class PythonKernelTool: Sendable {
  private let toolchain: KernelToolchain, cache: ArtifactCache, language: Language
  private let limit: Duration
  private let idle = Mutex<[Process]>([])

  /// A process, held by one thread at a time.
  private final class Process: @unchecked Sendable {
    let worker: KernelWorker
    init(_ worker: KernelWorker) { self.worker = worker }
  }

  init(_ toolchain: KernelToolchain, cache: ArtifactCache, language: Language, limit: Duration = .seconds(300)) {
    (self.toolchain, self.cache, self.language, self.limit) = (toolchain, cache, language, limit)
  }

  /// Builds what a request says, into its folder.
  /// - Throws: `buildFailed` with the tool's words.
  func build(_ request: JSONObject) throws(KernelError) {
    let waiting = idle.withLock { $0.popLast() }
    let process = if let waiting { waiting } else { try start() }
    defer { if process.worker.end == nil { idle.withLock { $0.append(process) } } }
    try process.worker.ask(request, within: limit, .buildFailed)
  }

  private func start() throws(KernelError) -> Process {
    let script = try KernelToolFiles.unpack(in: cache)
    do throws(KernelError) {
      return Process(
        try KernelWorker(
          "the builder", [toolchain.python, "-u", script, language.rawValue, "serve"], sharesMemory: false))
    } catch {
      throw KernelError(.buildFailed, error.reason)
    }
  }

  /// Ends the processes that are waiting for work.
  func rest() { idle.withLock { $0 = [] } }
}

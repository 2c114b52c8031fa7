import Traces

/// What the emulation watches while it runs a kernel.
public enum EmulationMode: String, Sendable, Hashable, CaseIterable {
  case plain
  /// Every access to memory, by AddressSanitizer, whose runtime the process must begin with.
  case address
  /// Races between threads of a block, and addresses that a device would refuse. Needs clang.
  case races
}

/// Compiles kernels for the emulation of a GPU: CUDA C++ as C++ for the processor, and the library that it runs on.
///
/// Format and commands: Kernels/include/emulation/README.md.
final class EmulationCompiler: Sendable {
  /// The folder of its headers and sources.
  let folder: String
  private let mode: EmulationMode
  private let toolchain: KernelToolchain
  private let cache: ArtifactCache
  private let limit: Duration
  private let compiler = Once<Tool?>(), content = Once<[SourceFile]>()
  private let digest = Once<String>(), native = Once<String>()
  private static let compilers = ["clang++", "g++"]

  init(
    folder: String, mode: EmulationMode = .plain, toolchain: KernelToolchain, cache: ArtifactCache,
    limit: Duration = .seconds(300)
  ) {
    (self.folder, self.mode, self.toolchain, self.cache, self.limit) = (folder, mode, toolchain, cache, limit)
  }

  private var tool: Tool? { compiler { Tool.find(Self.compilers) } }

  /// Why nothing can be executed; nil when it can.
  var problem: String? {
    if !CacheFiles.isDirectory(folder) { return "there is no emulation at \(folder), which executes kernels on a CPU" }
    if mode == .races, let tool, !isClang(tool) {
      return "races are found with clang++ only, and there is \(tool.path)"
    }
    return tool == nil
      ? "the emulation needs a C++ compiler: there is no \(Self.compilers.joined(separator: " or "))" : nil
  }

  /// Differs when a kernel compiled before would not run as one compiled now.
  var fingerprint: String {
    digest {
      var sha = SHA256()
      for file in files {
        sha.update(field: file.path)
        sha.update(field: file.content)
      }
      for text in [mode.rawValue, tool?.path ?? "", tool?.version ?? "", native { BuildTarget.native() }] {
        sha.update(field: text)
      }
      return sha.hexDigest()
    }
  }

  /// The emulation's own files.
  private var files: [SourceFile] {
    content {
      var found: [SourceFile] = [], folders = [""]
      while let place = folders.popLast() {
        for name in CacheFiles.names(in: folder + place) {
          let path = place + "/" + name
          if CacheFiles.isDirectory(folder + path) {
            folders.append(path)
          } else if !name.hasSuffix(".md"), let bytes = CacheFiles.read(folder + path, limit: 4 << 20) {
            found.append(SourceFile(path: String(path.dropFirst()), content: String(decoding: bytes, as: UTF8.self)))
          }
        }
      }
      return found.sorted { $0.path < $1.path }
    }
  }

  private func isClang(_ tool: Tool) -> Bool { tool.version.contains("clang") }

  /// For the library and for kernels.
  private var flags: [String] {
    var flags = [
      "-std=c++17", "-O2", "-g", "-march=native", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-strict-aliasing",
    ]
    flags += toolchain.cudaIncludes.prefix(1).flatMap { ["-isystem", $0] }
    switch mode {
    case .plain: break
    case .address:
      flags += ["-fsanitize=address", "-fno-omit-frame-pointer", "-DSWIFTLET_EMULATION_ADDRESS"]
      if tool.map(isClang) == true { flags.append("-shared-libsan") }
    case .races: flags.append("-fno-omit-frame-pointer")
    }
    return flags
  }

  /// For kernels alone.
  private var kernelFlags: [String] {
    mode == .races ? ["-fsanitize=thread,alignment", "-fno-sanitize-link-runtime"] : []
  }

  /// The library that kernels run on, which is also the driver that launches them. Compiled once.
  /// - Throws: `buildFailed` with the compiler's words.
  func library() throws(KernelError) -> String {
    if let problem { throw KernelError(.buildFailed, problem) }
    let spec = BuildSpec(language: .cpp, targetHardware: ["cpu"], entryPoint: "library.cpp::cuInit")
    let recipe = BuildRecipe(
      spec, sources: [SourceFile(path: "library.cpp", content: "")],
      tool: Tool(path: tool?.path ?? "", version: fingerprint), flags: flags + [libraryName],
      target: native { BuildTarget.native() },
      artifactName: "libswiftlet-emulation.so")
    return try cache.artifact(for: recipe, solution: "emulation") { entry throws(KernelError) in
      try run(
        flags + [
          "-x", "c++", "-o", entry + "/libswiftlet-emulation.so", folder + "/library.cpp",
          "-Wl,-soname,\(libraryName)", "-ldl", "-lpthread",
        ])
    }.path
  }

  /// What kernels find the loaded library by. Libraries of other folders may be loaded beside it, and each kernel has to run
  /// on the one that launches it.
  private var libraryName: String {
    "libswiftlet-emulation-\(SHA256.hexDigest(of: Array("\(cache.root) \(mode) \(fingerprint)".utf8)).prefix(16)).so.1"
  }

  /// Compiles one source.
  /// - entries: its `extern "C" __global__` functions.
  /// - Throws: `buildFailed` with the compiler's words.
  func compile(_ job: CUDACompiler.Job, entries: [String], to image: String, in entry: String) throws(KernelError) {
    let library = try library()
    var text = job.text, includes = job.includes
    if job.isTileLang {
      includes = [folder + "/tilelang"]
      text = text.replacingDynamicShared()
    }
    let source = image + ".cpp"
    try CacheFiles.write(
      "#line 1 \"\(job.name)\"\n\(text)\n" + entries.map { "EMULATED_KERNEL(\($0))\n" }.joined(), to: source)
    defer { CacheFiles.remove(source) }
    try run(
      flags + kernelFlags + ["-include", folder + "/emulation.h"] + includes.flatMap { ["-I", $0] }
        + job.macros.map { "-D\($0.name)=\($0.value)" } + [
          "-Wno-unknown-pragmas", "-Wno-pass-failed", "-o", image, source, library,
        ])
  }

  private func run(_ arguments: [String]) throws(KernelError) {
    guard let tool else { throw KernelError(.buildFailed, problem ?? "there is no C++ compiler") }
    let outcome: ChildProcess.Outcome
    do throws(KernelError) {
      outcome = try ChildProcess.run([tool.path] + arguments, within: limit)
    } catch {
      throw KernelError(.buildFailed, error.reason)
    }
    if outcome.status != 0 {
      throw KernelError(
        .buildFailed,
        "for the emulation, \(tool.path) found errors:\n" + CUDACompiler.head(outcome.errors + outcome.output))
    }
  }
}

extension String {
  /// TileLang's `extern __shared__ __align__(1024) uchar buf_dyn_shmem[];` in the emulation's words.
  fileprivate func replacingDynamicShared() -> String {
    split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let words = line.split(separator: " ")
      guard words.count >= 4, words[0] == "extern", words[1] == "__shared__", let last = words.last,
        last.hasSuffix("[];")
      else { return String(line) }
      return "EMULATED_DYNAMIC_SHARED(\(words[words.count - 2]), \(last.dropLast(3)));"
    }.joined(separator: "\n")
  }
}

import JSONText
import Tensors
import Traces

/// Turns kernels' sources into artifacts, once for each definition and target.
///
///     let builder = GPUKernelBuilder(sources: KernelSourceFolder(root: "Kernels"), toolchain: toolchain, cache: cache)
///     let artifact = try builder.artifact(source, for: definition, target: "sm_90a")
///
/// What decides an artifact goes into its hash: the source and the headers that it includes, the definition's constants, the
/// target, the toolchain's versions and this program's own part. Safe to use from several threads.
public final class GPUKernelBuilder: Sendable {
  public let sources: KernelSourceFolder
  public let toolchain: KernelToolchain
  public let cache: ArtifactCache
  let cuda: CUDACompiler
  let emulation: EmulationCompiler
  private let triton: PythonKernelTool, tilelang: PythonKernelTool

  /// - emulation: what executions on the CPU watch.
  public init(
    sources: KernelSourceFolder, toolchain: KernelToolchain, cache: ArtifactCache,
    emulation mode: EmulationMode = .plain
  ) {
    (self.sources, self.toolchain, self.cache) = (sources, toolchain, cache)
    cuda = CUDACompiler(toolchain)
    emulation = EmulationCompiler(
      folder: sources.emulationFolder, mode: mode, toolchain: toolchain, cache: cache)
    triton = PythonKernelTool(toolchain, cache: cache, language: .triton)
    tilelang = PythonKernelTool(toolchain, cache: cache, language: .tilelang)
  }

  /// Why a kernel cannot be built for a definition and a target; nil when it can be tried.
  /// - target: `sm_80`, `sm_90a` …, `emulated`; for Triton `interpreted`.
  public func refusal(_ source: KernelSource, for definition: Definition, target: String) -> String? {
    if let reason = source.refusal(of: definition) { return reason }
    if LaunchRecord.targetNumber(target) != nil {
      return source.refusal(of: target) ?? toolchain.problem(for: source.language)
    }
    if source.header.isCompiledOnly { return "is compiled only: nothing on this machine executes what it uses" }
    if let targets = source.header.targets, !targets.contains("sm_80") {
      return "is for \(targets.joined(separator: ", ")) only, which no emulation executes"
    }
    if let problem = toolchain.problem(for: source.language, emulated: true) { return problem }
    return source.language == .triton ? nil : emulation.problem
  }

  /// The artifact, from the cache or built now.
  /// - Throws: `buildFailed` with the compiler's words, a spill, or where the plan and the image disagree.
  public func artifact(
    _ source: KernelSource, for definition: Definition, target: String
  ) throws(KernelError) -> KernelArtifact {
    do throws(KernelError) {
      if let reason = refusal(source, for: definition, target: target) { throw KernelError(.buildFailed, reason) }
      let constants = KernelConstants(definition, for: source.header)
      let (recipe, text) = recipe(source, constants, target)
      let entry = try cache.artifact(for: recipe, solution: source.name) { folder throws(KernelError) in
        try build(source, constants, text, target, in: folder)
      }
      return try KernelArtifact(folder: entry.folder, isFromCache: entry.isFromCache)
    } catch {
      throw KernelError(error.code, definition: definition.name, solution: source.name, error.reason)
    }
  }

  /// The artifact if it was built before; nothing is compiled.
  public func cachedArtifact(_ source: KernelSource, for definition: Definition, target: String) -> KernelArtifact? {
    guard source.refusal(of: definition) == nil else { return nil }
    let recipe = recipe(source, KernelConstants(definition, for: source.header), target).0
    return try? KernelArtifact(folder: "\(cache.root)/\(source.language.rawValue)/\(recipe.hash)")
  }

  /// Ends processes that wait for more to build.
  public func rest() {
    triton.rest()
    tilelang.rest()
  }

  // MARK: recipes

  private func recipe(
    _ source: KernelSource, _ constants: KernelConstants, _ target: String
  ) -> (BuildRecipe, CUDASourceText?) {
    let isEmulated = target == LaunchRecord.emulated
    var macros = constants.macros
    if isEmulated { macros.append(.init("SWIFTLET_EMULATION", "1")) }
    let text =
      source.language == .cuda ? CUDASourceText(source, macros: macros, folders: [sources.includeFolder]) : nil
    let request = constants.request(source: source, target: target, folder: "")
    var version = toolchain.fingerprint(of: source.language, emulated: isEmulated) + "; records \(Self.generation)"
    if source.language != .cuda { version += "; tool \(KernelToolFiles.fingerprint)" }
    if isEmulated { version += "; emulation \(emulation.fingerprint)" }
    let spec = BuildSpec(
      language: source.language, targetHardware: [target], entryPoint: "\(source.fileName)::\(source.name)")
    // Names, not places: the same sources elsewhere are the same build.
    var headers: [SourceFile] = []
    for header in text?.headers ?? [] {
      let name = header.path.split(separator: "/").last.map(String.init) ?? header.path
      headers.append(SourceFile(path: "\(headers.count)/\(name)", content: header.content))
    }
    let facts = JSONValue.object(
      JSONObject(request.members.filter { $0.key != "source" && $0.key != "out" }.map { ($0.key, $0.value) }))
    let recipe = BuildRecipe(
      spec, sources: [SourceFile(path: source.fileName, content: source.text)], headers: headers,
      tool: Tool(path: "kernels toolchain", version: version), flags: [facts.compact], target: target,
      artifactName: "launch.json")
    return (recipe, text)
  }

  /// Changes when this program makes other artifacts of the same sources.
  private static let generation = 2

  // MARK: building

  private func build(
    _ source: KernelSource, _ constants: KernelConstants, _ text: CUDASourceText?, _ target: String, in folder: String
  ) throws(KernelError) {
    var record: LaunchRecord
    switch source.language {
    case .cuda:
      guard let text else { throw KernelError(.buildFailed, "no source") }
      record = try self.record(of: source, constants, text, target)
      record.resources = try compile(source.text, source, constants.macros, target, into: "kernel", in: folder)
    default:
      var request = constants.request(source: source, target: target, folder: folder)
      request["do"] = .string("build")
      try (source.language == .triton ? triton : tilelang).build(request)
      record = try Self.record(in: folder)
      if source.language == .tilelang { try compileLowered(&record, source, target, in: folder) }
    }
    if target != LaunchRecord.emulated {
      try Self.checkParameters(record, in: folder)
      try Self.checkSpills(record, source)
    }
    CacheFiles.remove(folder + "/launch.json")
    try CacheFiles.write(record.json.pretty + "\n", to: folder + "/launch.json")
  }

  private static func record(in folder: String) throws(KernelError) -> LaunchRecord {
    guard let bytes = CacheFiles.read(folder + "/launch.json") else {
      throw KernelError(.buildFailed, "the builder left no launch.json")
    }
    do throws(LaunchRecordError) {
      return try LaunchRecord(json: bytes)
    } catch {
      throw KernelError(.buildFailed, "what the builder left is no launch record: \(error)")
    }
  }

  /// Compiles one CUDA source to `<stem>.cubin`, or to `<stem>.so` for the emulation.
  private func compile(
    _ text: String, _ source: KernelSource, _ macros: [LaunchRecord.Member<String>], _ target: String,
    into stem: String,
    in folder: String, entries: [String] = []
  ) throws(KernelError) -> [LaunchRecord.Resources] {
    let isTileLang = source.language == .tilelang
    let includes = isTileLang ? toolchain.tileLangIncludes : [source.folder, sources.includeFolder]
    let job = CUDACompiler.Job(
      text: text, name: isTileLang ? "\(source.name).\(stem).cu" : source.path, target: target, macros: macros,
      includes: includes, isTileLang: isTileLang)
    if target == LaunchRecord.emulated {
      let entries = entries.isEmpty ? source.header.plan.launches.map(\.entry) : entries
      try emulation.compile(job, entries: entries, to: "\(folder)/\(stem).so", in: folder)
      return []
    }
    let made = try cuda.compile(job, in: folder)
    try CacheFiles.write(bytes: made.image, to: "\(folder)/\(stem).cubin")
    return PTXASLog.resources(made.log, image: stem == "kernel" ? nil : stem + ".cubin")
  }

  /// The sources that TileLang left, each an image.
  private func compileLowered(
    _ record: inout LaunchRecord, _ source: KernelSource, _ target: String, in folder: String
  ) throws(KernelError) {
    var entries: [String: [String]] = [:], stems: [String] = []
    for launch in record.launches {
      let stem = String((launch.image ?? record.image ?? "kernel.cubin").prefix { $0 != "." })
      if entries[stem] == nil { stems.append(stem) }
      if !entries[stem, default: []].contains(launch.entry) { entries[stem, default: []].append(launch.entry) }
    }
    for stem in stems {
      guard let bytes = CacheFiles.read("\(folder)/\(stem).cu") else {
        throw KernelError(.buildFailed, "TileLang left no \(stem).cu")
      }
      record.resources += try compile(
        String(decoding: bytes, as: UTF8.self), source, [], target, into: stem, in: folder,
        entries: entries[stem, default: []])
    }
    if target != LaunchRecord.emulated { record.toolchain.append(cuda.version) }
  }
}

extension KernelSource {
  var fileName: String { path.split(separator: "/").last.map(String.init) ?? path }
}

import ArgumentParser
import FoundationEssentials
import KernelRuntime
import Kernels
import Traces

/// `swiftlet kernels show`: one kernel for GPUs, what it takes, and what was compiled of it.
struct KernelsShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "A kernel for GPUs: its header, its definitions, and what was compiled of it.")

  @Argument(help: "The solution's name, such as rmsnorm_cuda.")
  var name: String

  @OptionGroup var gpu: GPUKernelOptions
  @OptionGroup var options: CacheOptions

  func run() throws {
    guard let builder = try gpu.builder(cache: options.cache) else {
      throw ValidationError("there are no kernels for GPUs here: give --kernel-sources FOLDER")
    }
    guard let source = builder.sources.sources.first(where: { $0.name == name }) else {
      throw ValidationError(
        "there is no \(name); there are \(builder.sources.sources.map(\.name).joined(separator: ", "))")
    }
    Terminal.print("\(source.name)  \(source.path), \(source.codeLineCount) lines of code")
    for line in Self.lines(source.header) { Terminal.print("  " + line) }
    Terminal.print("  on a CPU: \(Self.execution(source, builder))")
    Terminal.print("definitions")
    var seen: Set<String> = []
    for definition in GPUDefinitions.conformance + GPUDefinitions.benchmark
    where source.refusal(of: definition) == nil && seen.insert(definition.name).inserted {
      Terminal.print("  \(definition.name)")
      for target in ["sm_80", "sm_90a", LaunchRecord.emulated] {
        guard let artifact = builder.cachedArtifact(source, for: definition, target: target) else { continue }
        let used = artifact.record.resources.map { used in
          "\(used.entry) \(used.registers) registers, spills \(used.spillStores)/\(used.spillLoads), "
            + "shared \(artifact.record.sharedBytes(of: used).map(String.init) ?? "varies")"
        }
        let tools = artifact.record.toolchain.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        Terminal.print(
          "    \(target) by \(tools): \((used.isEmpty ? ["executed here"] : used).joined(separator: "; "))")
        Terminal.print("      \(artifact.folder)")
      }
    }
  }

  private static func lines(_ header: KernelSourceHeader) -> [String] {
    func names(_ list: [KernelSourceHeader.Argument]) -> String {
      list.map { $0.name + ($0.isOptional ? "?" : "") }.joined(separator: ", ")
    }
    var lines = ["operation \(header.operation)", "takes \(names(header.inputs)) -> \(names(header.outputs))"]
    lines += header.types.map { "\($0.name) is \($0.value.map(\.rawValue).joined(separator: ", "))" }
    lines += header.requirements.map { "requires \($0.text)" }
    if !header.tags.isEmpty { lines.append("knows the tags \(header.tags.joined(separator: ", "))") }
    if let targets = header.targets { lines.append("for \(targets.joined(separator: ", ")) only") }
    if let excuse = header.spillExcuse { lines.append("may spill: \(excuse)") }
    for launch in header.plan.launches {
      let grid = launch.grid.map(\.text).joined(separator: ", "),
        block = launch.block.map(\.text).joined(separator: ", ")
      lines.append("launches \(launch.entry) with a grid of (\(grid)) blocks of (\(block))")
    }
    return lines
  }

  /// How a machine without a GPU runs it.
  private static func execution(_ source: KernelSource, _ builder: GPUKernelBuilder) -> String {
    if source.header.isCompiledOnly { return "compiled only, nothing executes it" }
    if let problem = builder.toolchain.problem(for: source.language, emulated: true) {
      return "not executed: \(problem)"
    }
    return source.language == .triton
      ? "by Triton's interpreter"
      : source.language == .cuda ? "as C++, on an emulated GPU" : "lowered for sm_80, then as C++ on an emulated GPU"
  }
}

/// `swiftlet kernels lines`: how long kernels are, language by language.
struct KernelsLines: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lines", abstract: "Lines of code of each kernel for GPUs, by operation and language.",
    discussion: "Comments, empty lines and headers shared by several kernels are not counted.")

  @OptionGroup var gpu: GPUKernelOptions

  func run() throws {
    guard let sources = try gpu.sources()?.sources, !sources.isEmpty else {
      throw ValidationError("there are no kernels for GPUs here: give --kernel-sources FOLDER")
    }
    let languages = KernelSourceFolder.languages
    func row(_ columns: [String]) {
      let text = columns.enumerated().map { TextTable.padded($1, to: $0 == 0 ? 30 : 9) }.joined(separator: "  ")
      Terminal.print(String(text.reversed().drop { $0 == " " }.reversed()))
    }
    row(["kernel"] + languages.map(\.rawValue))
    var stems: [String] = []
    for source in sources {
      let stem = String(source.name.dropLast(source.language.rawValue.count + 1))
      if !stems.contains(stem) { stems.append(stem) }
    }
    var sums = [Int](repeating: 0, count: languages.count)
    for stem in stems {
      let counts = languages.map { language in
        sources.first { $0.name == "\(stem)_\(language.rawValue)" }?.codeLineCount
      }
      for (index, count) in counts.enumerated() { sums[index] += count ?? 0 }
      row([stem] + counts.map { $0.map(String.init) ?? "" })
    }
    row(["all"] + sums.map(String.init))
  }
}

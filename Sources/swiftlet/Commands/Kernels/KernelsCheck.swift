import ArgumentParser
import Benchmarking
import FoundationEssentials
import KernelRuntime
import Kernels
import Tensors
import Traces

/// `swiftlet kernels check`: runs kernels for GPUs and compares what they compute with plain Swift.
struct KernelsCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Run kernels for GPUs, and compare what they compute with plain Swift.",
    discussion: """
      Every kernel of Kernels/<room>/<cuda, triton, tilelang> is run on every definition that it takes: on the CPU by \
      emulation of a GPU or Triton's interpreter, with --device cuda:0 on a GPU. Sequences are ragged and empty, memory \
      is guarded. The exit status is 1 when one disagrees with the oracle or cannot be built; one that was not executed \
      is listed with the reason.
        swiftlet kernels check --operation rmsnorm --language cuda,triton
      """)

  @Option(help: "Where kernels run: cpu, or cuda:<number>.")
  var device = "cpu"

  @Option(help: "Operations, such as rmsnorm,gqa_paged. Default: all.")
  var operation: String?

  @Option(
    help: "Languages. Default: cuda,triton,tilelang; those of the CPU (swift-fast, cpp, swift) can be named, too.")
  var language: String?

  @Option(
    help: "Definitions: a name, or a pattern with *. Default: a small set that covers what definitions differ in.")
  var definition: String?

  @Flag(help: "Definitions of real models, too: for a GPU.")
  var models = false

  @Flag(help: "Two calls for each definition, instead of all.")
  var quick = false

  @OptionGroup var gpu: GPUKernelOptions
  @OptionGroup var options: CacheOptions

  @Option(help: "Watch memory: address (by AddressSanitizer), or races (between threads of a block).")
  var sanitize: Sanitizer?

  @Option(help: "How many definitions are checked at a time. Default: as many as there are processors; 1 on a GPU.")
  var jobs: Int?

  @Option(help: ArgumentHelp("Write the results as JSON.", valueName: "file"))
  var report: String?

  @Option(help: ArgumentHelp("Write the results as Markdown.", valueName: "file"))
  var markdown: String?

  enum Sanitizer: String, ExpressibleByArgument, CaseIterable { case address, races }

  func validate() throws {
    _ = try place()
    if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs is \(jobs); it must be 1 to 64") }
  }

  func run() throws {
    let definitions = try chosenDefinitions()
    if sanitize == .address { try SanitizedProcess.requireAddressSanitizer() }
    let rooms = try gpu.sources()
    for problem in rooms?.problems ?? [] { Terminal.printError("\(problem)") }
    let devices = GPUDevices(), builder = try builder(rooms)
    if try chosenSolutions(builder, devices).isEmpty {
      throw ValidationError("there are no kernels in \(rooms?.root ?? "Kernels") for what was asked")
    }
    var checks = ConformanceBatch(definitions: definitions)
    if quick { checks.workloads = ConformanceWorkload.few(of:) }
    checks.isGuarded = sanitize != .address
    checks.jobs = try place() == .cpu ? jobs ?? WorkerPool.usableProcessors : 1
    checks.onResult = { result in
      let detail = result.passes ? "" : ": disagrees"
      Terminal.printError("\(result.solution) \(result.definition)\(detail)")
    }
    // Each thread has solutions of its own: an interpreter is a process that answers one at a time.
    let results = try checks.run {
      (device: try conformanceDevice(devices), solutions: try chosenSolutions(builder, devices))
    }
    let report = ConformanceReport(results, device: device, sanitizer: sanitize?.rawValue ?? "")
    Terminal.write(report.table)
    if let path = self.report {
      try OutputFile.write(Array((report.json.pretty + "\n").utf8), to: path, option: "--report")
    }
    if let markdown { try OutputFile.write(Array(report.markdown.utf8), to: markdown, option: "--markdown") }
    if !report.passes || rooms?.problems.isEmpty == false { throw ExitCode(1) }
  }

  // MARK: what is checked

  private func chosenDefinitions() throws -> [Definition] {
    let known = GPUDefinitions.conformance + (models || definition != nil ? GPUDefinitions.benchmark : [])
    var seen = Set<String>(), operations = Set<String>()
    if let operation {
      operations = Set(operation.split(separator: ",").map(String.init))
      let all = Set(known.map(\.opType))
      for name in operations where !all.contains(name) {
        throw ValidationError("there is no operation \(name); there are \(all.sorted().joined(separator: ", "))")
      }
    }
    let chosen = known.filter { candidate in
      (operations.isEmpty || operations.contains(candidate.opType))
        && (definition.map { matches(candidate.name, $0) } ?? true)
        && seen.insert(candidate.name).inserted
    }
    if chosen.isEmpty { throw ValidationError("no definition is called \(definition ?? "") and fits the rest") }
    return chosen
  }

  private func matches(_ name: String, _ pattern: String) -> Bool {
    pattern.split(separator: ",").contains { NamePattern(String($0)).matches(name) }
  }

  private func chosenSolutions(_ builder: GPUKernelBuilder?, _ devices: GPUDevices) throws -> [KernelSolution] {
    let artifacts = try gpu.artifactFolder { Terminal.printError("a compiled kernel is left out: \($0)") }
    let forGPUs =
      GPUKernels(builder: builder, artifacts: artifacts, devices: devices).solutions
      + [CUBLASLtGemm.solution(devices: devices)]
    guard let language else { return forGPUs }
    let names = language.split(separator: ",").map { KernelFlavor(rawValue: String($0)) }
    let all = forGPUs + KernelCatalog.solutions, languages = KernelSourceFolder.languages.map(\.rawValue)
    for name in names where !languages.contains(name.rawValue) && !all.contains(where: { $0.flavor == name }) {
      let known = Set(all.map(\.flavor.rawValue) + languages).sorted().joined(separator: ", ")
      throw ValidationError("there is no kernel language \(name); there are \(known)")
    }
    return all.filter { names.contains($0.flavor) }
  }

  // MARK: where

  private func place() throws -> Device {
    if device == "cpu" { return .cpu }
    guard device.hasPrefix("cuda:"), let ordinal = Int(device.dropFirst("cuda:".count)), ordinal >= 0 else {
      throw ValidationError("--device is \(device); it must be cpu or cuda:<number>")
    }
    if sanitize != nil { throw ValidationError("--sanitize watches the emulation, which --device \(device) is not") }
    return .cuda(ordinal: ordinal)
  }

  private func conformanceDevice(_ devices: GPUDevices) throws -> any ConformanceDevice {
    guard case .cuda(let ordinal) = try place() else { return ConformanceCPU(threads: 1) }
    return ConformanceGPU(try CUDAStream(devices.context(ordinal).get()))
  }

  private func builder(_ rooms: KernelSourceFolder?) throws -> GPUKernelBuilder? {
    let mode: EmulationMode =
      switch sanitize {
      case .address: .address
      case .races: .races
      case nil: .plain
      }
    return rooms.map {
      GPUKernelBuilder(sources: $0, toolchain: gpu.toolchain, cache: options.artifacts, emulation: mode)
    }
  }
}

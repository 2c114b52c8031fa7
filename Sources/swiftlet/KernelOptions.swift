import ArgumentParser
import Benchmarking
import FoundationEssentials
import KernelRuntime
import Kernels
import Logging
import Traces

/// How kernels are chosen: the options of every command that runs or looks at them.
struct KernelOptions: ParsableArguments {
  @Option(help: "Kernel languages, best first (swift-fast,cpp,swift), `auto`, or a kernels.yaml file.")
  var kernels = "auto"

  @Option(
    help: ArgumentHelp(
      "Folder with definitions, solutions and traces: candidates, and what is known of their speed.",
      discussion: "Default: ~/.cache/swiftlet/trace-set, where `swiftlet bench kernels` writes.", valueName: "dir"))
  var traceSet: String?

  @OptionGroup var gpu: GPUKernelOptions

  /// Where traces are read from, and written to by benchmarks.
  var traceSetPath: String { traceSet ?? SwiftletHome.path + "/trace-set" }

  /// The policy that `--kernels` asks for.
  func policy() throws -> KernelPolicy {
    guard kernels.hasSuffix(".yaml") || kernels.hasSuffix(".yml") else { return try KernelPolicy(list: kernels) }
    guard let data = FileManager.default.contents(atPath: kernels), let text = String(data: data, encoding: .utf8)
    else {
      throw ValidationError("--kernels: cannot read \(kernels) as text")
    }
    return try KernelPolicy(yaml: text, file: kernels)
  }

  /// The trace set, or an empty one when the default folder is not there.
  /// - Throws: when the folder was named and is not there.
  func loadTraceSet(log: Logger) throws -> TraceSet {
    var isFolder = false
    guard FileManager.default.fileExists(atPath: traceSetPath, isDirectory: &isFolder), isFolder else {
      if traceSet != nil { throw ValidationError("--trace-set: there is no folder \(traceSetPath)") }
      return TraceSet()
    }
    let set = try TraceSet.load(traceSetPath)
    for diagnostic in set.diagnostics.prefix(20) { log.warning("trace set: \(diagnostic)") }
    if set.diagnostics.count > 20 {
      log.warning("trace set: \(set.diagnostics.count - 20) more; see swiftlet traces validate \(traceSetPath)")
    }
    return set
  }

  /// The trace set to add to; its folder need not be there yet.
  func openTraceSet(log: Logger) throws -> TraceSet {
    if FileManager.default.fileExists(atPath: traceSetPath) { return try loadTraceSet(log: log) }
    return TraceSet(root: traceSetPath)
  }

  /// What the traces say, weighted by how often each shape occurred where `serve --trace-workloads` recorded it.
  private func measurements(_ set: TraceSet) throws -> KernelMeasurements {
    guard let root = set.root else { return KernelMeasurements(set) }
    var weights: [String: [[Int]: Double]] = [:]
    for name in set.definitionNames {
      guard let definition = set.definitions[name], set.traces[name] != nil,
        let frequencies = try RecordedFrequencies.load(root: root, definition: definition)
      else { continue }
      let shapes = Set(
        set.traces[name, default: []].map { trace in definition.varAxes.map { trace.workload.axes[$0] ?? 0 } })
      let measured = Array(shapes)
      let shares = frequencies.weights(
        amongNearest: measured.map { OrderedMap<Int>(zip(definition.varAxes, $0).map { ($0, $1) }) })
      if shares.contains(where: { $0 > 0 }) { weights[name] = Dictionary(uniqueKeysWithValues: zip(measured, shares)) }
    }
    let known = weights
    return KernelMeasurements(set) { definition, axes in known[definition.name]?[axes] ?? 1 }
  }

  /// Everything that kernels are chosen from and by.
  func library(log: Logger) throws -> KernelLibrary {
    let set = try loadTraceSet(log: log)
    var library = try KernelLibrary(
      solutions: KernelCatalog.solutions + KernelBuilding.solutions(of: set) + gpu.solutions(log: log),
      policy: try policy())
    library.measurements = try measurements(set)
    library.hardware = Hardware(MachineDescription.processor)
    library.quarantine = try Quarantine(path: SwiftletHome.path + "/quarantine.json", version: Version.text)
    library.switchboard = KernelSwitchboard()
    library.onBind = { decision in
      let chosen = decision.chosen
      log.debug(
        "kernel",
        metadata: [
          "definition": "\(decision.definition)", "solution": "\(chosen?.solution ?? "")",
          "reason": "\(chosen?.reason.rawValue ?? "")",
        ])
      for candidate in decision.candidates where candidate.reason == .failed || candidate.reason == .quarantined {
        log.warning("\(decision.definition): \(candidate.solution) is not used: \(candidate.sentence)")
      }
    }
    library.onFailure = { log.error("\($0)") }
    try library.validatePolicy()
    return library
  }
}

extension KernelLibrary.Candidate {
  /// The verdict in words.
  var sentence: String {
    switch verdict {
    case .chosen: "chosen"
    case .passedOver(let reason), .refused(let reason): reason
    }
  }
}

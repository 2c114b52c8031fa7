import ArgumentParser
import Benchmarking
import FoundationEssentials
import JSONText
import KernelRuntime
import Kernels
import Logging
import Traces

struct BenchKernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "Check and time every kernel on this machine, each in a process of its own, and record traces.",
    discussion: """
      Definitions are the model's and those of the trace set; shapes are the trace set's workloads and, for the model's \
      definitions, decoding of 1, 4 and 16 sequences and prompts of 64 and 256 tokens. Solutions are the program's and the \
      trace set's. What is found goes to the trace set, where kernels are chosen by it.
      Exits with 1 when a kernel of the program itself fails.
      """)

  @OptionGroup var model: ModelOptions

  @Option(
    parsing: .upToNextOption, help: "Only definitions of these names; * and ? stand for any text and any character.")
  var definitions: [String] = []
  @Option(parsing: .upToNextOption, help: "Only these operations, such as gemm or rope.")
  var operations: [String] = []
  @Option(parsing: .upToNextOption, help: "Only solutions of these names.")
  var solutions: [String] = []
  @Option(parsing: .upToNextOption, help: "Only these languages: swift-fast, cpp, python …")
  var flavors: [String] = []
  @Flag(inversion: .prefixedNo, help: "Measure the model's own definitions, too.")
  var modelDefinitions = true

  @Option(help: "Samples of each trial; a sample is at least 20 µs of calls.")
  var samples = 10
  @Option(help: "Trials of each measurement, with calls before each.")
  var trials = 3
  @Option(help: "Seconds after which a worker that does not answer is killed.")
  var timeout = 300
  @Option(help: "Memory that a solution may use, such as 2G.")
  var memory = "4G"
  @Option(help: "First seed of random inputs. Default: another one each time.")
  var seed: UInt64?
  @Flag(help: "Leave out what the trace set has results of.")
  var resume = false
  @Flag(help: "Two shapes and few samples.")
  var quick = false
  @Option(
    help: "Look for mistakes instead: this many odd shapes and values for each definition; failures become workloads.")
  var fuzz: Int?

  @Option(help: "Write a report with plots to this file.")
  var html: String?
  @Option(help: "Write the measurements to this file, one JSON object a line.")
  var jsonl: String?
  @Flag(help: "Print the measurements as JSON lines instead of a table.")
  var json = false
  @Option(help: "A name for the code that is measured, for the reports: the commit.")
  var commit = ""

  func validate() throws {
    if samples < 1 || trials < 1 { throw ValidationError("--samples and --trials must be at least 1") }
    if timeout < 1 { throw ValidationError("--timeout is \(timeout); it must be at least 1") }
    if ByteSize.parse(memory) == nil { throw ValidationError("--memory is \(memory); write a size such as 512M or 2G") }
    if let fuzz, !(1...10_000).contains(fuzz) { throw ValidationError("--fuzz is \(fuzz); it must be 1 to 10000") }
  }

  func run() throws {
    var set = try traceSet()
    let plan = try KernelBenchmarkPlan(self, set)
    guard !plan.entries.isEmpty else {
      throw ValidationError("there is nothing to measure: no definition fits, or none has both workloads and solutions")
    }
    for entry in plan.entries where set.definitions[entry.definition.name] == nil { try set.add(entry.definition) }
    let benchmark = KernelBenchmark(try options())
    if let fuzz {
      try KernelFuzzing(benchmark: benchmark, count: fuzz, seed: seed ?? 1).run(plan, &set)
      return
    }
    let appender = TraceAppender(root: model.kernelOptions.traceSetPath)
    var progress = BenchmarkProgress(total: plan.count)
    var found: [KernelMeasurement] = [], notes: [KernelBenchmark.Note] = []
    let done = resume ? Self.evaluated(set) : []
    for entry in plan.entries {
      notes += try benchmark.run(
        entry.definition, workloads: entry.workloads, candidates: entry.candidates, reference: entry.reference,
        root: set.root, skips: { done.contains("\(entry.definition.name)\n\($0)\n\($1)") }
      ) { measurement in
        try appender.append(measurement)
        found.append(measurement)
        progress.show(measurement)
      }
    }
    progress.finish()
    for case .unusable(let sentence) in notes { Terminal.printError("not measured: \(sentence)") }
    try report(found, benchmark.options.ceilings)
    if Self.ownFailed(found) { throw ExitCode(1) }
  }

  /// The folder is made when it is not there yet.
  private func traceSet() throws -> TraceSet {
    let path = model.kernelOptions.traceSetPath
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw ValidationError("--trace-set: cannot make the folder \(path)")
    }
    return try TraceSet.load(path)
  }

  private func options() throws -> KernelBenchmark.Options {
    let cache = KernelBuilding.defaultCache
    try? FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
    var options = KernelBenchmark.Options(
      workerCommand: try KernelWorkerCommand.command(),
      environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" })
    options.threads = try model.engineOptions().threads
    (options.samples, options.trials) = quick ? (5, 1) : (samples, trials)
    if quick { (options.seeds, options.timeBudget) = (2, 2) }
    options.timeout = .seconds(timeout)
    options.limits.memory = ByteSize.parse(memory) ?? options.limits.memory
    options.limits.writable.append(cache)
    options.seed = seed
    options.hardware = MachineDescription.processor
    options.libraries = ["swiftlet": Version.text]
    if fuzz != nil {
      (options.measuresTime, options.seeds) = (false, 1)
    } else {
      options.ceilings = MachineCeilings.measure(threads: options.threads, readSetBytes: 64 << 20)
    }
    return options
  }

  private static func evaluated(_ set: TraceSet) -> Set<String> {
    var done: Set<String> = []
    for (definition, traces) in set.traces {
      for trace in traces {
        if let solution = trace.solution, trace.evaluation != nil {
          done.insert("\(definition)\n\(trace.workload.uuid)\n\(solution)")
        }
      }
    }
    return done
  }

  private func report(_ found: [KernelMeasurement], _ ceilings: MachineCeilings?) throws {
    let report = KernelReport(
      measurements: found, ceilings: ceilings, machine: MachineDescription.processor, commit: commit)
    Terminal.write(json ? report.jsonLines() : report.table(color: Terminal.isInteractive))
    if let html { try OutputFile.write(Array(report.html().utf8), to: html, option: "--html") }
    if let jsonl { try OutputFile.write(Array(report.jsonLines().utf8), to: jsonl, option: "--jsonl") }
  }

  /// Whether a kernel of the program did not pass; what could not be compared is no failure of it.
  static func ownFailed(_ found: [KernelMeasurement]) -> Bool {
    found.contains {
      $0.author == "swiftlet" && $0.evaluation.status != .passed && !$0.evaluation.log.hasPrefix("NOT_COMPARABLE")
    }
  }
}

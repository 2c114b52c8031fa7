import ArgumentParser
import Benchmarking
import CUDADriver
import FoundationEssentials
import KernelRuntime
import Kernels
import Traces

/// `swiftlet profile rmsnorm`: what the hardware should show for a kernel, and what it does show.
struct Profile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What a GPU should show for a kernel, and what it shows.",
    discussion: """
      From the launch record, the sizes and the device's data sheet: bytes, operations, the best possible time, blocks per \
      multiprocessor and waves. That needs no GPU. Where there is one the kernel is timed, and with ncu or nsys in PATH \
      the profiler's own figures are printed beside what was expected.
        swiftlet profile rmsnorm --language cuda --model h200
        swiftlet profile kv_store --compare-patterns
      """)

  @Argument(help: "The operation, such as rmsnorm or gqa_paged.")
  var operation: String

  @Option(help: "Languages, such as cuda,triton. Default: all.")
  var language: String?

  @Option(help: "One definition: a name or a pattern with *. Default: the first of a real model.")
  var definition: String?

  @Option(help: "The GPU to expect figures of, where there is none here: a100, h100, h200 or b200.")
  var model = "h200"

  @Flag(help: "From few rows to many, by factors of four.")
  var sweep = false

  @Flag(help: "Indices in order against indices in an order that looks random (embedding, kv_store, paged attention).")
  var comparePatterns = false

  @Option(help: "Which GPU: its number.")
  var device = 0

  @Option(help: ArgumentHelp("Where compiled kernels are kept.", valueName: "dir"))
  var cache: String?

  @OptionGroup var gpu: GPUKernelOptions

  func validate() throws {
    if DeviceModel.known[model] == nil {
      throw ValidationError(
        "--model is \(model); there are \(DeviceModel.known.keys.sorted().joined(separator: ", "))")
    }
  }

  func run() throws {
    let devices = GPUDevices(), definition = try chosen()
    let context = try? devices.context(device).get()
    let model = context.flatMap { DeviceModel($0.device) } ?? DeviceModel.known[self.model]!
    let target =
      context.map { GPUDevices.targets(of: $0.device).first ?? "sm_80" } ?? (self.model == "a100" ? "sm_80" : "sm_90a")
    Terminal.print("\(definition.name) on \(model.name), compiled for \(target)")
    let records = try records(definition, target)
    let workloads = sweep ? DeviceWorkload.sweep(of: definition) : DeviceWorkload.all(of: definition)
    for record in records {
      Terminal.print("\n\(record.solution)")
      for workload in workloads {
        for line in DeviceProfile(workload, record, model).lines { Terminal.print(line) }
      }
    }
    guard let context else {
      Terminal.print("\nnot measured: \(devices.absence(device) ?? "there is no GPU")")
      return
    }
    try measure(definition, workloads, devices, context)
    if let tool = ProfilerTool.find() {
      try tool.run(operation: operation, definition: definition.name, options: self)
    } else {
      Terminal.print("\nneither ncu nor nsys is in PATH: no figures of a profiler")
    }
  }

  private func chosen() throws -> Definition {
    let known = GPUDefinitions.benchmark.filter { $0.opType == operation }
    if known.isEmpty {
      let all = Set(GPUDefinitions.benchmark.map(\.opType)).sorted().joined(separator: ", ")
      throw ValidationError("there is no operation \(operation); there are \(all)")
    }
    guard let definition else { return known[0] }
    let pattern = NamePattern(definition)
    guard
      let found = (known + GPUDefinitions.conformance.filter { $0.opType == operation }).first(where: {
        pattern.matches($0.name)
      })
    else {
      throw ValidationError(
        "no definition of \(operation) is called \(definition); there are \(known.map(\.name).joined(separator: ", "))")
    }
    return found
  }

  private var languages: Set<String>? { language.map { Set($0.split(separator: ",").map(String.init)) } }

  private func records(_ definition: Definition, _ target: String) throws -> [LaunchRecord] {
    if let folder = try gpu.artifactFolder(onProblem: { Terminal.printError("a compiled kernel is left out: \($0)") }) {
      return folder.artifacts.map(\.record).filter {
        $0.definition == definition.name && $0.target == target && (languages?.contains($0.language) ?? true)
      }
    }
    guard let builder = try gpu.builder(cache: cache) else {
      throw ValidationError("there are no kernels for GPUs here: give --kernel-sources or --artifacts")
    }
    defer { builder.rest() }
    var found: [LaunchRecord] = []
    for source in builder.sources.sources where source.header.operation == operation {
      guard languages?.contains(source.language.rawValue) ?? true, source.refusal(of: definition) == nil else {
        continue
      }
      if let reason = builder.refusal(source, for: definition, target: target) {
        Terminal.print("\(source.name): \(reason)")
        continue
      }
      found.append(try builder.artifact(source, for: definition, target: target).record)
    }
    return found
  }

  private func measure(
    _ definition: Definition, _ workloads: [DeviceWorkload], _ devices: GPUDevices, _ context: CUDAContext
  ) throws {
    let stream = try CUDAStream(context)
    let solutions = try gpu.kernels(cache: cache, devices: devices).solutions.filter {
      languages?.contains($0.flavor.rawValue) ?? true
    }
    let ceilings = try DeviceCeilings.measure(on: stream)
    for isShuffled in comparePatterns ? [false, true] : [true] {
      var bench = DeviceBenchmark(definitions: [definition], solutions: solutions)
      bench.workloads = { _ in workloads }
      bench.isShuffled = isShuffled
      let report = DeviceReport(
        measurements: try bench.run(on: stream), ceilings: ceilings, device: context.device.name, commit: "")
      Terminal.print(comparePatterns ? "\nindices \(isShuffled ? "shuffled" : "in order")" : "")
      Terminal.write(report.table)
    }
  }
}

/// A profiler of the CUDA toolkit.
private struct ProfilerTool {
  let path: String, isCompute: Bool

  static func find() -> ProfilerTool? {
    if let ncu = Tool.find(["ncu"]) { return ProfilerTool(path: ncu.path, isCompute: true) }
    return Tool.find(["nsys"]).map { ProfilerTool(path: $0.path, isCompute: false) }
  }

  /// Runs the operation's benchmark under the profiler, which writes to this program's output.
  func run(operation: String, definition: String, options: Profile) throws {
    let own = CommandLine.arguments[0]
    var command =
      isCompute
      ? [
        path, "--metrics",
        "dram__throughput.avg.pct_of_peak_sustained_elapsed,sm__throughput.avg.pct_of_peak_sustained_elapsed,"
          + "sm__warps_active.avg.pct_of_peak_sustained_active,launch__occupancy_limit_registers,"
          + "launch__occupancy_limit_shared_mem,lts__t_sector_hit_rate.pct", "--launch-count", "8",
      ] : [path, "stats", "--report", "cuda_gpu_kern_sum"]
    if !isCompute { command = [path, "profile", "--stats=true", "--force-overwrite=true", "--output=/dev/null"] }
    command += [own, "bench", "gpu", "--operation", operation, "--definition", definition, "--samples", "1"]
    if let language = options.language { command += ["--language", language] }
    if let sources = options.gpu.kernelSources { command += ["--kernel-sources", sources] }
    if let artifacts = options.gpu.artifacts { command += ["--artifacts", artifacts] }
    if let cache = options.cache { command += ["--cache", cache] }
    Terminal.print("\n\(command.joined(separator: " "))")
    let outcome = try ChildProcess.run(command, within: .seconds(300))
    Terminal.write(outcome.output)
    if outcome.status != 0 { Terminal.printError("\(path) ended with status \(outcome.status): \(outcome.errors)") }
  }
}

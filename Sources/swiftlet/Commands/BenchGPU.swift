import ArgumentParser
import Benchmarking
import CUDADriver
import FoundationEssentials
import JSONText
import KernelRuntime
import Kernels
import Traces

/// `swiftlet bench gpu`: kernels on a GPU, beside what it can do.
struct BenchGPU: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gpu", abstract: "Measure kernels for GPUs on one, beside its copy bandwidth and matrix rate.",
    discussion: """
      Every kernel in every language, at sizes of real models: one token each of 64 sequences, and long prompts. Calls are \
      recorded as a graph over several sets of arguments, larger together than the second-level cache, replayed, and timed \
      by the GPU's own events. FlashInfer's kernels are measured beside them where its modules are (make flashinfer), and \
      cuBLASLt's matrix product where that library is.
      """)

  @Option(help: "Which GPU: its number.")
  var device = 0

  @Option(help: "Operations, such as rmsnorm,gqa_paged. Default: all.")
  var operation: String?

  @Option(help: "Languages, such as cuda,triton. Default: all.")
  var language: String?

  @Option(help: "Definitions: names or patterns with *. Default: those of real models.")
  var definition: String?

  @Option(help: "Samples of each kernel; each is twenty calls or more.")
  var samples = 15

  @Option(help: ArgumentHelp("Where compiled kernels are kept.", valueName: "dir"))
  var cache: String?

  @Option(help: ArgumentHelp("FlashInfer's modules. Default: where make flashinfer puts them.", valueName: "dir"))
  var flashinfer: String?

  @Option(help: "Another driver library than libcuda.so.1, a stand-in for example.")
  var driver = CUDADriver.standardPath

  @Option(help: ArgumentHelp("Write the figures as JSON.", valueName: "file"))
  var json: String?

  @Option(help: ArgumentHelp("Write a picture under the roofline.", valueName: "file"))
  var svg: String?

  @Option(help: "A name for the code that is measured, for the JSON file: the commit.")
  var commit = ""

  @Flag(help: "Only say which GPU there is; the exit status is 1 when there is none.")
  var describe = false

  @OptionGroup var gpu: GPUKernelOptions

  func validate() throws {
    if !(1...1000).contains(samples) { throw ValidationError("--samples is \(samples); it must be 1 to 1000") }
    if !(0...1023).contains(device) { throw ValidationError("--device is \(device); it must be 0 to 1023") }
  }

  func run() throws {
    let devices = GPUDevices(driver: driver)
    let context = try devices.context(device).get()
    if describe { return Terminal.print(Self.text(context.device)) }
    let stream = try CUDAStream(context)
    var bench = DeviceBenchmark(definitions: try chosen(), solutions: try solutions(devices, context))
    bench.samples = samples
    bench.onMeasurement = { figure in
      Terminal.printError(
        "\(figure.solution) \(figure.definition) \(figure.kind)\(figure.failure.map { ": \($0)" } ?? "")")
    }
    let ceilings = try DeviceCeilings.measure(on: stream)
    let measured = try bench.run(on: stream)
    let report = DeviceReport(
      measurements: measured, ceilings: ceilings, device: context.device.name, commit: commit)
    Terminal.write(report.table)
    if let json { try OutputFile.write(Array((report.json.pretty + "\n").utf8), to: json, option: "--json") }
    if let svg { try OutputFile.write(Array(report.svg.utf8), to: svg, option: "--svg") }
    if measured.contains(where: { $0.failure != nil }) { throw ExitCode(1) }
  }

  private static func text(_ device: CUDADevice) -> String {
    let (major, minor) = device.computeCapability
    return "\(device.name), compute capability \(major).\(minor), \(device.multiprocessorCount) multiprocessors, "
      + "\(device.memoryBytes >> 30) GiB, \(device.cacheBytes >> 20) MiB of second-level cache"
  }

  private func chosen() throws -> [Definition] {
    let operations = operation.map { Set($0.split(separator: ",").map(String.init)) }
    let patterns = (definition ?? "*").split(separator: ",").map { NamePattern(String($0)) }
    let known = definition == nil ? GPUDefinitions.benchmark : GPUDefinitions.benchmark + GPUDefinitions.conformance
    let found = known.filter { candidate in
      (operations?.contains(candidate.opType) ?? true) && patterns.contains { $0.matches(candidate.name) }
    }
    if found.isEmpty { throw ValidationError("no definition fits --operation and --definition") }
    return found
  }

  private func solutions(_ devices: GPUDevices, _ context: CUDAContext) throws -> [KernelSolution] {
    let kernels = try gpu.kernels(cache: cache, devices: devices)
    let folder = flashinfer ?? FlashInferModules.defaultFolder(home: SwiftletHome.path)
    let all =
      kernels.solutions + [CUBLASLtGemm.solution(devices: devices)]
      + FlashInferSolutions.all(FlashInferModules(folder: folder), capability: context.device.targetNumber)
    guard let language else { return all }
    let names = language.split(separator: ",").map { KernelFlavor(rawValue: String($0)) }
    for name in names where !all.contains(where: { $0.flavor == name }) {
      throw ValidationError("there is no kernel in the language \(name)")
    }
    return all.filter { names.contains($0.flavor) }
  }
}

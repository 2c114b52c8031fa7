import JSONText
import KernelRuntime
import Synchronization
import Tensors
import Traces

/// Solutions for a small definition, y = 2x row by row, whose behaviour a test chooses.
enum Doubling {
  static let definition = make(tags: ["in_place:y=x"])

  static func make(tags: [String] = []) -> Definition {
    try! Definition(
      name: "double_n4", opType: "double", axes: ["rows": .var, "n": .const(4)],
      inputs: ["x": .tensor("rows", "n", dtype: .float32)], outputs: ["y": .tensor("rows", "n", dtype: .float32)],
      reference: "def run(x):\n    return 2 * x\n", tags: tags)
  }

  /// What a kernel does with each element; nil throws.
  static func solution(
    _ name: String, flavor: KernelFlavor = .cpp, isData: Bool = false, isBatchInvariant: Bool? = true,
    log: CallLog? = nil, builds: Bool = true, _ element: @escaping @Sendable (Float) -> Float? = { 2 * $0 }
  ) -> KernelSolution {
    KernelSolution(
      operation: isData ? "" : "double", definition: isData ? "double_n4" : nil, name: name, flavor: flavor,
      author: "test", source: "", isBatchInvariant: isBatchInvariant, needsCompilation: isData,
      availability: { _, context in
        context.device == .cpu ? .available : .unavailable(because: "runs on the CPU only")
      },
      build: { definition, _ throws(KernelError) in
        if !builds {
          throw KernelError(.buildFailed, definition: definition.name, solution: name, "line 1: expected ;")
        }
        return SwiftKernel { arguments, _ throws(KernelError) in
          log?.append(name)
          let x = arguments[0].tensor, y = arguments[1].tensor
          for i in 0..<x.count {
            guard let value = element(x.elements(as: Float.self)[i]) else {
              throw KernelError(.runFailed, definition: "double_n4", solution: name, "element \(i) is not to its taste")
            }
            y.elements(as: Float.self)[i] = value
          }
        }
      })
  }

  /// A recorded run.
  static func trace(
    _ solution: String, rows: Int, ms: Double, status: Evaluation.Status = .passed, hardware: String = "test processor",
    error: Double = 0, batchInvariant: Bool? = nil, uuid: String? = nil
  ) throws -> Trace {
    var extra: JSONObject?
    if let batchInvariant { extra = JSONObject([("batch_invariant", .bool(batchInvariant))]) }
    let isPassed = status == .passed
    return try Trace(
      definition: "double_n4", workload: Workload(uuid: uuid ?? "rows-\(rows)", axes: ["rows": rows]),
      solution: solution,
      evaluation: Evaluation(
        status: status, environment: Environment(hardware: hardware), timestamp: "2026-11-21T10:00:00",
        log: isPassed ? "" : "it went wrong",
        correctness: isPassed || status == .incorrectNumerical
          ? Correctness(maxRelativeError: error, maxAbsoluteError: error, extra: extra) : nil,
        performance: isPassed
          ? Performance(latencyMs: ms, referenceLatencyMs: 10, speedupFactor: 10 / ms) : nil))
  }

  static func library(
    _ solutions: [KernelSolution], _ traces: [Trace] = [], policy: KernelPolicy = .auto
  ) -> KernelLibrary {
    var library = KernelLibrary(solutions: solutions, policy: policy)
    library.hardware = Hardware("test processor")
    library.measurements.add(traces, definition)
    return library
  }

  static func rows(_ count: Int, _ value: Float = 1) -> Tensor {
    Tensor([Float](repeating: value, count: count * 4), [count, 4])
  }

  /// Runs on fresh memory and returns the output.
  static func run(_ kernel: BoundKernel, rows count: Int, _ value: Float = 1) throws -> [Float] {
    let output = Tensor(.float32, [count, 4])
    try kernel.apply([.tensor(rows(count, value)), .tensor(output)], on: CPUStream(threads: 1))
    return output.floats
  }
}

/// Which kernels ran, in order.
final class CallLog: Sendable {
  private let names = Mutex<[String]>([])
  var all: [String] { names.withLock { $0 } }
  func append(_ name: String) { names.withLock { $0.append(name) } }
  func clear() { names.withLock { $0 = [] } }
}

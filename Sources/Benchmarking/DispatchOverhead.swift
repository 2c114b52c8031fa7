import KernelRuntime
import Tensors
import Traces

/// What a bound call costs beside the kernel itself, measured with a kernel that does nothing.
///
/// `apply` checks device, ranks, types, sizes and strides of all arguments, looks the shape up, and counts the call.
public struct DispatchOverhead: Sendable {
  /// Nanoseconds of one call, the least of several rounds: the cost is fixed, all that varies is the machine.
  public let boundNanoseconds: Double
  /// The same with the list of arguments made anew for each call, as a model's layers do.
  public let withArgumentsNanoseconds: Double

  private static let rounds = 20, callsInRound = 5_000

  /// - definition: whose signature is checked. selection: `listed` has one kernel, `fastest` looks the shape up.
  public init(_ definition: Definition, selection: Selection) throws(KernelError) {
    var library = KernelLibrary(
      solutions: [Self.nothing(definition)], policy: KernelPolicy(preferred: [.swift], selection: selection))
    library.switchboard = KernelSwitchboard()
    if selection != .listed { library.measurements.add(Self.traces(definition), definition) }
    let kernel = try library.bind(definition)
    let arguments = (Array(definition.inputs) + Array(definition.outputs)).map { argument -> KernelArgument in
      guard let shape = argument.value.shape else { return .scalar(1) }
      return .tensor(Tensor(argument.value.dtype, Shape(shape.map { definition.axes[$0]?.value ?? 1 })))
    }
    let stream = CPUStream(threads: 1)
    var bound = Double.infinity, withArguments = Double.infinity
    for _ in 0..<Self.rounds {
      bound = min(bound, try Self.time { () throws(KernelError) in try kernel.apply(arguments, on: stream) })
      withArguments = min(
        withArguments,
        try Self.time { () throws(KernelError) in
          var list: [KernelArgument] = []
          list.reserveCapacity(arguments.count)
          for argument in arguments { list.append(argument) }
          try kernel.apply(list, on: stream)
        })
    }
    (boundNanoseconds, withArgumentsNanoseconds) = (bound, withArguments)
  }

  private static func time(_ body: () throws(KernelError) -> Void) throws(KernelError) -> Double {
    let start = ContinuousClock.now
    for _ in 0..<callsInRound { try body() }
    let elapsed = (ContinuousClock.now - start).components
    return (Double(elapsed.seconds) * 1e9 + Double(elapsed.attoseconds) / 1e9) / Double(callsInRound)
  }

  private static func nothing(_ definition: Definition) -> KernelSolution {
    KernelSolution(
      operation: "", definition: definition.name, name: "nothing", flavor: .swift, author: "benchmark", source: "",
      isBatchInvariant: true, needsCompilation: false, availability: { _, _ in .available },
      build: { _, _ throws(KernelError) in Nothing() })
  }

  private struct Nothing: Kernel {
    func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {}
  }

  private static func traces(_ definition: Definition) -> [Trace] {
    [1, 16, 256].compactMap { size in
      let axes = OrderedMap<Int>(definition.varAxes.map { ($0, size) })
      let evaluation = try? Evaluation(
        status: .passed, environment: Environment(hardware: "cpu"), timestamp: "-", correctness: Correctness(),
        performance: Performance(latencyMs: 1, referenceLatencyMs: 1, speedupFactor: 1))
      return try? Trace(
        definition: definition.name, workload: Workload(uuid: "\(size)", axes: axes), solution: "nothing",
        evaluation: evaluation)
    }
  }
}

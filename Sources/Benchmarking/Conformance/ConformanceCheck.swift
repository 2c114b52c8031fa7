import KernelRuntime
import Kernels
import Tensors
import Traces

/// Runs solutions on definitions, and compares what they compute with the oracle.
///
///     let check = ConformanceCheck(definitions: GPUDefinitions.conformance, solutions: found, device: ConformanceCPU(threads: 2))
///     for result in check.run() { … }
public struct ConformanceCheck {
  public var definitions: [Definition]
  public var solutions: [KernelSolution]
  public var device: any ConformanceDevice
  /// What a definition is checked with.
  public var workloads: @Sendable (Definition) -> [ConformanceWorkload] = ConformanceWorkload.all(of:)
  /// False gives each tensor an allocation of its own, for a sanitizer to watch.
  public var isGuarded = true
  /// Told of each result.
  public var onResult: ((ConformanceResult) -> Void)?

  /// At most so many sentences about one solution on one definition.
  private static let sentenceLimit = 8

  public init(definitions: [Definition], solutions: [KernelSolution], device: any ConformanceDevice) {
    (self.definitions, self.solutions, self.device) = (definitions, solutions, device)
  }

  /// One result for each pair of a definition and a solution of its operation.
  /// - Throws: when the oracle itself cannot be run, which is a mistake of this program.
  public func run() throws -> [ConformanceResult] {
    var results: [ConformanceResult] = []
    for definition in definitions {
      let candidates = solutions.filter { $0.computes(definition) }
      if candidates.isEmpty { continue }
      var calls: [OracleAnswer] = []
      for solution in candidates {
        let result = try check(solution, definition, &calls)
        results.append(result)
        onResult?(result)
      }
    }
    return results
  }

  /// A call, and what is right for it.
  private struct OracleAnswer {
    let call: ConformanceCall
    let outputs: [String: Tensor]
  }

  /// Made when the first solution needs them.
  private func answers(_ definition: Definition) throws -> [OracleAnswer] {
    guard let oracle = KernelOracles.oracle(of: definition) else {
      throw KernelError(.noCandidate, definition: definition.name, "there is no oracle in plain Swift")
    }
    let cpu = ConformanceCPU(threads: 1), kernel = try Self.bind(oracle, definition, [:], on: .cpu)
    return try workloads(definition).enumerated().map { seed, workload in
      let call = try ConformanceCall(definition, workload, seed: UInt64(seed + 1))
      // As the CPU has it: an oracle reads tensors without gaps.
      var plain = workload
      (plain.isApart, plain.isInPlace) = (false, false)
      let run = try ConformanceRun(kernel, ConformanceCall(definition, plain, seed: UInt64(seed + 1)), on: cpu)
      return OracleAnswer(call: call, outputs: run.outputs)
    }
  }

  private func check(
    _ solution: KernelSolution, _ definition: Definition, _ answers: inout [OracleAnswer]
  ) throws -> ConformanceResult {
    let onGPU = device.device != .cpu
    var result = ConformanceResult(
      definition: definition.name, operation: definition.opType, solution: solution.name, language: solution.flavor,
      source: solution.source, execution: KernelExecution(solution.flavor, onGPU: onGPU), verdict: .agrees)
    let clock = ContinuousClock()
    // What a kernel repacks at bind is asked for as a constant.
    let constants = Self.constants(solution, definition, device.device)
    if case .unavailable(let reason) = solution.availability(
      definition, BindContext(device: device.device, constants: constants))
    {
      (result.verdict, result.execution) = (.refused(reason), .notExecuted)
      return result
    }
    if answers.isEmpty { answers = try self.answers(definition) }
    var failures: [String] = [], kernel: BoundKernel?
    for answer in answers {
      do throws(KernelError) {
        if kernel == nil || !constants.isEmpty {
          let own = constants.isEmpty ? [:] : answer.call.tensors.filter { constants[$0.key] != nil }
          var bound: Result<BoundKernel, KernelError>?
          result.buildSeconds += Self.seconds(clock) {
            bound = Result { () throws(KernelError) in try Self.bind(solution, definition, own, on: device.device) }
          }
          kernel = try bound?.get()
        }
        guard let kernel else { break }
        try run(kernel, answer, Set(constants.keys), &result, &failures, clock)
      } catch {
        if error.code == .buildFailed {
          (result.verdict, result.execution) = (.notBuilt(error.reason), .notExecuted)
          return result
        }
        failures.append("\(answer.call.workload): \(error.reason)")
      }
    }
    if !failures.isEmpty { result.verdict = .disagrees(Array(failures.prefix(Self.sentenceLimit))) }
    return result
  }

  private func run(
    _ kernel: BoundKernel, _ answer: OracleAnswer, _ constants: Set<String>, _ result: inout ConformanceResult,
    _ failures: inout [String], _ clock: ContinuousClock
  ) throws(KernelError) {
    var outcome: Result<ConformanceRun, KernelError>?
    result.seconds += Self.seconds(clock) {
      outcome = Result { () throws(KernelError) in
        try ConformanceRun(kernel, answer.call, constants: constants, isGuarded: isGuarded, on: device)
      }
    }
    guard let run = try outcome?.get() else { return }
    result.calls += 1
    failures += run.damage.map { "\(answer.call.workload): \($0)" }
    for name in answer.call.definition.outputs.names {
      guard let found = run.outputs[name], let right = answer.outputs[name] else { continue }
      let finding = ConformanceTolerance.compare(found, with: right, output: name, of: answer.call)
      if finding.error > result.worstError {
        (result.worstError, result.worstElement) = (finding.error, finding.sentence)
      }
      if !finding.agrees, let sentence = finding.sentence {
        let error = finding.error.isFinite ? "; off by \(Self.text(finding.error)) of what is allowed" : ""
        failures.append("\(answer.call.workload): \(sentence)\(error)")
      }
    }
  }

  /// The inputs of a definition that a solution wants at bind, zeroed; empty when it takes them with each call.
  private static func constants(
    _ solution: KernelSolution, _ definition: Definition, _ device: Device
  ) -> [String: Tensor] {
    if solution.availability(definition, BindContext(device: device)) == .available { return [:] }
    var constants: [String: Tensor] = [:]
    for name in ["weight", "B", "bias"] {
      guard let spec = definition.inputs[name], let axes = spec.shape else { continue }
      constants[name] = Tensor(spec.dtype, Shape(axes.map { definition.axes[$0]?.value ?? 0 }))
    }
    let context = BindContext(device: device, constants: constants)
    return solution.availability(definition, context) == .available ? constants : [:]
  }

  /// - Throws: what the solution's `build` throws, in its own words.
  private static func bind(
    _ solution: KernelSolution, _ definition: Definition, _ constants: [String: Tensor], on device: Device
  ) throws(KernelError) -> BoundKernel {
    let kernel: any Kernel
    do throws(KernelError) {
      kernel = try solution.build(definition, BindContext(device: device, constants: constants))
    } catch { throw KernelError(.buildFailed, definition: definition.name, solution: solution.name, error.reason) }
    let built = KernelSolution(
      operation: definition.opType, definition: definition.name, name: solution.name, flavor: solution.flavor,
      author: solution.author, source: solution.source, isBatchInvariant: nil, needsCompilation: false,
      availability: { _, _ in .available }, build: { _, _ in kernel })
    return try KernelLibrary(
      solutions: [built], policy: KernelPolicy(preferred: [KernelFlavor(rawValue: solution.name)])
    ).bind(definition, on: device, constants: constants)
  }

  private static func seconds(_ clock: ContinuousClock, _ body: () -> Void) -> Double {
    clock.measure(body) / .seconds(1)
  }

  static func text(_ error: Double) -> String {
    if error.isInfinite { return "∞" }
    return error >= 100 ? "\(Int(min(error, 1e15)))" : "\((error * 100).rounded() / 100)"
  }
}

import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

@testable import Benchmarking

/// Every solution of the program runs on generated inputs, hard values included, and agrees with the plain one.
struct RoomAgreementTests {
  private static func run(
    _ solution: KernelSolution, _ inputs: WorkloadInputs, _ stream: CPUStream
  ) throws -> OrderedMap<Tensor>? {
    let constantNames = ["gemm": ["B", "bias"], "embedding": ["weight"]][inputs.definition.opType] ?? []
    var constants: [String: Tensor] = [:]
    for name in constantNames { constants[name] = inputs.tensor(name) }
    let context = BindContext(device: .cpu, constants: constants)
    guard solution.availability(inputs.definition, context) == .available else { return nil }
    let library = KernelLibrary(solutions: [solution], policy: KernelPolicy(preferred: [solution.flavor]))
    let kernel = try library.bind(inputs.definition, constants: constants)
    let outputs = try inputs.outputTensors()
    let arguments = inputs.arguments.filter { constants[$0.name] == nil }.map(\.value)
    try kernel.apply(arguments + outputs.values.map { .tensor($0) }, on: stream)
    return outputs
  }

  @Test("solutions agree on fuzzed inputs", arguments: KnownDefinitions.rooms)
  func solutionsAgree(_ definition: Definition) throws {
    let stream = CPUStream(threads: 1)
    let candidates = KernelCatalog.solutions.filter { $0.computes(definition) }
    let oracle = try #require(candidates.first { $0.flavor == .swift })
    let rules = ComparisonRules.rules(for: definition).growingWithReference
    // Some tables have one reader only.
    var compared = candidates.filter { $0.flavor != .swift && definition.opType != "embedding" }.isEmpty ? 1 : 0
    for (workload, pattern) in FuzzWorkloads.workloads(for: definition, seed: 4, count: 12, byteLimit: 1 << 20) {
      var inputs = try WorkloadInputs(definition, workload, seed: 9)
      inputs.apply(pattern)
      let expected = try #require(try Self.run(oracle, inputs, stream))
      for solution in candidates where solution.flavor != .swift {
        guard let found = try Self.run(solution, inputs, stream) else { continue }
        compared += 1
        let comparison = rules.compare(found, reference: expected, inputs: inputs)
        #expect(
          comparison.isPassed,
          "\(solution.name) \(workload.axes) \(pattern): \(comparison.worst ?? "\(comparison.status)")")
      }
    }
    #expect(compared > 0)
  }
}

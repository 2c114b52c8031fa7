import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Every definition × every solution that is available here × every workload, against the oracle.
@Suite struct ConformanceTests {
  @Test("a solution agrees with the oracle and touches nothing but its outputs", arguments: ConformanceCase.all)
  func agreesWithTheOracle(_ pair: ConformanceCase) throws {
    let oracle = try ConformanceCase.oracle(of: pair.definition), stream = CPUStream(threads: 2)
    for (seed, workload) in WorkloadCase.all(of: pair.definition).enumerated() {
      let problem = try Problem(pair.definition, workload, seed: UInt64(seed + 1))
      let expected = try Execution(oracle, problem, on: stream)
      let found = try Execution(pair.solution, problem, on: stream)
      #expect(found.damage == [], "\(pair), \(workload)")
      let bounds = try AttentionBounds(of: pair.solution, problem)
      for name in pair.definition.outputs.names {
        let output = try #require(found.outputs[name]), reference = try #require(expected.outputs[name])
        let problem = Tolerance.disagreement(problem, name, output, oracle: reference, bounds: bounds)
        #expect(problem == nil, "\(pair), \(workload)")
      }
    }
  }

  @Test("outputs may be the inputs where the definition says so", arguments: ConformanceCase.all.filter(\.hasAliases))
  func worksInPlace(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2)
    for (seed, workload) in WorkloadCase.all(of: pair.definition).enumerated() {
      let problem = try Problem(pair.definition, workload, seed: UInt64(seed + 1))
      let apart = try Execution(pair.solution, problem, on: stream)
      let inPlace = try Execution(pair.solution, problem, on: stream, inPlace: true)
      #expect(inPlace.damage == [], "\(pair), \(workload)")
      for name in pair.definition.outputs.names {
        let a = try #require(apart.outputs[name]), b = try #require(inPlace.outputs[name])
        #expect(sameBits(a, b), "\(name) in place differs: \(pair), \(workload)")
      }
    }
  }

  @Test("every operation of the engine has a definition, an oracle and another solution that runs on any processor")
  func everyOperationIsCovered() {
    let definitions = Set(ConformanceDefinitions.all.map(\.opType))
    // References of public definitions are compared with the definitions' own Python, in ReferencesTests.
    // What only GPUs have kernels for is checked in GPUConformanceTests.
    let engine = KernelCatalog.solutions.filter { !$0.name.hasSuffix("_reference") && !$0.name.hasSuffix("_double") }
    for operation in Set(engine.map(\.operation)) {
      #expect(definitions.contains(operation), "\(operation) has no definition here")
      let cases = ConformanceCase.all.filter { $0.definition.opType == operation }
      #expect(cases.contains { $0.solution.flavor == .swift }, "\(operation) has no oracle")
      #expect(
        cases.contains { $0.solution.name == "\(operation)_swift-fast_baseline" }, "\(operation) has no fast kernel")
    }
  }

  @Test("the oracle refuses nothing", arguments: ConformanceDefinitions.all.map(\.name))
  func oracleIsAlwaysAvailable(_ name: String) {
    #expect(ConformanceCase.all.contains { $0.definition.name == name && $0.solution.flavor == .swift })
  }

  @Test("the harness notices a kernel that writes too far, changes an input, or leaves an output out")
  func harnessNoticesDamage() throws {
    let definition = SiluAndMul.definition(intermediateSize: 16)
    func broken(_ body: @escaping @Sendable ([KernelArgument]) -> Void) throws -> Execution {
      let solution = KernelSolution(
        operation: "silu_and_mul", flavor: .cpp, source: "", availability: { _, _ in .available },
        build: { _, _ throws(KernelError) in SwiftKernel { arguments, _ throws(KernelError) in body(arguments) } })
      return try Execution(solution, Problem(definition, .rows(2), seed: 1), on: CPUStream(threads: 1))
    }
    #expect(try broken { $0[1].tensor.elements(as: Float.self)[32] = 0 }.damage.count == 1)
    #expect(try broken { $0[1].tensor.elements(as: Float.self)[-1] = 0 }.damage.count == 1)
    #expect(try broken { $0[0].tensor.elements(as: Float.self)[3] = 5 }.damage == ["the input input was changed"])
    let problem = try Problem(definition, .rows(2), seed: 1)
    let oracle = try Execution(ConformanceCase.oracle(of: definition), problem, on: CPUStream(threads: 1))
    let lazy = try #require(try broken { _ in }.outputs["output"]), right = try #require(oracle.outputs["output"])
    #expect(Tolerance.disagreement(problem, "output", lazy, oracle: right) != nil)
  }
}

extension ConformanceCase {
  var hasAliases: Bool { !Execution.aliases(of: definition).isEmpty }
}

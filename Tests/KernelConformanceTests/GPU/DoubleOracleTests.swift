import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// The oracles in double precision against those of float32, which are written apart from them.
@Suite struct DoubleOracleTests {
  static let shared: [Definition] = ConformanceDefinitions.all.filter {
    KernelOracles.oracle(of: $0)?.name == "\($0.opType)_swift_double"
  }

  @Test("both oracles agree on definitions of float32", arguments: shared)
  func agreesWithTheFloatOracle(_ definition: Definition) throws {
    let double = try #require(KernelOracles.oracle(of: definition))
    let plain = try ConformanceCase.oracle(of: definition), stream = CPUStream(threads: 1)
    for (seed, workload) in WorkloadCase.all(of: definition).enumerated() {
      let problem = try Problem(definition, workload, seed: UInt64(seed + 1))
      let expected = try Execution(plain, problem, on: stream), found = try Execution(double, problem, on: stream)
      #expect(found.damage == [], "\(definition.name), \(workload)")
      for name in definition.outputs.names {
        let output = try #require(found.outputs[name]), reference = try #require(expected.outputs[name])
        let difference = Tolerance.disagreement(problem, name, output, oracle: reference)
        #expect(difference == nil, "\(definition.name), \(workload)")
      }
    }
  }

  @Test("the operations of the engine have oracles in double precision, and float32 definitions keep theirs")
  func everyOperationIsCovered() {
    #expect(
      Set(Self.shared.map(\.opType)) == [
        "embedding", "rmsnorm", "fused_add_rmsnorm", "gemm", "rope", "kv_store", "gqa_paged", "silu_and_mul",
      ])
    for definition in Self.shared {
      let context = BindContext(device: .cpu, constants: Problem.constants(of: definition))
      let available = KernelCatalog.solutions.filter {
        $0.computes(definition) && $0.flavor == .swift && $0.availability(definition, context) == .available
      }
      #expect(available.map(\.name) == ["\(definition.opType)_swift"], "\(definition.name)")
    }
  }

  @Test(
    "every definition for GPUs has an oracle, and one name",
    arguments: [GPUDefinitions.conformance, GPUDefinitions.benchmark])
  func everyDefinitionHasAnOracle(_ definitions: [Definition]) {
    for definition in definitions { #expect(KernelOracles.oracle(of: definition) != nil, "\(definition.name)") }
    #expect(Set(definitions.map(\.name)).count == definitions.count)
  }

  @Test("a tag that changes the meaning refuses a solution that does not heed it")
  func tagsRefuse() {
    let offset = RMSNorm.definition(hiddenSize: 8, hasOffset: true)
    let capped = PagedAttention.definition(
      queryHeads: 2, keyValueHeads: 1, headDimension: 8, pageSize: 1, cacheType: .bfloat16, dtype: .bfloat16,
      softCap: 30)
    for (definition, tag) in [(offset, "weight_offset:1"), (capped, "soft_cap:30.0")] {
      for solution in KernelCatalog.solutions where solution.computes(definition) {
        let availability = solution.availability(definition, BindContext(device: .cpu))
        if solution.name.hasSuffix("_swift_double") {
          #expect(availability == .available)
        } else if case .unavailable(let reason) = availability {
          #expect(reason.hasSuffix(tag) || !reason.contains("tag"), "\(solution.name): \(reason)")
        } else {
          Issue.record("\(solution.name) takes \(definition.name)")
        }
      }
    }
  }
}

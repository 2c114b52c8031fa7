import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

@Suite struct KernelLibraryTests {
  private let definition = RMSNorm.definition(hiddenSize: 8)

  private func library(_ policy: KernelPolicy) -> KernelLibrary {
    KernelLibrary(solutions: KernelCatalog.solutions, policy: policy)
  }

  /// Runs rmsnorm of [1 … 8] and returns the solution's name and the result.
  private func normalised(_ policy: KernelPolicy) throws -> (solution: String, output: [Float]) {
    let norm = try RMSNorm(library(policy), hiddenSize: 8, eps: 0), output = Tensor(.float32, [1, 8])
    let x = Tensor((1...8).map(Float.init), [1, 8]), weight = Tensor([Float](repeating: 2, count: 8), [8])
    try norm(x, weight: weight, output: output, on: CPUStream(threads: 1))
    return (norm.kernel.solution, output.floats)
  }

  @Test("one line of a policy switches an operation to another language, and the result stays right")
  func override() throws {
    let policy = try KernelPolicy(yaml: "rmsnorm: cpp\n", file: "kernels.yaml")
    try library(policy).validatePolicy()
    let automatic = try normalised(.auto), switched = try normalised(policy)
    #expect(automatic.solution.hasPrefix("rmsnorm_swift-fast_"))
    #expect(switched.solution == "rmsnorm_cpp")
    let root = (204.0 / 8).squareRoot()  // 1² + … + 8² = 204
    for output in [automatic.output, switched.output] {
      for i in 0..<8 { #expect(abs(Double(output[i]) - 2 * Double(i + 1) / root) < 1e-6) }
    }
    let fused = try library(policy).bind(FusedAddRMSNorm.definition(hiddenSize: 8))
    #expect(fused.solution.hasPrefix("fused_add_rmsnorm_swift-fast_"), "other operations keep the default")
  }

  @Test("explain lists candidates in the policy's order, each with its verdict")
  func explain() throws {
    let policy = KernelPolicy(preferred: [.cpp, .swift])
    let decision = try library(policy).explain(definition, BindContext(device: .cpu))
    #expect(decision.chosen?.solution == "rmsnorm_cpp")
    #expect(decision.policy == [.cpp, .swift])
    let verdicts = Dictionary(uniqueKeysWithValues: decision.candidates.map { ($0.solution, $0.verdict) })
    #expect(decision.candidates.prefix(2).map(\.solution) == ["rmsnorm_cpp", "rmsnorm_swift"])
    #expect(verdicts["rmsnorm_swift"] == .passedOver(because: "rmsnorm_cpp comes first"))
    #expect(verdicts["rmsnorm_swift-fast_baseline"] == .refused(because: "the policy allows cpp, swift only"))
    #expect(try library(policy).bind(definition).solution == decision.chosen?.solution)
  }

  @Test("the decision is told once for each bind")
  func onBind() throws {
    let told = Told()
    let library = KernelLibrary(solutions: KernelCatalog.solutions, onBind: { told.append($0) })
    _ = try library.bind(definition)
    #expect(told.decisions.map(\.definition) == ["rmsnorm_h8"])
    #expect(told.decisions.first?.chosen?.flavor == .swiftFast)
  }

  @Test("a definition that nobody computes is refused at bind with each candidate's reason")
  func noCandidate() throws {
    let elsewhere = #expect(throws: KernelError.self) {
      try library(.auto).bind(definition, on: .cuda(ordinal: 1))
    }
    #expect(elsewhere?.code == .noCandidate)
    #expect(elsewhere?.definition == "rmsnorm_h8")
    let message = elsewhere?.description ?? ""
    #expect(message.hasPrefix("rmsnorm_h8: no kernel for rmsnorm on cuda:1; rmsnorm_swift-fast_"))
    #expect(message.contains("rmsnorm_cpp: runs on the CPU only; rmsnorm_swift: runs on the CPU only"))

    let notAllowed = #expect(throws: KernelError.self) {
      try library(KernelPolicy(preferred: [.cpp])).bind(Sampler.definition(vocabularySize: 4))
    }
    #expect(notAllowed?.reason.contains("sampling_swift: the policy allows cpp only") == true)

    let unknown = try Definition(
      name: "conv_x", opType: "conv", axes: ["n": .var], inputs: ["x": .tensor("n", dtype: .float32)],
      outputs: ["y": .tensor("n", dtype: .float32)], reference: "def run(x):\n    return x\n")
    let missing = #expect(throws: KernelError.self) { try library(.auto).bind(unknown) }
    #expect(missing?.description == "conv_x: no kernel for conv on cpu; the program has none for this operation")

    let weightless = #expect(throws: KernelError.self) {
      try library(.auto).bind(Gemm.definition(format: .f32, features: 2, inputs: 2, hasBias: false))
    }
    #expect(weightless?.reason.contains("the weight B must be handed over at bind") == true)
  }

  @Test("a policy that names what does not exist is refused")
  func validatePolicy() throws {
    try library(.auto).validatePolicy()
    try library(KernelPolicy(preferred: [.cpp], overrides: ["gemm_f32_n1_k1": [.swift]])).validatePolicy()
    let language = #expect(throws: KernelError.self) {
      try library(KernelPolicy(preferred: [KernelFlavor(rawValue: "fortran")])).validatePolicy()
    }
    #expect(language?.code == .invalidPolicy)
    #expect(
      language?.reason
        == "there is no kernel language or solution \"fortran\"; there are the languages cpp, swift, swift-fast, swift-fast-unshared"
    )
    let operation = #expect(throws: KernelError.self) {
      try library(KernelPolicy(preferred: [.swift], overrides: ["rmsnrom": [.cpp]])).validatePolicy()
    }
    #expect(operation?.reason.hasPrefix("there is no operation \"rmsnrom\"; there are embedding, ") == true)
  }
}

/// Decisions in the order in which they were told; used from one thread.
private final class Told: @unchecked Sendable {
  var decisions: [KernelLibrary.BindDecision] = []
  func append(_ decision: KernelLibrary.BindDecision) { decisions.append(decision) }
}

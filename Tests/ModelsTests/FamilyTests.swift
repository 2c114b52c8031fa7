import KernelRuntime
import Models
import TestSupport
import Testing

/// Tiny random-weight models of each family against Hugging Face transformers.
struct FamilyTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let family: String, kernels: KernelFlavor
    var testDescription: String { "\(family), \(kernels)" }
    static let all = ["llama", "llama31", "llama-linear", "mistral", "qwen2", "qwen3"].flatMap { family in
      [KernelFlavor.swift, .swiftFast].map { Case(family: family, kernels: $0) }
    }
  }

  @Test("Logits and greedy tokens are those of Hugging Face transformers", arguments: Case.all)
  func logits(_ test: Case) throws {
    let folder = "families/\(test.family)"
    let expected = try Fixtures.json("\(folder)/expected.json"), logits = try NumPyFile("\(folder)/expected.npy")
    let runner = try SequenceRunner(
      try ModelFiles.open(Fixtures.path(folder)), kernels: [test.kernels, .swift], tokens: 96)
    for prompt in expected["prompts"]!.array! {
      let tokens = prompt["input_ids"]!.array!.map { Int32($0.int!) }
      let positions = prompt["positions"]!.array!.map { $0.int! }, first = prompt["first_row"]!.int!
      let rows = try runner.step([.init(tokens: tokens, allRows: true)])
      for (i, position) in positions.enumerated() {
        let error = largestDifference(rows[position], logits.row(first + i))
        #expect(error < 2e-3, "\(test) \(prompt["name"]!.string!), position \(position)")
      }
      let greedy = prompt["greedy"]!.array!.map { Int32($0.int!) }
      #expect(try runner.greedy(tokens, count: greedy.count) == greedy, "\(test) \(prompt["name"]!.string!)")
    }
  }
}

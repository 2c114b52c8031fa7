import Glibc
import KernelRuntime
import Models
import Tensors
import TestSupport
import Testing

/// The default model against what Hugging Face transformers computes from the same weights.
@Suite(.serialized, .enabled(if: Fixtures.defaultModel != nil, "the default model was not fetched"))
struct GoldenTests {
  static let prompts = ["short", "chat", "code", "whitespace"]
  static let folder = "golden/smollm2-135m-instruct-q4_1"

  struct Golden {
    let prompt: [Int32], greedy: [Int32], margins: [Double], logits: [Float], hidden: NumPyFile

    init(_ name: String) throws {
      let json = try Fixtures.json("\(GoldenTests.folder)/\(name).json")
      prompt = json["input_ids"]!.array!.map { Int32($0.int!) }
      greedy = json["greedy_32"]!.array!.map { Int32($0.int!) }
      margins = json["greedy_margin_top1_top2"]!.array!.map { $0.double! }
      logits = try NumPyFile("\(GoldenTests.folder)/\(name).logits.npy").values
      hidden = try NumPyFile("\(GoldenTests.folder)/\(name).hidden_last.npy")
    }
  }

  @Test("Oracle kernels give the reference's logits within 0.01 and its 32 greedy tokens", arguments: prompts)
  func oracle(_ name: String) throws {
    let golden = try Golden(name)
    let runner = try SequenceRunner(try ModelFiles.open(Fixtures.defaultModel!), kernels: [.swift])
    var worst: (layer: Int, error: Float) = (-1, 0)
    let logits = try runner.step([.init(tokens: golden.prompt)]) { layer, states in
      // The file's rows: embedding, then each layer but the last, then the final norm's output.
      let row = layer == runner.decoder.configuration.layerCount ? layer : layer + 1
      if layer == runner.decoder.configuration.layerCount - 1 { return }
      let width = states.shape[1], error = largestDifference(states.floats.suffix(width), golden.hidden.row(row))
      if error > worst.error { worst = (layer, error) }
    }[0]
    let error = largestDifference(logits, golden.logits)
    print("golden \(name), oracle: logits within \(error), hidden states within \(worst.error) (layer \(worst.layer))")
    #expect(error < 1e-2)
    #expect(try runner.greedy(golden.prompt, count: golden.greedy.count) == golden.greedy)
  }

  @Test("Default kernels choose the reference's token wherever its margin exceeds 0.3", arguments: prompts)
  func fast(_ name: String) throws {
    let golden = try Golden(name)
    let runner = try SequenceRunner(
      try ModelFiles.open(Fixtures.defaultModel!), kernels: KernelPolicy.auto.preferred, cacheType: .float16)
    // The reference's tokens are fed, so that one flipped token does not hide the next ones.
    let rows = try runner.step([
      .init(tokens: golden.prompt + golden.greedy.dropLast(), allRows: true)
    ]).suffix(golden.greedy.count)
    var flips: [Double] = []
    for (i, row) in rows.enumerated() where argmax(row) != golden.greedy[i] { flips.append(golden.margins[i]) }
    let first = rows.first!
    let error = largestDifference(first, golden.logits)
    let logprobError = abs(logSumExp(first) - logSumExp(golden.logits))
    print(
      "golden \(name), default kernels: logits within \(error), logsumexp within \(logprobError), "
        + "\(flips.count) of \(rows.count) tokens differ, at margins \(flips)")
    #expect(flips.allSatisfy { $0 <= 0.3 })
    // Sixteen-bit activations and a float16 cache cost this much; eight-bit activations would cost 0.8.
    #expect(error < 0.05)
  }

  @Test(
    "An int8 cache chooses float16's first 8 tokens, and the reference's wherever its margin exceeds 0.5",
    arguments: prompts)
  func int8(_ name: String) throws {
    let golden = try Golden(name), files = try ModelFiles.open(Fixtures.defaultModel!)
    func runner(_ type: DType) throws -> SequenceRunner {
      try SequenceRunner(files, kernels: KernelPolicy.auto.preferred, cacheType: type)
    }
    let byte = try runner(.int8), half = try runner(.float16)
    let fed = SequenceRunner.Piece(tokens: golden.prompt + golden.greedy.dropLast(), allRows: true)
    let rows = try byte.step([fed]).suffix(golden.greedy.count)
    let halves = try half.step([fed]).suffix(golden.greedy.count)
    var flips: [Double] = []
    for (i, row) in rows.enumerated() where argmax(row) != golden.greedy[i] { flips.append(golden.margins[i]) }
    let error = zip(rows, halves).map { largestDifference($0, $1) }.max()!
    print(
      "golden \(name), int8 cache: logits within \(error) of float16's, \(flips.count) of \(rows.count) tokens differ, "
        + "at margins \(flips)")
    #expect(flips.allSatisfy { $0 <= 0.5 })
    #expect(error < 1.5)
    #expect(halves.prefix(8).map(argmax) == Array(golden.greedy.prefix(8)))
    #expect(try byte.greedy(golden.prompt, count: 8) == Array(golden.greedy.prefix(8)))
  }

  private func logSumExp(_ logits: [Float]) -> Double {
    let highest = Double(logits.max()!)
    return highest + log(logits.reduce(0.0) { $0 + exp(Double($1) - highest) })
  }
}

import KernelRuntime
import Tensors
import Testing
import Traces

@testable import Kernels

/// What the sampling references draw from, and how they draw.
@Suite(.serialized) struct SamplingDistributionTests {
  private let stream = CPUStream(threads: 2)
  private let library = KernelLibrary(
    solutions: KernelCatalog.solutions, policy: KernelPolicy(preferred: [.swift]))

  @Test("what is kept of a row is what the definition's Python keeps, and every draw is one of it")
  func support() throws {
    for each in try FixtureCase.all("sampling") {
      let (arguments, outputs) = try each.arguments(on: stream.pool)
      let probs = arguments[0].tensor, vocabulary = probs.shape[1]
      let topK = each.definition.inputs.position(of: "top_k").map { arguments[$0].tensor.integers }
      let topP = each.definition.inputs.position(of: "top_p").map { arguments[$0].tensor.floats }
      let kernel = try library.bind(each.definition)
      try kernel.apply(arguments, on: stream)
      #expect(each.rows.count == probs.shape[0])
      for (row, expected) in each.rows.enumerated() {
        let values = UnsafeBufferPointer(start: probs.elements(as: Float.self) + row * vocabulary, count: vocabulary)
        let kept = try #require(KeptProbabilities(values, topK: topK?[row], topP: topP?[row]))
        let drawn = outputs[0].integers[row]
        #expect(kept.weights[drawn] > 0, "\(each): row \(row) drew \(drawn)")
        let summary = KeptSummary(kept.weights)
        if let token = expected["argmax"]?.int {
          #expect(summary.first == [token] && drawn == token, "\(each): row \(row)")
          continue
        }
        #expect(summary.count == expected["count"]?.int, "\(each): row \(row)")
        #expect(summary.sum == expected["sum"]?.int, "\(each): row \(row)")
        #expect(summary.first == expected["first"]?.array?.compactMap(\.int), "\(each): row \(row)")
        let largest = try #require(expected["largest"]?.double), squares = try #require(expected["squares"]?.double)
        #expect(abs(summary.largest - largest) < 1e-6 && abs(summary.squares - squares) < 1e-6, "\(each): row \(row)")
      }
    }
  }

  /// The public definition with a vocabulary of eight.
  private func small(_ name: String) throws -> Definition {
    let definition = try PublicDefinitions.named(name)
    var axes = definition.axes
    axes["vocab_size"] = .const(8)
    return try definition.with(axes: axes)
  }

  private static let row: [Float] = [0.05, 0.3, 0, 0.2, 0.15, 0.1, 0.15, 0.05]

  /// How often each token is drawn in 2000 rows and `calls` calls of one kernel.
  private func frequencies(
    _ definition: Definition, topK: Int32?, topP: Float?, calls: Int
  ) throws -> [Double] {
    let rows = 2000, probs = Tensor(.float32, [rows, 8]), samples = Tensor(.int64, [rows])
    for i in 0..<rows * 8 { probs.elements(as: Float.self)[i] = Self.row[i % 8] }
    var arguments = [KernelArgument.tensor(probs)]
    if let topK { arguments.append(.tensor(Tensor([Int32](repeating: topK, count: rows), [rows]))) }
    if let topP { arguments.append(.tensor(Tensor([Float](repeating: topP, count: rows), [rows]))) }
    let kernel = try library.bind(definition)
    var counts = [Double](repeating: 0, count: 8)
    for _ in 0..<calls {
      try kernel.apply(arguments + [.tensor(samples)], on: stream)
      for token in samples.integers { counts[token] += 1 / Double(rows * calls) }
    }
    return counts
  }

  @Test("tokens are drawn as often as their probability says, within what is kept")
  func distribution() throws {
    let topK = try small("top_k_sampling_from_probs_v128256"), topP = try small("top_p_sampling_from_probs_v129280")
    let both = try small("top_k_top_p_sampling_from_probs_v128256")
    let cases: [(Definition, Int32?, Float?, [Double])] = [
      (topK, 0, nil, [0.05, 0.3, 0, 0.2, 0.15, 0.1, 0.15, 0.05]),
      (topK, 8, nil, [0.05, 0.3, 0, 0.2, 0.15, 0.1, 0.15, 0.05]),
      (topK, 2, nil, [0, 0.6, 0, 0.4, 0, 0, 0, 0]),
      (topP, nil, 1, [0.05, 0.3, 0, 0.2, 0.15, 0.1, 0.15, 0.05]),
      // 0.3, 0.5, 0.65: the third crosses 0.6; the lower of two equals comes first.
      (topP, nil, 0.6, [0, 0.3 / 0.65, 0, 0.2 / 0.65, 0.15 / 0.65, 0, 0, 0]),
      (topP, nil, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
      // Of the three kept by top-k, divided by 0.65, two reach more than 0.7.
      (both, 3, 0.7, [0, 0.6, 0, 0.4, 0, 0, 0, 0]),
      (both, 100, 1.5, [0.05, 0.3, 0, 0.2, 0.15, 0.1, 0.15, 0.05]),
    ]
    for (definition, k, p, expected) in cases {
      let found = try frequencies(definition, topK: k, topP: p, calls: 10)
      for i in 0..<8 where expected[i] == 0 { #expect(found[i] == 0, "\(definition.name) k \(k ?? 0): token \(i)") }
      // 20000 draws of 8 tokens: the expected distance is about 0.007.
      let distance = zip(found, expected).reduce(0) { $0 + abs($1.0 - $1.1) } / 2
      #expect(distance < 0.02, "\(definition.name) k \(k ?? 0) p \(p ?? 1): \(found)")
    }
  }

  @Test("a fresh kernel repeats its draws; a second call draws anew; rows draw independently")
  func repetition() throws {
    let definition = try small("top_p_sampling_from_probs_v129280")
    let rows = 64, probs = Tensor(.float32, [rows, 8]), topP = Tensor([Float](repeating: 1, count: rows), [rows])
    for i in 0..<rows * 8 { probs.elements(as: Float.self)[i] = Self.row[i % 8] }
    func draws(_ kernel: BoundKernel) throws -> [Int] {
      let samples = Tensor(.int64, [rows])
      try kernel.apply([.tensor(probs), .tensor(topP), .tensor(samples)], on: stream)
      return samples.integers
    }
    let first = try library.bind(definition), second = try library.bind(definition)
    let once = try draws(first), twice = try draws(first)
    #expect(once != twice && Set(once).count > 4)
    #expect(try draws(second) == once)
    #expect(try draws(second) == twice)
    #expect(
      KernelCatalog.solutions.filter { $0.name.hasSuffix("_reference") && $0.isBatchInvariant != true }.map(\.name)
        == ["sampling_swift_reference"])
  }
}

/// What a fixture stores of a kept distribution.
private struct KeptSummary {
  var count = 0, sum = 0, first: [Int] = [], largest = 0.0, squares = 0.0

  init(_ weights: [Float]) {
    var total = 0.0
    weights.withUnsafeBufferPointer { weights in
      for i in 0..<weights.count where weights[i] > 0 {
        let weight = Double(weights[i])
        (count, sum, total) = (count + 1, sum + i, total + weight)
        (largest, squares) = (max(largest, weight), squares + weight * weight)
        if first.count < 16 { first.append(i) }
      }
    }
    (largest, squares) = (largest / total, squares / total / total)
  }
}

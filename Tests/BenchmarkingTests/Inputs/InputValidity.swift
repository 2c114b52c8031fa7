import Checkpoints
import KernelRuntime
import Tensors
import Traces

@testable import Benchmarking

/// What is wrong with a call's inputs, by rules written apart from the generators.
final class InputValidity {
  private let inputs: WorkloadInputs
  private var problems: [String] = []

  private init(_ inputs: WorkloadInputs) { self.inputs = inputs }

  static func problems(_ inputs: WorkloadInputs) -> [String] {
    let check = InputValidity(inputs)
    check.run()
    return check.problems
  }

  /// At most some five hundred elements from all over a tensor.
  static func sample(_ tensor: Tensor) -> [Float] {
    stride(from: 0, to: tensor.count, by: tensor.count / 500 + 1).map { tensor.dtype.decode(tensor.bits(at: $0)) }
  }

  private func axis(_ name: String) -> Int? { inputs.definition.axes[name]?.value ?? inputs.axes[name] }
  private func integers(_ name: String) -> [Int]? {
    guard let tensor = inputs.tensor(name), !tensor.dtype.isFloatingPoint else { return nil }
    return tensor.integers
  }
  private func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) {
    if !holds && problems.count < 10 { problems.append("\(inputs.definition.name): \(sentence())") }
  }

  private func run() {
    let definition = inputs.definition
    expect(inputs.arguments.names == definition.inputs.names, "inputs are \(inputs.arguments.names)")
    for (name, spec) in definition.inputs {
      guard case .tensor(let tensor)? = inputs.arguments[name] else {
        expect(spec.isScalar, "\(name) should be a tensor")
        continue
      }
      expect(tensor.isContiguous && tensor.dtype == spec.dtype, "\(name) has another form")
      expect(tensor.shape.array == (spec.shape ?? []).map { axis($0) ?? -1 }, "\(name) has shape \(tensor.shape)")
      if spec.dtype.isFloatingPoint {
        let values = Self.sample(tensor)
        expect(values.allSatisfy { $0.isFinite }, "\(name) is not finite")
        expect(values.count < 64 || Set(values).count > 1, "\(name) is constant")
      }
    }
    checkIndices()
    checkSequences()
    checkProbabilities()
    checkBlocks()
  }

  private func checkIndices() {
    let slots = (axis("num_pages") ?? 0) * (axis("page_size") ?? 1)
    for (name, bound) in [
      ("tokens", axis("vocab_size")), ("positions", axis("max_seq_len")), ("kv_indices", axis("num_pages")),
      ("slots", slots),
    ] {
      guard let values = integers(name), let bound else { continue }
      expect(values.allSatisfy { 0..<bound ~= $0 }, "\(name) leaves 0..<\(bound)")
      let isDistinct = name == "slots" || name == "kv_indices" && values.count <= bound
      if isDistinct { expect(Set(values).count == values.count, "\(name) repeats an entry") }
    }
    if let values = integers("top_k"), let vocabulary = axis("vocab_size") {
      expect(values.allSatisfy { 0...vocabulary ~= $0 }, "top_k leaves the vocabulary")
    }
    if let packed = integers("topk_ids"), let experts = axis("num_experts"), let width = axis("top_k") {
      for row in stride(from: 0, to: packed.count, by: width) {
        let chosen = packed[row..<row + width].map { $0 >> 16 }
        expect(Set(chosen).count == width && chosen.allSatisfy { 0..<experts ~= $0 }, "topk_ids chooses \(chosen)")
      }
    }
  }

  private func checkSequences() {
    let ends = [("qo_indptr", axis("total_q")), ("kv_indptr", axis("num_kv_indices") ?? axis("total_kv"))]
    for (name, end) in ends {
      guard let values = integers(name), let end, !values.isEmpty else { continue }
      expect(values.first == 0 && values.last == end, "\(name) runs to \(values.last ?? -1), not \(end)")
      expect(zip(values, values.dropFirst()).allSatisfy(<=), "\(name) falls")
    }
    guard let pages = integers("kv_indptr"), pages.count > 1 else { return }
    let size = axis("page_size") ?? 1, last = integers("kv_last_page_len"), queries = integers("qo_indptr")
    var isTight = false
    for i in 0..<pages.count - 1 {
      let count = pages[i + 1] - pages[i]
      if let last, count > 0 { expect(1...size ~= last[i], "the last page of \(i) holds \(last[i])") }
      let length = count == 0 ? 0 : (count - 1) * size + (last?[i] ?? size)
      if let queries, length < queries[i + 1] - queries[i] { isTight = true }
    }
    let room = (axis("num_kv_indices") ?? axis("total_kv") ?? 0) * size
    if isTight {
      expect(room < (axis("total_q") ?? 0), "a sequence has more queries than positions, though there is room")
    }
  }

  private func checkProbabilities() {
    guard let probabilities = inputs.tensor("probs") else { return }
    let width = probabilities.shape[1], values = probabilities.values
    for row in 0..<probabilities.shape[0] where width > 0 {
      let sum = values[row * width..<(row + 1) * width].reduce(0.0) { $0 + Double($1) }
      expect(abs(sum - 1) < 1e-4, "row \(row) of probs sums to \(sum)")
    }
    expect(values.allSatisfy { $0 > 0 }, "a probability is not positive")
  }

  private func checkBlocks() {
    guard let format = InputRecipe.weightFormat(of: inputs.definition),
      let weight = inputs.tensor("B") ?? inputs.tensor("weight"), weight.dtype == .int8, weight.count > 0
    else { return }
    let bytes = UnsafeRawBufferPointer(start: weight.pointer, count: weight.byteCount)
    var values = [Float](repeating: .nan, count: weight.byteCount / format.blockBytes * format.blockElements)
    values.withUnsafeMutableBufferPointer { Dequantization.dequantize(bytes, format: format, into: $0) }
    expect(values.allSatisfy { $0.isFinite && abs($0) < 1000 }, "\(format.rawValue) blocks hold wild numbers")
    expect(Set(values.prefix(4096)).count > 16, "\(format.rawValue) blocks hold few values")
  }
}

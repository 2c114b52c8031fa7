import Glibc
import Tensors

/// Which tokens a draw may give: those whose share of the kept mass holds the random number, give or take what sums in
/// float32 are off by.
struct SampledTokens {
  private let call: ConformanceCall
  /// Of the whole mass.
  private static let slack = 1e-5

  init(_ call: ConformanceCall) { self.call = call }

  func compare(_ found: Tensor, with oracle: Tensor, _ output: String) -> ConformanceTolerance.Finding {
    var finding = ConformanceTolerance.Finding()
    let samples = found.int32s, expected = oracle.int32s
    for row in samples.indices where samples[row] != expected[row] {
      // A neighbour in rounding counts as all of what is allowed.
      let isPossible = isPossible(samples[row], row: row)
      if isPossible && finding.error >= 1 { continue }
      finding.error = isPossible ? 1 : .infinity
      finding.sentence = "\(output)[\(row)] is \(samples[row]), the oracle has \(expected[row])"
    }
    return finding
  }

  private func isPossible(_ token: Int32, row: Int) -> Bool {
    guard let logits = call.tensors["logits"], 0..<logits.shape[1] ~= Int(token) else { return false }
    let size = logits.shape[1], x = logits.elements(as: Float.self) + row * size
    let temperature = parameter("temperature", row), uniform = parameter("uniform", row)
    let topP = parameter("top_p", row), minP = parameter("min_p", row)
    if temperature <= 0 { return false }  // the largest is the largest in any arithmetic
    let order = (0..<size).sorted { (x[$0], $1) > (x[$1], $0) }
    guard let place = order.firstIndex(of: Int(token)) else { return false }
    var weights = order.map { exp((Double(x[$0]) - Double(x[order[0]])) / temperature) }
    if let topK = call.tensors["top_k"]?.int32s[row], topK > 0 { weights = Array(weights.prefix(Int(topK))) }
    let total = weights.reduce(0, +), slack = Self.slack * total
    func kept(_ topP: Double, _ minP: Double) -> Int {
      var count = 0, mass = 0.0
      for weight in weights {
        if count > 0, weight < minP { break }
        mass += weight
        count += 1
        if parameter("top_p", row) < 1, mass >= topP * total { break }
      }
      return count
    }
    let fewest = kept(topP - Self.slack, minP + Self.slack), most = kept(topP + Self.slack, minP - Self.slack)
    guard place < most else { return false }
    let before = weights[..<place].reduce(0, +), through = before + weights[place]
    let least = weights[..<fewest].reduce(0, +), greatest = weights[..<most].reduce(0, +)
    return before <= uniform * greatest + slack && through >= uniform * least - slack
  }

  private func parameter(_ name: String, _ row: Int) -> Double {
    Double(call.tensors[name]?.elements(as: Float.self)[row] ?? 0)
  }
}

/// Checks that hold for every source of a configuration.
enum ConfigurationChecks {
  /// The largest extent accepted for anything; products of two stay far from overflow.
  static let largest = 1 << 24

  /// - names: what this format calls the numbers, for messages.
  static func check(_ c: DecoderConfiguration, file: String) throws(ModelLoadingError) {
    func failure(_ key: String, _ reason: String) -> ModelLoadingError {
      ModelLoadingError(.badConfiguration, file: file, subject: key, reason)
    }
    func positive(_ key: String, _ value: Int, upTo most: Int = largest) throws(ModelLoadingError) {
      if value < 1 || value > most { throw failure(key, "is \(value), expected 1 to \(most)") }
    }
    try positive("vocabulary size", c.vocabularySize)
    try positive("hidden size", c.hiddenSize)
    try positive("intermediate size", c.intermediateSize)
    try positive("number of layers", c.layerCount, upTo: 4096)
    try positive("number of query heads", c.queryHeadCount, upTo: 4096)
    try positive("number of key-value heads", c.keyValueHeadCount, upTo: 4096)
    try positive("head dimension", c.headDimension, upTo: 1024)
    try positive("context length", c.contextLength, upTo: 1 << 28)
    if c.headDimension % 2 != 0 { throw failure("head dimension", "is \(c.headDimension), expected an even number") }
    if c.queryHeadCount % c.keyValueHeadCount != 0 {
      throw failure(
        "number of query heads", "is \(c.queryHeadCount), no multiple of the \(c.keyValueHeadCount) key-value heads")
    }
    if !(c.rmsNormEpsilon > 0 && c.rmsNormEpsilon < 1) {
      throw failure("norm epsilon", "is \(c.rmsNormEpsilon), expected a small positive number")
    }
    if !(c.ropeTheta > 0 && c.ropeTheta.isFinite) {
      throw failure("rope theta", "is \(c.ropeTheta), expected a positive number")
    }
    if let window = c.slidingWindow { try positive("sliding window", window, upTo: 1 << 28) }
    switch c.ropeScaling {
    case .linear(let factor):
      if !(factor > 0 && factor.isFinite) { throw failure("rope scaling factor", "is \(factor), expected above 0") }
    case .llama3(let factor, let low, let high, let original):
      if !(factor > 0 && factor.isFinite && low > 0 && high > low && high.isFinite && original > 0) {
        throw failure(
          "rope scaling",
          "llama3 with factor \(factor), low \(low), high \(high), original length \(original): expected positive "
            + "numbers with low below high")
      }
    case .perFrequency(let divisors):
      if divisors.count != c.headDimension / 2 || !divisors.allSatisfy({ $0 > 0 && $0.isFinite }) {
        throw failure("rope_freqs.weight", "expected \(c.headDimension / 2) positive numbers")
      }
    case nil: break
    }
  }

  /// End tokens, each once; those outside the vocabulary are an error.
  static func stopTokens(
    _ ids: [Int?], vocabularySize: Int, file: String
  ) throws(ModelLoadingError) -> [Int32] {
    var found: [Int32] = []
    for case let id? in ids {
      guard id >= 0, id < vocabularySize else {
        throw ModelLoadingError(
          .badConfiguration, file: file, subject: "end token", "is \(id), the vocabulary has \(vocabularySize) tokens")
      }
      if !found.contains(Int32(id)) { found.append(Int32(id)) }
    }
    return found
  }
}

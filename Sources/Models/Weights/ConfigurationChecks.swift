/// Checks that hold for every source of a configuration.
enum ConfigurationChecks {
  /// The largest extent accepted for anything; products of two stay far from overflow.
  static let largest = 1 << 24

  /// - Parameter key: what the file calls a number, for messages.
  static func check(
    _ c: DecoderConfiguration, file: String, key: (ConfigurationNumber) -> String
  ) throws(ModelLoadingError) {
    func failure(_ number: ConfigurationNumber, _ reason: String) -> ModelLoadingError {
      ModelLoadingError(.badConfiguration, file: file, subject: key(number), reason)
    }
    func positive(_ number: ConfigurationNumber, _ value: Int, upTo most: Int = largest) throws(ModelLoadingError) {
      if value < 1 || value > most { throw failure(number, "is \(value), expected 1 to \(most)") }
    }
    try positive(.vocabularySize, c.vocabularySize)
    try positive(.hiddenSize, c.hiddenSize)
    try positive(.intermediateSize, c.intermediateSize)
    try positive(.layerCount, c.layerCount, upTo: 4096)
    try positive(.queryHeadCount, c.queryHeadCount, upTo: 4096)
    try positive(.keyValueHeadCount, c.keyValueHeadCount, upTo: 4096)
    try positive(.headDimension, c.headDimension, upTo: 1024)
    try positive(.contextLength, c.contextLength, upTo: 1 << 28)
    if c.headDimension % 2 != 0 { throw failure(.headDimension, "is \(c.headDimension), expected an even number") }
    if c.queryHeadCount % c.keyValueHeadCount != 0 {
      throw failure(
        .queryHeadCount, "is \(c.queryHeadCount), no multiple of the \(c.keyValueHeadCount) key-value heads")
    }
    if !(c.rmsNormEpsilon > 0 && c.rmsNormEpsilon < 1) {
      throw failure(.normEpsilon, "is \(c.rmsNormEpsilon), expected a small positive number")
    }
    if !(c.ropeTheta > 0 && c.ropeTheta.isFinite) {
      throw failure(.ropeTheta, "is \(c.ropeTheta), expected a positive number")
    }
    if let window = c.slidingWindow { try positive(.slidingWindow, window, upTo: 1 << 28) }
    switch c.ropeScaling {
    case .linear(let factor):
      if !(factor > 0 && factor.isFinite) {
        throw failure(.ropeScaling, "has the factor \(factor), expected a positive number")
      }
    case .llama3(let factor, let low, let high, let original):
      if !(factor > 0 && factor.isFinite && low > 0 && high > low && high.isFinite && original > 0) {
        throw failure(
          .ropeScaling,
          "llama3 with factor \(factor), low \(low), high \(high), original length \(original): expected positive "
            + "numbers with low below high")
      }
    case .perFrequency(let divisors):
      if divisors.count != c.headDimension / 2 || !divisors.allSatisfy({ $0 > 0 && $0.isFinite }) {
        throw ModelLoadingError(
          .badWeight, file: file, subject: "tensor rope_freqs.weight",
          "has \(divisors.count) numbers, expected \(c.headDimension / 2) positive numbers")
      }
    case nil: break
    }
  }

  /// End tokens, each once; those outside the vocabulary are an error.
  static func stopTokens(
    _ ids: [StopToken], vocabularySize: Int
  ) throws(ModelLoadingError) -> [Int32] {
    var found: [Int32] = []
    for stop in ids {
      guard let id = Int32(exactly: stop.id), id >= 0, id < vocabularySize else {
        throw ModelLoadingError(
          .badConfiguration, file: stop.file, subject: stop.key,
          "is \(stop.id), the vocabulary has \(vocabularySize) tokens")
      }
      if !found.contains(id) { found.append(id) }
    }
    return found
  }
}

/// The id of an end token, and where it was found.
struct StopToken {
  let file: String, key: String, id: Int
}

import Glibc
import Tokenization

/// What the engine computes from a row of logits, [vocabulary] float32.
enum LogitsRow {
  /// Whether every logit is a number: 0 · x is NaN exactly when x is infinite or NaN.
  static func isFinite(_ logits: UnsafeMutableBufferPointer<Float>) -> Bool {
    let bytes = UnsafeRawBufferPointer(logits)
    var sum = SIMD16<Float>()
    var index = 0
    while index + 16 <= logits.count {
      sum += bytes.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self) * 0
      index += 16
    }
    var rest: Float = 0
    for tail in index..<logits.count { rest += logits[tail] * 0 }
    return (sum.sum() + rest) == 0
  }

  /// log Σ exp(logit): what a logit exceeds its log-probability by.
  static func logSumExp(_ logits: UnsafeMutableBufferPointer<Float>) -> Float {
    var largest = -Float.infinity
    for logit in logits { largest = max(largest, logit) }
    var sum = 0.0
    for logit in logits { sum += Double(expf(logit - largest)) }
    return largest + Float(log(sum))
  }

  /// The `count` largest logits, largest first, of equals the lowest token first. One pass over the row; a logit that
  /// is among the largest so far is inserted into a short sorted list.
  static func largest(_ count: Int, of logits: UnsafeMutableBufferPointer<Float>) -> [(token: TokenID, logit: Float)] {
    guard count > 0 else { return [] }
    var best: [(token: TokenID, logit: Float)] = []
    best.reserveCapacity(count + 1)
    for (token, logit) in logits.enumerated() {
      if best.count == count, logit <= best[count - 1].logit { continue }
      var place = best.count
      while place > 0, best[place - 1].logit < logit { place -= 1 }
      best.insert((TokenID(token), logit), at: place)
      if best.count > count { best.removeLast() }
    }
    return best
  }
}

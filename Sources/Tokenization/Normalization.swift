@_spi(_Unicode) import Swift

/// Normalization Form C (Unicode Standard Annex 15), in linear time on any text.
enum Normalization {
  /// The text in NFC, or nil when it is already.
  static func nfc(_ text: UnsafeBufferPointer<UInt8>, classes: UnicodeClasses.Table) -> [UInt8]? {
    guard let base = text.baseAddress else { return nil }
    var i = 0, isSafe = true
    while i < text.count {
      let (found, length) = classes.character(base, i, text.count)
      if found & UnicodeClasses.nfcUnsafe != 0 {
        isSafe = false
        break
      }
      i += length
    }
    if isSafe { return nil }
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    for scalar in withShortUnorderedRuns(String(decoding: text, as: UTF8.self))._nfc {
      output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
    return output
  }

  /// A canonically equivalent text in which long runs of combining marks are in canonical order.
  ///
  /// The standard library orders each run by insertion: quadratic in the length of an unordered run, and linear in that
  /// of an ordered one.
  private static func withShortUnorderedRuns(_ text: String) -> String {
    let limit = 64
    var output = String.UnicodeScalarView(), run: [Unicode.Scalar] = []
    func flush() {
      if run.count > limit { run = inCanonicalOrder(run) }
      output.append(contentsOf: run)
      run.removeAll(keepingCapacity: true)
    }
    for scalar in text.unicodeScalars {
      if scalar.properties.canonicalCombiningClass == .notReordered {
        flush()
        output.append(scalar)
      } else {
        run.append(scalar)
      }
    }
    flush()
    return String(output)
  }

  /// Sorted by combining class, equal ones as they were (Unicode Standard, D109).
  private static func inCanonicalOrder(_ run: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var buckets = [[Unicode.Scalar]](repeating: [], count: 256)
    func add(_ scalar: Unicode.Scalar) {
      buckets[Int(scalar.properties.canonicalCombiningClass.rawValue)].append(scalar)
    }
    for scalar in run {
      // The marks whose decomposition is itself out of order when repeated.
      switch scalar {
      case "\u{F73}", "\u{F75}", "\u{F81}":
        add("\u{F71}")
        add(scalar == "\u{F73}" ? "\u{F72}" : scalar == "\u{F75}" ? "\u{F74}" : "\u{F80}")
      default: add(scalar)
      }
    }
    return buckets.flatMap { $0 }
  }
}

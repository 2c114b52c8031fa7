@_spi(_Unicode) import Swift

/// Normalization Form C (Unicode Standard Annex 15), in linear time on any text. The tables are the standard
/// library's; Hugging Face's tokenizers has older ones and leaves some recently added marks where they are.
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
    for scalar in withOrderedRuns(String(decoding: text, as: UTF8.self))._nfc {
      output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
    return output
  }

  /// A canonically equivalent text in which runs of combining marks that the standard library orders too slowly or not
  /// at all are in canonical order.
  ///
  /// It orders by insertion, which is quadratic in the length of a run unless it is ordered; and it does not order what
  /// the Tibetan vowel signs U+0F73, U+0F75 and U+0F81 decompose to.
  private static func withOrderedRuns(_ text: String) -> String {
    let limit = 64
    var output = String.UnicodeScalarView(), run: [Unicode.Scalar] = []
    func flush() {
      if run.count > limit || run.contains(where: { parts(of: $0) != nil }) { run = inCanonicalOrder(run) }
      output.append(contentsOf: run)
      run.removeAll(keepingCapacity: true)
    }
    for scalar in text.unicodeScalars {
      if scalar.properties.canonicalCombiningClass == .notReordered, parts(of: scalar) == nil {
        flush()
        output.append(scalar)
      } else {
        run.append(scalar)
      }
    }
    flush()
    return String(output)
  }

  /// The decomposition of a mark whose parts have different combining classes.
  private static func parts(of scalar: Unicode.Scalar) -> (Unicode.Scalar, Unicode.Scalar)? {
    switch scalar {
    case "\u{F73}": ("\u{F71}", "\u{F72}")
    case "\u{F75}": ("\u{F71}", "\u{F74}")
    case "\u{F81}": ("\u{F71}", "\u{F80}")
    default: nil
    }
  }

  /// Sorted by combining class, equal ones as they were (Unicode Standard, D109).
  private static func inCanonicalOrder(_ run: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var buckets = [[Unicode.Scalar]](repeating: [], count: 256)
    func add(_ scalar: Unicode.Scalar) {
      buckets[Int(scalar.properties.canonicalCombiningClass.rawValue)].append(scalar)
    }
    for scalar in run {
      if let (first, second) = parts(of: scalar) {
        add(first)
        add(second)
      } else {
        add(scalar)
      }
    }
    return buckets.flatMap { $0 }
  }
}

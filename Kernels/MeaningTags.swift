import Tensors
import Traces

extension Definition {
  /// Keys of tags that change what a definition computes. Inputs and outputs may be the same with and without.
  private static let meaningKeys: Set = [
    "window", "soft_cap", "alibi", "rotary_style", "weight_offset", "causal", "weight_format",
  ]

  /// The tags that change the meaning, in order: `window:128` is ("window", "128"), `alibi` is ("alibi", "").
  var meaningTags: [(key: String, value: String)] {
    tags.compactMap { tag in
      let parts = tag.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let key = String(parts[0])
      return Self.meaningKeys.contains(key) ? (key, parts.count > 1 ? String(parts[1]) : "") : nil
    }
  }

  /// The value of a tag `<key>:<value>` that changes the meaning; nil without it.
  func meaning(_ key: String) -> String? { meaningTags.first { $0.key == key }?.value }
}

/// What a room's definitions of several element types differ in.
extension DType {
  /// Ends the name of a definition whose activations have this type; float32 has no mark.
  var nameSuffix: String { self == .float32 ? "" : "_\(rawValue)" }

  /// A Python expression of float32, rounded to this type.
  func rounded(python expression: String) -> String {
    if self == .float32 { return expression }
    let isName = expression.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    return (isName ? expression : "(\(expression))") + ".to(torch.\(rawValue))"
  }
}

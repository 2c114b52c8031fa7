import Traces

/// Tags of a definition that change what it computes. A kernel that does not know one must not be used for it.
public enum MeaningTag {
  /// `window:N`, `soft_cap:X`, `alibi`, `rotary_style:S`, `weight_offset:X`, `causal:false`, `weight_format:F`.
  public static let keys = [
    "window", "soft_cap", "alibi", "rotary_style", "weight_offset", "causal", "weight_format",
  ]

  /// Those of a definition, with their values.
  static func tags(of definition: Definition) -> [(key: String, value: String?)] {
    definition.tags.compactMap { tag in
      let parts = tag.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return keys.contains(parts[0]) ? (parts[0], parts.count > 1 ? parts[1] : nil) : nil
    }
  }
}

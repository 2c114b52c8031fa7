import Checkpoints

/// How the elements of one input are made, as data: what a definition's tag `input:<name>=<recipe>` says, or what the
/// rules for known names choose. Numbers come from `CounterRandom`, so the same seed makes the same bits in every language.
///
///     input:kv_indices=pages(num_pages)      input:logits=normal(2)      input:positions=below(max_seq_len)
///
/// Arguments that count something are expressions over the definition's axes.
public enum InputRecipe: Sendable, Hashable {
  /// Mean 0 and the given deviation; 8-bit and 4-bit floats are clamped to ±2 deviations.
  case normal(Float)
  /// In [low, high).
  case uniform(low: Float, high: Float)
  /// One of the given values.
  case choice([Float])
  /// Around 1: `1 + normal / 8`.
  case normWeight
  /// Positive scales in [1/128, 1/32).
  case scales
  /// Rows of the innermost axis that sum to 1.
  case probabilities
  /// A probability to keep, mostly below 1.
  case topP
  /// How many tokens to keep, of so many; 0 and more than all are among them.
  case topK(String)
  /// Indices in 0 ..< bound, each by itself.
  case below(String)
  /// Indices in 0 ..< bound, none twice within the innermost axis.
  case distinct(String)
  /// Pages in 0 ..< bound: none twice, or shared when there are more entries than pages.
  case pages(String)
  /// Offsets of ragged sequences: from 0, never falling, to the given end.
  case indptr(String)
  /// How full the last page of each sequence is.
  case lastPageLength
  /// Lengths in 1 ... bound.
  case lengths(String)
  /// Expert in the upper 16 bits, a bfloat16 weight in the lower; experts below bound, none twice in a row.
  case packedExperts(String)
  /// Cosines, then sines, of position · 10000^(-2i / width), one row a position.
  case rotaryTable
  /// Raw blocks of a quantised weight: random bytes with small finite half-precision scales.
  case blocks(WeightFormat)
  /// Pages of keys in float8_e4m3fn, all data first, then one float32 scale a token.
  case scaledKeyPages
  /// Every bit random: all values of an integer type, true and false.
  case bits
  /// Whole numbers in [low, high].
  case integers(low: Int, high: Int)
}

extension InputRecipe: CustomStringConvertible {
  public var description: String {
    switch self {
    case .normal(1): "normal"
    case .normal(let scale): "normal(\(scale))"
    case .uniform(let low, let high): "uniform(\(low), \(high))"
    case .choice(let values): "choice(\(values.map { "\($0)" }.joined(separator: ", ")))"
    case .normWeight: "norm_weight"
    case .scales: "scales"
    case .probabilities: "probabilities"
    case .topP: "top_p"
    case .topK(let bound): "top_k(\(bound))"
    case .below(let bound): "below(\(bound))"
    case .distinct(let bound): "distinct(\(bound))"
    case .pages(let bound): "pages(\(bound))"
    case .indptr(let end): "indptr(\(end))"
    case .lastPageLength: "last_page_len"
    case .lengths(let bound): "lengths(\(bound))"
    case .packedExperts(let bound): "packed_experts(\(bound))"
    case .rotaryTable: "rotary_table"
    case .blocks(let format): "blocks(\(format.rawValue))"
    case .scaledKeyPages: "scaled_key_pages"
    case .bits: "bits"
    case .integers(let low, let high): "integers(\(low), \(high))"
    }
  }

  /// Reads the form that `description` writes; blanks do not count.
  /// - Throws: `invalidRule`, naming what was found and the forms that there are.
  public init(text: String) throws(WorkloadError) {
    let trimmed = text.filter { $0 != " " }
    let open = trimmed.firstIndex(of: "(")
    let name = String(trimmed[..<(open ?? trimmed.endIndex)])
    var inside = ""
    if let open {
      guard trimmed.last == ")" else { throw Self.unreadable(text) }
      inside = String(trimmed[trimmed.index(after: open)...].dropLast())
    }
    let numbers = inside.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    func pair() -> (Float, Float)? {
      guard numbers.count == 2, let low = numbers[0], let high = numbers[1], low <= high, (high - low).isFinite else {
        return nil
      }
      return (low, high)
    }
    let plain: [String: InputRecipe] = [
      "normal": .normal(1), "uniform": .uniform(low: 0, high: 1), "norm_weight": .normWeight, "scales": .scales,
      "probabilities": .probabilities, "top_p": .topP, "last_page_len": .lastPageLength, "rotary_table": .rotaryTable,
      "scaled_key_pages": .scaledKeyPages, "bits": .bits,
    ]
    let bounded: [String: (String) -> InputRecipe] = [
      "top_k": InputRecipe.topK, "below": InputRecipe.below, "distinct": InputRecipe.distinct,
      "pages": InputRecipe.pages, "indptr": InputRecipe.indptr, "lengths": InputRecipe.lengths,
      "packed_experts": InputRecipe.packedExperts,
    ]
    let found: InputRecipe?
    if open == nil {
      found = plain[name]
    } else if let make = bounded[name] {
      found = inside.isEmpty ? nil : make(inside)
    } else {
      switch name {
      case "normal": found = numbers.count == 1 ? numbers[0].flatMap { $0.isFinite ? .normal($0) : nil } : nil
      case "uniform": found = pair().map { .uniform(low: $0, high: $1) }
      case "choice":
        let values = numbers.compactMap { $0 }
        found = values.count == numbers.count ? .choice(values) : nil
      case "blocks": found = WeightFormat(rawValue: inside).map { .blocks($0) }
      case "integers":
        let bounds = inside.split(separator: ",").compactMap { Int($0) }
        let isRange =
          bounds.count == 2 && bounds[0] <= bounds[1] && bounds[1].subtractingReportingOverflow(bounds[0]).1 == false
        found = isRange && bounds[1] - bounds[0] < 1 << 32 ? .integers(low: bounds[0], high: bounds[1]) : nil
      default: found = nil
      }
    }
    guard let found else { throw Self.unreadable(text) }
    self = found
  }

  private static func unreadable(_ text: String) -> WorkloadError {
    WorkloadError(
      .invalidRule,
      "\"\(text)\" is no recipe for an input; there are normal(deviation), uniform(low, high), choice(…), integers(low, "
        + "high), bits, norm_weight, scales, probabilities, top_p, top_k(n), below(n), distinct(n), pages(n), indptr(end), "
        + "lengths(n), last_page_len, packed_experts(n), rotary_table, scaled_key_pages, blocks(format)")
  }
}

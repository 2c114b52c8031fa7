/// By what a solution is chosen among those that the policy allows.
public enum Selection: Sendable, Hashable, CustomStringConvertible {
  /// The first usable one of the operator's list; measurements are not looked at.
  case listed
  /// One solution for all shapes, batch-invariant, the fastest over all measured shapes: results do not depend on what
  /// else is in a batch. Without measurements, the first usable one of the list.
  case batchInvariant
  /// The fastest for each shape. Results may depend on the size of the batch, since two solutions may round differently.
  case fastest
  /// As `fastest`, among solutions whose recorded errors are at most these.
  case boundedError(absolute: Double, relative: Double)

  public var description: String {
    switch self {
    case .listed: "listed"
    case .batchInvariant: "batch-invariant"
    case .fastest: "fastest"
    case .boundedError(let absolute, let relative): "bounded-error \(absolute) \(relative)"
    }
  }

  /// Reads `listed`, `batch-invariant`, `fastest`, or `bounded-error ABSOLUTE RELATIVE`; nil for anything else.
  public init?(_ text: String) {
    let words = text.split(separator: " ")
    switch words.first {
    case "listed" where words.count == 1: self = .listed
    case "batch-invariant" where words.count == 1: self = .batchInvariant
    case "fastest" where words.count == 1: self = .fastest
    case "bounded-error":
      guard words.count == 3, let absolute = Double(words[1]), let relative = Double(words[2]), absolute >= 0,
        relative >= 0
      else { return nil }
      self = .boundedError(absolute: absolute, relative: relative)
    default: return nil
    }
  }

  /// Whether the choice may differ from shape to shape.
  var isByShape: Bool {
    switch self {
    case .listed, .batchInvariant: false
    case .fastest, .boundedError: true
    }
  }
}

/// The kind of step that a call belongs to.
public enum KernelPhase: String, Sendable, Hashable, CaseIterable {
  /// Every sequence has one new token.
  case decode
  /// Some sequence has several.
  case prefill
}

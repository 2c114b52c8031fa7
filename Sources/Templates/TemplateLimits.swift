/// What one rendering may spend. A template comes from a model file and is not trusted to end.
public struct TemplateLimits: Sendable, Hashable {
  /// Evaluated nodes; every 256 bytes and every list element that an operation produces count as one more.
  public var steps = 1_000_000
  /// Bytes of the prompt, and of any string on the way to it.
  public var outputBytes = 16 << 20
  /// Nested evaluations (expressions, blocks; a macro call counts as three); fits a thread stack of 512 KiB.
  public var depth = 64
  /// Elements of one `range()`.
  public var rangeLength = 100_000

  public init() {}
}

/// How deeply a template's blocks and expressions may be nested; those of the model families need about 15. A debug
/// build spends up to 8 KiB of stack on a level.
let sourceNestingLimit = 32
/// How deeply lists and dicts may be nested.
let nestingLimit = 48

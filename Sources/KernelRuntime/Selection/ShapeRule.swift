import Traces

/// How a shape that was not measured borrows from one that was: exact, then the same bucket, then the nearest.
///
/// A definition declares an axis's buckets by a tag: `bucket:<axis>=exact`, `=pow2` (sizes up to the same power of two),
/// `=any` (the size does not matter), or `=ranges:1,16,256` (up to 1, up to 16 …). Without a tag an axis has `pow2`.
public struct ShapeRule: Sendable, Hashable {
  /// How far, as a factor over all axes together, the nearest measured shape may be.
  public var nearestLimit: Double
  /// A neighbour is left for another solution only when that is faster by this share.
  public var hysteresis: Double

  public init(nearestLimit: Double = 8, hysteresis: Double = 0.05) {
    (self.nearestLimit, self.hysteresis) = (nearestLimit, hysteresis)
  }

  enum Bucket: Sendable, Hashable {
    case exact, pow2, any
    case ranges([Int])

    init?(_ text: Substring) {
      switch text {
      case "exact": self = .exact
      case "pow2": self = .pow2
      case "any": self = .any
      default:
        guard text.hasPrefix("ranges:") else { return nil }
        let ends = text.dropFirst(7).split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard !ends.isEmpty, ends.allSatisfy({ $0 != nil }) else { return nil }
        self = .ranges(ends.compactMap { $0 }.sorted())
      }
    }

    func index(_ size: Int) -> Int {
      switch self {
      case .exact: size
      case .any: 0
      case .pow2: size <= 1 ? size : Int.bitWidth - (size - 1).leadingZeroBitCount + 1
      case .ranges(let ends): ends.firstIndex { size <= $0 } ?? ends.count
      }
    }
  }

  /// The buckets of a definition's variable axes, in their order.
  /// - Throws: `invalidPolicy` for a tag that says something else.
  static func buckets(of definition: Definition) throws(KernelError) -> [Bucket] {
    var declared: [String: Bucket] = [:]
    for tag in definition.tags where tag.hasPrefix("bucket:") {
      let parts = tag.dropFirst(7).split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let bucket = Bucket(parts[1]) else {
        throw KernelError(
          .invalidPolicy, definition: definition.name,
          "the tag \"\(tag)\" should be bucket:<axis>= exact, pow2, any or ranges:<size>,<size>…")
      }
      declared[String(parts[0])] = bucket
    }
    return definition.varAxes.map { declared[$0] ?? .pow2 }
  }
}

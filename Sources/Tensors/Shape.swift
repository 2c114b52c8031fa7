/// The extents of a tensor, outermost first; up to six axes, held inline so that passing one around allocates nothing.
public struct Shape: Sendable, Hashable, CustomStringConvertible, ExpressibleByArrayLiteral {
  /// The largest number of axes.
  public static let maximumRank = 6

  @usableFromInline var extents: InlineArray<6, Int>
  public let rank: Int

  /// - Precondition: at most six extents, none negative.
  public init(_ extents: [Int]) {
    precondition(
      extents.count <= Self.maximumRank, "a tensor has at most \(Self.maximumRank) axes, not \(extents.count)")
    var lanes = InlineArray<6, Int>(repeating: 0)
    for (i, extent) in extents.enumerated() {
      precondition(extent >= 0, "extent \(i) is negative: \(extent)")
      lanes[i] = extent
    }
    (self.extents, rank) = (lanes, extents.count)
  }
  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// Extent of one axis; `axis` in 0 ..< rank.
  @inlinable public subscript(axis: Int) -> Int { extents[axis] }

  /// The number of elements; 1 for rank 0.
  @inlinable public var count: Int {
    var product = 1
    for i in 0..<rank { product &*= extents[i] }
    return product
  }

  public static func == (a: Shape, b: Shape) -> Bool {
    guard a.rank == b.rank else { return false }
    for i in 0..<a.rank where a.extents[i] != b.extents[i] { return false }
    return true
  }
  public func hash(into hasher: inout Hasher) {
    for i in 0..<rank { hasher.combine(extents[i]) }
  }

  public var array: [Int] { (0..<rank).map { extents[$0] } }
  public var description: String { "[" + array.map(String.init).joined(separator: ", ") + "]" }
}

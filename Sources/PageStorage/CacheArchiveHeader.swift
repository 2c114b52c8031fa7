/// What the pages of an archive are, so that they are used only where they mean the same.
///
///     CacheArchiveHeader(
///       fingerprint: [.init("model", "sha256:…"), .init("layout", "…")], pageTokens: 16, pageBytes: 368_640)
public struct CacheArchiveHeader: Sendable {
  /// A name and what must be the same under it.
  public struct Field: Sendable {
    public let name: String, value: String
    public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
  }

  /// What the bytes of pages depend on, in an order that the caller chooses; each name once.
  public let fingerprint: [Field]
  /// Tokens of a page.
  public let pageTokens: Int
  /// Bytes of a page, all its regions together.
  public let pageBytes: Int

  public init(fingerprint: [Field], pageTokens: Int, pageBytes: Int) {
    (self.fingerprint, self.pageTokens, self.pageBytes) = (fingerprint, pageTokens, pageBytes)
  }

  /// The first thing in which a header that was found differs from this one, which is expected: the name of the field,
  /// then both values. Nil when they are the same, byte for byte and in the same order.
  func difference(to found: CacheArchiveHeader) -> (field: String, expected: String, found: String)? {
    if pageTokens != found.pageTokens { return ("page_tokens", "\(pageTokens)", "\(found.pageTokens)") }
    if pageBytes != found.pageBytes { return ("page_bytes", "\(pageBytes)", "\(found.pageBytes)") }
    func quoted(_ field: Field?) -> String { field.map { "\"\(printable($0.value))\"" } ?? "no such field" }
    for field in fingerprint {
      let other = found.fingerprint.first { isSame($0.name, field.name) }
      if other.map({ !isSame($0.value, field.value) }) ?? true { return (field.name, quoted(field), quoted(other)) }
    }
    for field in found.fingerprint where !fingerprint.contains(where: { isSame($0.name, field.name) }) {
      return (field.name, quoted(nil), quoted(field))
    }
    for (place, (field, other)) in zip(fingerprint, found.fingerprint).enumerated()
    where !isSame(field.name, other.name) {
      return (field.name, "as number \(place + 1)", "\"\(printable(other.name))\" there")
    }
    return nil
  }

  /// Swift's strings are equal when they look alike, "é" in one scalar or in two; these are when they are the same.
  private func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}

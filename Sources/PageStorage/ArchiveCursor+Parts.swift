import JSONText

/// The parts of a cache archive (``CacheArchiveFormat``).
extension ArchiveCursor {
  enum Mark {
    case page(parent: Int?, salt: String)
    case last
  }

  /// Reads the head of the file: what it is, and its header; also the checksum of it.
  mutating func readHead() throws(PageStorageError) -> (header: CacheArchiveHeader, checksum: UInt64) {
    beginPart()
    let part = "the head"
    if file.byteCount == 0 { throw damaged(part, "the file is empty") }
    let head = try read(CacheArchiveFormat.headBytes, part)
    guard head.starts(with: CacheArchiveFormat.magic) else {
      throw PageStorageError(.wrongKind, file: file.path, "is not a cache archive: it begins with other bytes")
    }
    let version = CacheArchiveFormat.number(head, 8, as: UInt32.self)
    guard version == CacheArchiveFormat.version else {
      throw PageStorageError(
        .wrongKind, file: file.path, "is a cache archive of another version", expected: "\(CacheArchiveFormat.version)",
        found: "\(version)")
    }
    let count = Int(CacheArchiveFormat.number(head, 12, as: UInt32.self))
    guard count <= CacheArchiveFormat.Limit.headerBytes else {
      throw damaged(
        part, "the header is too long", expected: "at most \(CacheArchiveFormat.Limit.headerBytes) bytes",
        found: "\(count)")
    }
    let text = try read(count, part)
    let checksum = try endPart(part)
    let header: CacheArchiveHeader
    do {
      header = try CacheArchiveFormat.header(parsing: text)
    } catch {
      throw damaged(part, "the header cannot be read: \(error)")
    }
    if let flaw = CacheArchiveFormat.flaw(of: header) {
      throw damaged(
        "field \(printable(flaw.field))", "this header cannot be", expected: flaw.expected, found: flaw.found)
    }
    return (header, checksum)
  }

  /// Reads what opens record `index`, with its salt, or what opens the end of the file.
  mutating func readMark(_ index: Int) throws(PageStorageError) -> Mark {
    beginPart()
    let part = "record \(index)"
    let mark = try read(CacheArchiveFormat.markBytes, part)
    let count = Int(CacheArchiveFormat.number(mark, 4, as: UInt32.self))
    let number = CacheArchiveFormat.number(mark, 8, as: Int64.self)
    if mark.starts(with: CacheArchiveFormat.last) {
      guard count == 0, number == Int64(index) else {
        throw damaged("the end", "the number of records is wrong", expected: "\(index)", found: "\(number)")
      }
      return .last
    }
    guard mark.starts(with: CacheArchiveFormat.page) else {
      throw damaged(part, "neither a page nor the end of the file begins here")
    }
    guard number >= -1, number < Int64(index) else {
      throw damaged(part, "its parent cannot be", expected: "-1 to \(index - 1)", found: "\(number)")
    }
    let limit = number == -1 ? CacheArchiveFormat.Limit.saltBytes : 0
    guard count <= limit else {
      throw damaged(part, "its salt is too long", expected: "at most \(limit) bytes", found: "\(count)")
    }
    let bytes = try read(count, part)
    guard let salt = String(validating: bytes, as: UTF8.self) else { throw damaged(part, "its salt is not UTF-8") }
    return .page(parent: number == -1 ? nil : Int(number), salt: salt)
  }
}

/// A page of an archive; its memory is the reader's and valid during the call only.
public struct ArchivedPage {
  /// Its number; they count from 0.
  public let index: Int
  /// The number of the page before it, which is smaller; nil when it begins a prefix.
  public let parent: Int?
  /// Among whom the prefix that begins here is shared; empty for a page that has a parent.
  public let salt: String
  /// Token ids, `header.pageTokens` of them. Whether the model has such tokens was not checked.
  public let tokens: UnsafeBufferPointer<Int32>
  /// The page's regions one after another, `header.pageBytes` bytes; begins at a multiple of 64.
  public let bytes: UnsafeRawBufferPointer
}

/// Reads what ``CacheArchiveWriter`` wrote, all of it or nothing.
///
///     let reader = try CacheArchiveReader(path: path)     // the whole file is read and its checksums compared
///     try reader.verify(expecting: header)                 // made by the same model, kernels …
///     try reader.forEachRecord { page in …; return true }
///
/// A damaged file is refused before anything of it is handed out, and a page is compared again when it is. Memory is
/// taken for what is in the file, not for what it says is there. The checksums find damage; they do not stop somebody
/// who may write into the file and computes new ones.
///
/// Not thread-safe.
public final class CacheArchiveReader {
  /// What the file says its pages are.
  public let header: CacheArchiveHeader
  /// Pages in it.
  public var recordCount: Int { checksums.count }
  /// Bytes of the whole file.
  public var byteCount: Int { file.byteCount }
  private let file: ReadableFile
  private let firstRecord: Int
  /// Of each page, as they were when the file was verified.
  private let checksums: [UInt64]
  private var isExpected = false

  /// Opens a file and verifies all of it: its form and its checksums, a piece at a time.
  ///
  /// - Throws: ``PageStorageError`` when it cannot be read, is no regular file, no cache archive or one of another
  ///   version, is damaged, cut off or longer than it should be, or is changed meanwhile.
  public init(path: String) throws(PageStorageError) {
    file = try ReadableFile(path)
    var cursor = ArchiveCursor(file, at: 0)
    let head = try cursor.readHead()
    (header, firstRecord) = (head.header, cursor.position)
    checksums = try Self.verifiedChecksums(head, &cursor)
    try file.expectUnchanged()
  }

  /// Compares what the file's pages are with what the caller can use. To be called before ``forEachRecord(_:)``.
  ///
  /// - Throws: ``PageStorageError`` of code `mismatch` with the first field that differs, and both its values.
  public func verify(expecting expected: CacheArchiveHeader) throws(PageStorageError) {
    isExpected = false
    if let difference = expected.difference(to: header) {
      throw PageStorageError(
        .mismatch, file: file.path, subject: "field \(printable(difference.field))", "was written for something else",
        expected: difference.expected, found: difference.found)
    }
    isExpected = true
  }

  /// Calls `body` with each page, parents before their children, until it returns false.
  ///
  /// - Throws: ``PageStorageError`` when ``verify(expecting:)`` was not called or failed, the file was changed since it
  ///   was verified, or reading fails; and what `body` throws.
  public func forEachRecord(_ body: (ArchivedPage) throws -> Bool) throws {
    guard isExpected else {
      throw PageStorageError(.invalid, file: file.path, "is read without having been compared with what is expected")
    }
    try file.expectUnchanged()
    if checksums.isEmpty { return }
    // The file was found to have a page of these sizes.
    let tokens = UnsafeMutableBufferPointer<Int32>.allocate(capacity: header.pageTokens)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: header.pageBytes, alignment: 64)
    defer {
      tokens.deallocate()
      bytes.deallocate()
    }
    var cursor = ArchiveCursor(file, at: firstRecord)
    for (index, checksum) in checksums.enumerated() {
      let part = "record \(index)"
      guard case .page(let parent, let salt) = try cursor.readMark(index) else {
        throw PageStorageError(.changed, file: file.path, subject: part, "was changed after it was verified")
      }
      try cursor.read(into: UnsafeMutableRawBufferPointer(tokens), part)
      try cursor.read(into: bytes, part)
      guard cursor.checksum.value == checksum else {
        throw PageStorageError(
          .changed, file: file.path, subject: part, "was changed after it was verified",
          expected: "checksum \(hexadecimal(checksum))", found: hexadecimal(cursor.checksum.value))
      }
      _ = try cursor.endPart(part)
      let page = ArchivedPage(
        index: index, parent: parent, salt: salt, tokens: UnsafeBufferPointer(tokens),
        bytes: UnsafeRawBufferPointer(bytes))
      guard try body(page) else { return }
    }
  }

  /// Goes over all pages and the end of the file.
  private static func verifiedChecksums(
    _ head: (header: CacheArchiveHeader, checksum: UInt64), _ cursor: inout ArchiveCursor
  ) throws(PageStorageError) -> [UInt64] {
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    defer { piece.deallocate() }
    var checksums: [UInt64] = [], chain = PageChecksum()
    chain.update(head.checksum)
    while case .page = try cursor.readMark(checksums.count) {
      let part = "record \(checksums.count)"
      try cursor.pass(head.header.pageTokens * MemoryLayout<Int32>.size, through: piece, part)
      try cursor.pass(head.header.pageBytes, through: piece, part)
      let checksum = try cursor.endPart(part)
      checksums.append(checksum)
      chain.update(checksum)
    }
    let found = CacheArchiveFormat.number(
      try cursor.read(CacheArchiveFormat.checksumBytes, "the end"), 0, as: UInt64.self)
    chain.update(UInt64(checksums.count))
    guard found == chain.value else {
      throw cursor.damaged(
        "the end", "the parts are not those that were written", expected: "checksum \(hexadecimal(found))",
        found: hexadecimal(chain.value))
    }
    guard cursor.position == cursor.file.byteCount else {
      throw cursor.damaged(
        "the end", "more bytes follow", expected: "\(cursor.position) bytes", found: "\(cursor.file.byteCount)")
    }
    return checksums
  }
}

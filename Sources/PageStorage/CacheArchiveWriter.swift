import Glibc

/// Writes a prefix cache into a file, from which ``CacheArchiveReader`` reads it when the program starts again.
///
///     let writer = try CacheArchiveWriter(path: path, header: header)
///     let root = try writer.append(parent: nil, salt: "tenant", tokens: first, regions: regions)
///     try writer.append(parent: root, salt: "", tokens: second, regions: others)
///     try writer.finish()
///
/// The file is there, whole, after ``finish()`` and not before; until then, and after any error, an older one stays. It
/// holds what users wrote: nobody but its owner can read it.
///
/// Not thread-safe.
public final class CacheArchiveWriter {
  public let header: CacheArchiveHeader
  /// Pages appended so far.
  public private(set) var recordCount = 0
  /// Bytes written so far.
  public private(set) var byteCount = 0
  private let file: ReplacementFile
  private let transfer = VectorTransfer()
  /// Over the checksums of the head and of each page.
  private var chain = PageChecksum()
  private var isEnded = false

  /// Begins an archive that will be at `path`; a symbolic link there is followed.
  ///
  /// - Throws: ``PageStorageError`` when the header cannot be (numbers below 1, a name twice, too long), the folder
  ///   cannot be written, or something other than a regular file is at `path`.
  public convenience init(path: String, header: CacheArchiveHeader) throws(PageStorageError) {
    try self.init(path: path, header: header, way: .tryUnnamedFirst)
  }

  init(path: String, header: CacheArchiveHeader, way: UnnamedFile.Way) throws(PageStorageError) {
    if let flaw = CacheArchiveFormat.flaw(of: header) {
      throw PageStorageError(
        .invalid, file: path, subject: "field \(printable(flaw.field))", "this header cannot be",
        expected: flaw.expected, found: flaw.found)
    }
    let text = CacheArchiveFormat.text(of: header)
    guard text.count <= CacheArchiveFormat.Limit.headerBytes else {
      throw PageStorageError(
        .invalid, file: path, "the header is too long",
        expected: "at most \(CacheArchiveFormat.Limit.headerBytes) bytes",
        found: "\(text.count)")
    }
    self.header = header
    file = try ReplacementFile(path, way)
    let head =
      CacheArchiveFormat.magic + CacheArchiveFormat.bytes(CacheArchiveFormat.version)
      + CacheArchiveFormat.bytes(UInt32(text.count)) + text
    chain.update(try write(head, [], []))
  }

  /// Appends a page.
  ///
  /// - Parameters:
  ///   - parent: the number of the page before it, as this method returned it; nil when it begins a prefix.
  ///   - salt: among whom a prefix that begins here is shared. Without meaning for a page that has a parent, and not
  ///     written.
  ///   - tokens: the page's token ids, `header.pageTokens` of them.
  ///   - regions: the page's bytes, `header.pageBytes` together.
  /// - Returns: the page's number; they count from 0.
  /// - Throws: ``PageStorageError``: `invalid` when an argument is wrong, and nothing has changed; anything else when
  ///   writing failed, and the archive is abandoned.
  @discardableResult
  public func append(
    parent: Int?, salt: String, tokens: [Int32], regions: [UnsafeRawBufferPointer]
  ) throws(PageStorageError) -> Int {
    try refuseWhenEnded()
    let salt = parent == nil ? Array(salt.utf8) : []
    try check("parent", parent.map { (0..<recordCount).contains($0) } ?? true, "below \(recordCount)", parent ?? -1)
    try check("tokens", tokens.count == header.pageTokens, "\(header.pageTokens)", tokens.count)
    let bytes = regions.reduce(0) { $0 + $1.count }
    try check("bytes", bytes == header.pageBytes, "\(header.pageBytes)", bytes)
    let limit = CacheArchiveFormat.Limit.saltBytes
    try check("salt's bytes", salt.count <= limit, "at most \(limit)", salt.count)
    let mark =
      CacheArchiveFormat.page + CacheArchiveFormat.bytes(UInt32(salt.count))
      + CacheArchiveFormat.bytes(Int64(parent ?? -1)) + salt
    chain.update(try write(mark, tokens, regions))
    recordCount += 1
    return recordCount - 1
  }

  /// Writes the end and puts the file in its place, after the disk has all of it.
  ///
  /// - Throws: ``PageStorageError`` when that fails; nothing of the archive is left then.
  public func finish() throws(PageStorageError) {
    try refuseWhenEnded()
    let end =
      CacheArchiveFormat.last + CacheArchiveFormat.bytes(UInt32(0)) + CacheArchiveFormat.bytes(UInt64(recordCount))
    chain.update(UInt64(recordCount))
    try put(end + CacheArchiveFormat.bytes(chain.value), [], [], nil)
    isEnded = true
    try file.finish()
  }

  /// Ends without a file; what was at the path stays. Without effect after ``finish()``. A writer that goes away
  /// without ``finish()`` does the same.
  public func abandon() {
    isEnded = true
    file.abandon()
  }

  private func refuseWhenEnded() throws(PageStorageError) {
    if isEnded { throw PageStorageError(.invalid, file: file.path, "this archive was finished or abandoned before") }
  }

  private func check(_ what: String, _ isRight: Bool, _ expected: String, _ found: Int) throws(PageStorageError) {
    if isRight { return }
    throw PageStorageError(
      .invalid, file: file.path, subject: "record \(recordCount)", "its \(what) cannot be", expected: expected,
      found: "\(found)")
  }

  /// Writes a part of the file and the checksum of it.
  private func write(
    _ start: [UInt8], _ tokens: [Int32], _ regions: [UnsafeRawBufferPointer]
  ) throws(PageStorageError) -> UInt64 {
    var checksum = PageChecksum()
    start.withUnsafeBytes { checksum.update($0) }
    tokens.withUnsafeBytes { checksum.update($0) }
    for region in regions { checksum.update(region) }
    try put(start, tokens, regions, checksum.value)
    return checksum.value
  }

  private func put(
    _ start: [UInt8], _ tokens: [Int32], _ regions: [UnsafeRawBufferPointer], _ checksum: UInt64?
  ) throws(PageStorageError) {
    let end = checksum.map { CacheArchiveFormat.bytes($0) } ?? []
    let total = start.count + tokens.count * 4 + regions.reduce(0) { $0 + $1.count } + end.count
    let outcome = start.withUnsafeBytes { start in
      tokens.withUnsafeBytes { tokens in
        end.withUnsafeBytes { end in
          transfer.move(.write, file.descriptor, at: byteCount, count: regions.count + 3) {
            switch $0 {
            case 0: start
            case 1: tokens
            case regions.count + 2: end
            default: regions[$0 - 2]
            }
          }
        }
      }
    }
    switch outcome {
    case .done: byteCount += total
    case .failed(let code):
      abandon()
      throw PageStorageError(systemCode: code, file: file.path, subject: "record \(recordCount)", "written")
    case .ended(let count):
      abandon()
      throw PageStorageError(
        .failed, file: file.path, subject: "record \(recordCount)", "the file takes no more bytes",
        expected: "\(total) bytes", found: "\(count)")
    }
  }
}

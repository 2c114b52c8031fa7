import Glibc

/// A regular file, open for reading; closed when the last reference goes.
final class ReadableFile {
  let path: String
  let descriptor: Int32
  /// Bytes it had when it was opened.
  let byteCount: Int
  private let status: stat

  /// Opens without waiting: a pipe or device is refused, not read.
  init(_ path: String) throws(PageStorageError) {
    try refuseNul(in: path)
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw PageStorageError(systemCode: errno, file: path, "opened") }
    var status = stat()
    let code = fstat(descriptor, &status) == 0 ? 0 : errno
    (self.path, self.descriptor, self.status, byteCount) = (path, descriptor, status, Int(status.st_size))
    if code != 0 { throw PageStorageError(systemCode: code, file: path, "examined") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "not a regular file"
      throw PageStorageError(.wrongKind, file: path, "is \(kind), expected a file")
    }
  }

  deinit { close(descriptor) }

  /// Fails when the file's length or time of change is another than when it was opened.
  func expectUnchanged() throws(PageStorageError) {
    var now = stat()
    guard fstat(descriptor, &now) == 0 else { throw PageStorageError(systemCode: errno, file: path, "examined") }
    guard now.st_size == status.st_size, now.st_mtim.tv_sec == status.st_mtim.tv_sec,
      now.st_mtim.tv_nsec == status.st_mtim.tv_nsec
    else { throw PageStorageError(.changed, file: path, "was changed while it was read") }
  }
}

/// Reads a file from front to back, each part within its length, and takes checksums of the parts.
struct ArchiveCursor {
  let file: ReadableFile
  /// The next byte.
  private(set) var position: Int
  /// Of what was read since ``beginPart()``.
  private(set) var checksum = PageChecksum()
  private let transfer = VectorTransfer()

  init(_ file: ReadableFile, at position: Int) { (self.file, self.position) = (file, position) }

  mutating func beginPart() { checksum = PageChecksum() }

  func damaged(_ part: String, _ reason: String, expected: String? = nil, found: String? = nil) -> PageStorageError {
    PageStorageError(.damaged, file: file.path, subject: part, reason, expected: expected, found: found)
  }

  /// Fails unless the file has so many more bytes.
  func require(_ count: Int, _ part: String) throws(PageStorageError) {
    guard count <= file.byteCount - position else {
      throw damaged(
        part, "reaches beyond the end of the file", expected: "\(position + count) bytes or more",
        found: "\(file.byteCount)")
    }
  }

  /// Fills `buffer` with the next bytes.
  mutating func read(into buffer: UnsafeMutableRawBufferPointer, _ part: String) throws(PageStorageError) {
    try require(buffer.count, part)
    switch transfer.move(
      .read, file.descriptor, at: position, count: 1, region: { _ in UnsafeRawBufferPointer(buffer) })
    {
    case .done: break
    case .failed(let code): throw PageStorageError(systemCode: code, file: file.path, subject: part, "read")
    case .ended: throw PageStorageError(.changed, file: file.path, subject: part, "was cut off while it was read")
    }
    checksum.update(UnsafeRawBufferPointer(buffer))
    position += buffer.count
  }

  /// The next bytes; `count` is checked against the file's length before memory is taken for them.
  mutating func read(_ count: Int, _ part: String) throws(PageStorageError) -> [UInt8] {
    try require(count, part)
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBufferPointer { buffer throws(PageStorageError) in
      try read(into: UnsafeMutableRawBufferPointer(buffer), part)
    }
    return bytes
  }

  /// Goes over the next bytes, a piece of `piece` at a time.
  mutating func pass(
    _ count: Int, through piece: UnsafeMutableRawBufferPointer, _ part: String
  ) throws(PageStorageError) {
    try require(count, part)
    var left = count
    while left > 0 {
      let size = min(left, piece.count)
      try read(into: UnsafeMutableRawBufferPointer(rebasing: piece[..<size]), part)
      left -= size
    }
  }

  /// Reads the checksum that ends a part, and compares it with that of what was read.
  mutating func endPart(_ part: String) throws(PageStorageError) -> UInt64 {
    let found = checksum.value
    let expected = CacheArchiveFormat.number(try read(CacheArchiveFormat.checksumBytes, part), 0, as: UInt64.self)
    guard found == expected else {
      throw damaged(
        part, "its bytes are not those that were written", expected: "checksum \(hexadecimal(expected))",
        found: hexadecimal(found))
    }
    return found
  }
}

import Glibc

/// A file mapped read-only into memory; unmapped when the last reference goes.
///
/// The mapping covers the size the file had when it was opened. Limit: a mapping cannot guard against another process
/// that shortens the file afterwards; reading pages which are then beyond its end raises SIGBUS, as in every program
/// that maps its weights. Replace a weight file by renaming a new one over it, never by writing into it.
public final class MappedFile: Sendable {
  /// The path, as it was given.
  public let path: String
  /// Bytes mapped; at least 1.
  public let byteCount: Int
  nonisolated(unsafe) let base: UnsafeRawPointer

  private init(path: String, byteCount: Int, base: UnsafeRawPointer) {
    self.path = path
    self.byteCount = byteCount
    self.base = base
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }

  /// Maps a regular file.
  ///
  /// - Throws: ``CheckpointError`` when there is no such file, it cannot be read, is not a regular file or is empty.
  public static func open(_ path: String) throws(CheckpointError) -> MappedFile {
    let (descriptor, size) = try openRegularFile(path)
    defer { close(descriptor) }
    guard size > 0 else { throw CheckpointError(.truncated, file: path, "the file is empty") }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw CheckpointError(.unreadable, file: path, "cannot be mapped: \(systemMessage())")
    }
    return MappedFile(path: path, byteCount: size, base: UnsafeRawPointer(base))
  }

  /// All bytes of the file; valid during the call only.
  public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: base, count: byteCount))
  }

  /// Gives the memory of a range of bytes back to the system; they are read from the file again when next used.
  ///
  /// Only pages wholly inside the range are released. A range beyond the file is cut to it.
  public func releasePages(_ range: Range<Int>) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = (range.clamped(to: 0..<byteCount).lowerBound + page - 1) / page * page
    let limit = range.clamped(to: 0..<byteCount).upperBound
    let end = limit == byteCount ? limit : limit / page * page
    guard first < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED)
  }
}

/// Reads a whole regular file of at most `limit` bytes into memory.
///
/// - Throws: ``CheckpointError`` when there is no such file, it cannot be read, is not a regular file or is larger.
package func readRegularFile(_ path: String, limit: Int) throws(CheckpointError) -> [UInt8] {
  let (descriptor, size) = try openRegularFile(path)
  defer { close(descriptor) }
  guard size <= limit else {
    throw CheckpointError(.limit, file: path, "the file has \(grouped(size)) bytes, at most \(grouped(limit)) expected")
  }
  var failure: String?
  let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
    while filled < size {
      let count = read(descriptor, buffer.baseAddress! + filled, size - filled)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        failure = systemMessage()
        break
      }
      filled += count
    }
  }
  if let failure { throw CheckpointError(.unreadable, file: path, "cannot be read: \(failure)") }
  return bytes
}

/// Whether a path names something that exists and, if asked, is a directory; symbolic links are followed.
package func fileKind(_ path: String) -> (exists: Bool, isDirectory: Bool) {
  var status = stat()
  guard stat(path, &status) == 0 else { return (false, false) }
  return (true, status.st_mode & S_IFMT == S_IFDIR)
}

/// Opens a file for reading after checking that it is a regular one (a pipe or device would block or never end).
private func openRegularFile(_ path: String) throws(CheckpointError) -> (descriptor: Int32, size: Int) {
  guard !path.utf8.contains(0) else { throw CheckpointError(.unreadable, file: printable(path), "a path has no NUL") }
  let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else {
    throw CheckpointError(.unreadable, file: path, "cannot be opened: \(systemMessage())")
  }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else {
    let message = systemMessage()
    close(descriptor)
    throw CheckpointError(.unreadable, file: path, "cannot be examined: \(message)")
  }
  guard status.st_mode & S_IFMT == S_IFREG else {
    close(descriptor)
    let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "not a regular file"
    throw CheckpointError(.wrongKind, file: path, "is \(kind), expected a file")
  }
  return (descriptor, Int(status.st_size))
}

private func systemMessage() -> String { String(cString: strerror(errno)) }

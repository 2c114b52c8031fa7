import Glibc

/// How a file without a name comes into a folder.
enum UnnamedFile {
  /// Whether the folder's file system is asked for a file without a name first, or at once for one that loses its name:
  /// not every file system knows the former.
  enum Way { case tryUnnamedFirst, nameAndUnlink }

  /// Linux's `O_TMPFILE`, which the C library hides from Swift.
  static let temporaryFlag = O_DIRECTORY | 0o20_000_000

  /// Opens an empty file in `folder`, for reading and writing by this process only; it is gone when it is closed.
  static func open(in folder: String, _ way: Way = .tryUnnamedFirst) throws(PageStorageError) -> Int32 {
    let label = "unnamed file in \(folder)"
    try refuseNul(in: folder)
    if folder.isEmpty { throw PageStorageError(.invalid, file: label, "a folder is expected, the path is empty") }
    if way == .tryUnnamedFirst {
      let descriptor = Glibc.open(folder, temporaryFlag | O_RDWR | O_CLOEXEC | O_EXCL, 0o600)
      if descriptor >= 0 { return descriptor }
    }
    let path = temporaryPath(in: folder)
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw PageStorageError(systemCode: errno, file: label, "made") }
    guard unlink(path) == 0 else {
      let error = PageStorageError(systemCode: errno, file: label, "made nameless")
      close(descriptor)
      throw error
    }
    return descriptor
  }

  /// A path in `folder` that nothing has. Short: a file's own name may be as long as a folder allows.
  static func temporaryPath(in folder: String) -> String {
    folder + "/.swiftlet-" + hexadecimal(UInt64.random(in: 0...UInt64.max)).dropFirst(2)
  }
}

/// The system would take a path only as far as its first NUL.
func refuseNul(in path: String) throws(PageStorageError) {
  if path.utf8.contains(0) { throw PageStorageError(.invalid, file: printable(path), "a path has no NUL") }
}

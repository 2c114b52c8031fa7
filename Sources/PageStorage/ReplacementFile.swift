import Glibc

/// A file that takes the place of another one, or of none, in one moment when it is complete.
///
/// Until then it has no name where the file system can do that, so that nothing of it stays even when the process is
/// killed, and a name of its own in the same folder elsewhere. Only its owner may read it.
final class ReplacementFile {
  /// The path, as it was given.
  let path: String
  /// For writing; -1 after ``finish()`` and ``abandon()``.
  private(set) var descriptor: Int32 = -1
  /// What `path` leads to, and its folder.
  private let target: String, folder: String
  /// The name it has at present, if any.
  private var temporary: String?

  init(_ path: String, _ way: UnnamedFile.Way = .tryUnnamedFirst) throws(PageStorageError) {
    self.path = path
    let target = try Self.target(of: path)
    self.target = target
    folder = target.lastIndex(of: "/").map { String(target[...$0]) } ?? "./"
    if way == .tryUnnamedFirst {
      descriptor = open(folder, UnnamedFile.temporaryFlag | O_WRONLY | O_CLOEXEC, 0o600)
      // Its name will be given to it through /proc.
      if descriptor >= 0, access(Self.link(descriptor), F_OK) != 0 {
        close(descriptor)
        descriptor = -1
      }
    }
    if descriptor < 0 {
      let name = UnnamedFile.temporaryPath(in: folder)
      descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else { throw PageStorageError(systemCode: errno, file: path, "written") }
      temporary = name
    }
  }

  deinit { abandon() }

  /// Puts the file in its place, after the disk has all of its bytes. After an error nothing of it is left, and what
  /// was in its place still is.
  func finish() throws(PageStorageError) {
    defer { abandon() }
    guard fsync(descriptor) == 0 else { throw PageStorageError(systemCode: errno, file: path, "written to the disk") }
    if temporary == nil {
      let name = UnnamedFile.temporaryPath(in: folder)
      guard linkat(AT_FDCWD, Self.link(descriptor), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 else {
        throw PageStorageError(systemCode: errno, file: path, "given a name")
      }
      temporary = name
    }
    guard let temporary, rename(temporary, target) == 0 else {
      throw PageStorageError(systemCode: errno, file: path, "put into its place")
    }
    self.temporary = nil
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory >= 0 {
      _ = fsync(directory)
      close(directory)
    }
  }

  /// Removes what was written, unless it is in its place.
  func abandon() {
    if let temporary { unlink(temporary) }
    temporary = nil
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  private static func link(_ descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

  /// Where the file goes: `path`, or what it leads to when it is a symbolic link.
  private static func target(of path: String) throws(PageStorageError) -> String {
    try refuseNul(in: path)
    guard !path.isEmpty, !path.hasSuffix("/") else {
      throw PageStorageError(.wrongKind, file: path, "the path of a file is expected, this is none")
    }
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return path }
      throw PageStorageError(systemCode: errno, file: path, "written")
    }
    var target = path
    if status.st_mode & S_IFMT == S_IFLNK {
      guard stat(path, &status) == 0, let resolved = realpath(path, nil) else {
        throw PageStorageError(systemCode: errno, file: path, "followed as a symbolic link")
      }
      defer { free(resolved) }
      target = String(cString: resolved)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw PageStorageError(.wrongKind, file: path, "is not a regular file and will not be replaced")
    }
    return target
  }
}

import Glibc

/// Files and folders of the cache. Failures name the path and the system's reason.
enum CacheFiles {
  static func failure(_ action: String, _ path: String) -> KernelError {
    KernelError(.buildFailed, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
  }

  /// The file's contents; nil when it cannot be read, is no regular file, or is longer than `limit` bytes.
  static func read(_ path: String, limit: Int = 1 << 30) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      if count < 0 || bytes.count + count > limit { return nil }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  static func write(_ text: String, to path: String) throws(KernelError) {
    try write(bytes: Array(text.utf8), to: path)
  }

  /// Writes a new file.
  static func write(bytes: [UInt8], to path: String) throws(KernelError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw failure("write", path) }
    defer { close(descriptor) }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { throw failure("write", path) }
      done += count
    }
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Makes a folder and its parents.
  static func makeDirectory(_ path: String) throws(KernelError) {
    var made = path.hasPrefix("/") ? "" : "."
    for component in path.split(separator: "/") {
      made += "/" + component
      if mkdir(made, 0o777) != 0, errno != EEXIST || !isDirectory(made) { throw failure("make the folder", made) }
    }
  }

  static func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  /// What a folder holds, sorted; empty when it cannot be read.
  static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Removes a file, or a folder with all that is in it. Links are removed, not followed.
  static func remove(_ path: String) {
    var found = [path], next = 0  // folders before what is in them
    while next < found.count {
      var status = stat()
      if lstat(found[next], &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        found += names(in: found[next]).map { "\(found[next])/\($0)" }
      }
      next += 1
    }
    for path in found.reversed() { _ = Glibc.remove(path) }
  }

  /// Bytes of all regular files in a folder, `depth` levels down.
  static func byteCount(of folder: String, depth: Int = 32) -> Int {
    names(in: folder).reduce(0) { sum, name in
      var status = stat()
      guard lstat(folder + "/" + name, &status) == 0 else { return sum }
      if status.st_mode & S_IFMT == S_IFDIR {
        return depth > 0 ? sum &+ byteCount(of: folder + "/" + name, depth: depth - 1) : sum
      }
      return sum &+ Int(status.st_size)
    }
  }

  /// What tells that a file was not touched since it was looked at.
  struct Stamp: Sendable, Hashable {
    let inode: UInt, size: Int, seconds: Int, nanoseconds: Int
    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      (inode, size) = (UInt(status.st_ino), Int(status.st_size))
      (seconds, nanoseconds) = (Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec))
    }
  }
}

/// An exclusive lock among threads and processes, held until this object goes.
final class FileLock {
  private let descriptor: Int32

  /// - Throws: `buildFailed` when the lock is held by others for longer than `limit`.
  init(_ path: String, within limit: Duration) throws(KernelError) {
    let deadline = ContinuousClock.now + limit
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw CacheFiles.failure("lock", path) }
      while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
        guard errno == EWOULDBLOCK || errno == EINTR else {
          let error = CacheFiles.failure("lock", path)
          close(descriptor)
          throw error
        }
        guard ContinuousClock.now < deadline else {
          close(descriptor)
          throw KernelError(.buildFailed, "another process has held \(path) for \(limit): it may be building, or hang")
        }
        usleep(10_000)
      }
      // Whoever cleared the cache in between removed the file that we locked: then it protects nothing.
      var held = stat(), named = stat()
      if fstat(descriptor, &held) == 0, stat(path, &named) == 0, held.st_ino == named.st_ino,
        held.st_dev == named.st_dev
      {
        self.descriptor = descriptor
        return
      }
      close(descriptor)
    }
  }

  deinit { close(descriptor) }
}

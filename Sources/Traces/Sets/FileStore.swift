import Glibc

/// Reading and writing whole files: locked appends, atomic replacement. Errors name the path and the system's reason.
package enum FileStore {
  /// Larger files are refused instead of filling memory.
  static let byteLimit = 1 << 30

  static func failure(_ action: String, _ path: String, _ code: Int32 = errno) -> SchemaError {
    var diagnostic = ValidationDiagnostic(.fileError, "cannot \(action): \(String(cString: strerror(code)))")
    diagnostic.file = path
    return SchemaError([diagnostic])
  }

  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  package static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  package static func read(_ path: String) throws(SchemaError) -> [UInt8] {
    // Non-blocking, so that a pipe in the folder cannot stop a load.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw failure("read", path) }
    defer { close(descriptor) }
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw failure("read", path) }
    if status.st_mode & S_IFMT != S_IFREG { throw failure("read what is no regular file", path, EINVAL) }
    let size = Int(status.st_size)
    if size > byteLimit { throw failure("read a file over \(byteLimit) bytes", path, EFBIG) }
    var done = 0
    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while done < size {
        let got = Glibc.read(descriptor, buffer.baseAddress! + done, size - done)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { code = errno }
        if got <= 0 { break }
        done += got
      }
      count = done
    }
    if code != 0 { throw failure("read", path, code) }
    return bytes
  }

  /// Makes a folder and its parents.
  package static func makeDirectory(_ path: String) throws(SchemaError) {
    if path.isEmpty || isDirectory(path) { return }
    try makeDirectory(parent(of: path))
    if mkdir(path, 0o777) != 0, errno != EEXIST || !isDirectory(path) { throw failure("make the folder", path) }
  }

  package static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[..<slash])
  }

  /// Replaces the file at `path` as a whole: readers see the old contents or the new, also after a power failure.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(SchemaError) {
    let folder = parent(of: path)
    try makeDirectory(folder)
    var template = Array((path + ".XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    if descriptor < 0 { throw failure("write beside", path) }
    let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do throws(SchemaError) {
      defer { close(descriptor) }
      var status = stat()
      // mkstemp makes files private; keep the mode of what is replaced, or the usual one.
      let mode = stat(path, &status) == 0 ? status.st_mode & 0o777 : 0o644
      if fchmod(descriptor, mode) != 0 { throw failure("write", path) }
      try write(bytes, to: descriptor, path)
      if fsync(descriptor) != 0 { throw failure("write", path) }
    } catch {
      unlink(temporary)
      throw error
    }
    if rename(temporary, path) != 0 {
      let error = failure("replace", path)
      unlink(temporary)
      throw error
    }
    syncDirectory(folder.isEmpty ? "." : folder)
  }

  private static func syncDirectory(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { return }
    _ = fsync(descriptor)
    close(descriptor)
  }

  /// Appends lines under the file's lock. On failure the file is cut back to what it was.
  package static func append(_ lines: [[UInt8]], to path: String) throws(SchemaError) {
    if lines.isEmpty { return }
    try makeDirectory(parent(of: path))
    let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw failure("append to", path) }
    defer { close(descriptor) }
    while flock(descriptor, LOCK_EX) != 0 { if errno != EINTR { throw failure("lock", path) } }
    let end = lseek(descriptor, 0, SEEK_END)
    if end < 0 { throw failure("append to", path) }
    var block: [UInt8] = []
    var last: UInt8 = 0x0A
    if end > 0, pread(descriptor, &last, 1, end - 1) == 1, last != 0x0A { block.append(0x0A) }
    for line in lines {
      block += line
      block.append(0x0A)
    }
    do throws(SchemaError) {
      try write(block, to: descriptor, path)
      if fsync(descriptor) != 0 { throw failure("append to", path) }
    } catch {
      _ = ftruncate(descriptor, end)
      throw error
    }
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(SchemaError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
      if count < 0 && errno == EINTR { continue }
      if count < 0 { throw failure("write", path) }
      done += count
    }
  }

  /// When a file was last written, as ISO time in UTC; `unknown` if that cannot be told.
  static func modificationTime(_ path: String) -> String {
    var status = stat()
    var fields = tm()
    guard stat(path, &status) == 0, gmtime_r(&status.st_mtim.tv_sec, &fields) != nil else { return "unknown" }
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &fields)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

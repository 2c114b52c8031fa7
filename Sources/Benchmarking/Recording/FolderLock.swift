import Glibc
import Traces

/// Holds a folder against other recorders, in this process and in others, as long as it lives.
final class FolderLock {
  private let descriptor: Int32

  /// Waits for whoever holds the folder now.
  init(_ folder: String) throws(SchemaError) {
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    while descriptor < 0 || flock(descriptor, LOCK_EX) != 0 {
      if descriptor >= 0, errno == EINTR { continue }
      let reason = "cannot be locked: \(String(cString: strerror(errno)))"
      if descriptor >= 0 { close(descriptor) }
      throw SchemaError([ValidationDiagnostic(.fileError, reason, file: folder)])
    }
  }

  deinit { close(descriptor) }
}

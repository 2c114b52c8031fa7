import Glibc

/// Standard output, written at once and unbuffered.
enum Terminal {
  static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
      if count > 0 {
        bytes = bytes.dropFirst(count)
      } else if errno != EINTR {
        return  // the reader is gone: nobody to tell
      }
    }
  }

  static func print(_ line: String) { write(line + "\n") }
  static func printError(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

  static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }
}

import Glibc

/// Why bytes of pages could not be kept or were refused: which file, what in it, what was found and expected there.
///
///     unnamed file in /var/cache: slot 3: its bytes are not those that were saved: expected checksum …, found …
public struct PageStorageError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// An argument that no storage can follow: a slot that is not there, regions of another total.
    case invalid
    /// The file system, the memory or a limit of the process has no room for this.
    case noRoom
    /// A system call failed; ``PageStorageError/systemCode`` says how.
    case failed
    /// A file of another kind: a directory, a pipe, another format, an unknown version.
    case wrongKind
    /// Bytes are missing, too many, or not those that were written.
    case damaged
    /// Nothing was saved in this slot, or it was discarded.
    case notSaved
    /// The file changed between the moment it was verified and the moment it was read.
    case changed
    /// A sound archive, made for something else.
    case mismatch
  }

  public let code: Code
  /// The path, as it was given, or what stands for it: `unnamed file in /var/cache`, `host memory`.
  public let file: String
  /// What is meant in the file, for example `slot 3`, `record 7`, `field model`; nil when the whole file is.
  public let subject: String?
  /// A sentence's end: `cannot be written: No space left on device (errno 28)`.
  public let reason: String
  /// What would have been right, and what there was; nil where the reason says it all.
  public let expected: String?, found: String?
  /// The `errno` of the call that failed; 0 when none did.
  public let systemCode: Int32

  public init(
    _ code: Code, file: String, subject: String? = nil, _ reason: String, expected: String? = nil,
    found: String? = nil
  ) {
    (self.code, self.file, self.subject, self.reason) = (code, file, subject, reason)
    (self.expected, self.found, systemCode) = (expected, found, 0)
  }

  /// An error for a system call that failed with `systemCode`: ``Code/noRoom`` when that says so.
  init(systemCode: Int32, file: String, subject: String? = nil, _ action: String) {
    let isAboutRoom = [ENOSPC, EDQUOT, EFBIG, ENOMEM].contains(systemCode)
    (code, self.file, self.subject) = (isAboutRoom ? .noRoom : .failed, file, subject)
    reason = "cannot be \(action): \(String(cString: strerror(systemCode))) (errno \(systemCode))"
    (expected, found, self.systemCode) = (nil, nil, systemCode)
  }

  public var description: String {
    var text = file
    if let subject { text += ": \(subject)" }
    text += ": \(reason)"
    if let expected { text += ": expected \(expected)" }
    if let found { text += "\(expected == nil ? ": " : ", ")found \(found)" }
    return text
  }
}

/// A text from a file, fit to stand in a message: control characters escaped, at most 96 characters.
func printable(_ text: String) -> String {
  var result = "", length = 0
  for scalar in text.unicodeScalars {
    if length == 96 { return result + "…" }
    length += 1
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      result += "\\u{" + String(scalar.value, radix: 16) + "}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// A checksum as messages show it: `0x0123456789abcdef`.
func hexadecimal(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
}

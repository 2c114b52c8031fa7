/// Why a weight file was refused: which file, what in it, and what was found and expected there.
///
///     model.gguf: tensor blk.3.attn_q.weight: its data ends at byte 98,400,000, the file has 98,362,432
public struct CheckpointError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// The file cannot be opened, read or mapped.
    case unreadable
    /// The file is of another kind: wrong magic, a directory, an unknown version, big endian.
    case wrongKind
    /// Something reaches beyond the end of the file.
    case truncated
    /// A count, length or depth is beyond what this reader accepts.
    case limit
    /// A value breaks the format's rules.
    case malformed
    /// A tensor's element type is unknown or not supported.
    case unsupportedType
    /// A tensor, key or file is named twice.
    case duplicate
    /// Two tensors share bytes, or bytes between tensors belong to none.
    case layout
    /// Something the index names is not there.
    case missing
  }

  public let code: Code
  /// The path, as it was given.
  public let file: String
  /// The tensor or key, for example `tensor blk.3.attn_q.weight`; nil when the whole file is meant.
  public let subject: String?
  /// What was found and what was expected.
  public let reason: String

  public init(_ code: Code, file: String, subject: String? = nil, _ reason: String) {
    self.code = code
    self.file = file
    self.subject = subject
    self.reason = reason
  }

  public var description: String {
    if let subject { "\(file): \(subject): \(reason)" } else { "\(file): \(reason)" }
  }
}

/// A number with its digits in groups of three: `98,362,432`.
package func grouped(_ number: some BinaryInteger) -> String {
  let text = String(number)
  let digits = text.drop { $0 == "-" }
  var result = String(text.prefix(text.count - digits.count))
  for (i, digit) in digits.enumerated() {
    if i > 0, (digits.count - i) % 3 == 0 { result.append(",") }
    result.append(digit)
  }
  return result
}

/// A name from a file, fit to stand in a message: control characters escaped, at most 96 characters.
package func printable(_ name: String) -> String {
  var result = ""
  var length = 0
  for scalar in name.unicodeScalars {
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

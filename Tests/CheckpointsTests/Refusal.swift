import Testing

@testable import Checkpoints

/// A file that must be refused, and what the refusal must say.
struct Refusal: Sendable, CustomTestStringConvertible {
  let title: String
  let code: CheckpointError.Code
  /// The tensor or key that must be named; nil when the whole file is meant.
  let subject: String?
  /// A part of the reason.
  let says: String
  let bytes: [UInt8]

  init(_ title: String, _ code: CheckpointError.Code, _ subject: String?, says: String, _ bytes: [UInt8]) {
    (self.title, self.code, self.subject, self.says, self.bytes) = (title, code, subject, says, bytes)
  }

  var testDescription: String { title }

  /// - Parameter file: the path that the error must name.
  func check(_ file: String, open: () throws(CheckpointError) -> Void) {
    do {
      try open()
      Issue.record("\(title): was opened")
    } catch {
      #expect(error.code == code, "\(title): \(error)")
      #expect(error.subject == subject, "\(title): \(error)")
      #expect(error.reason.contains(says), "\(title): \(error)")
      #expect(error.description.hasPrefix(file + ": "), "\(title): \(error)")
      #expect(error.description.contains(subject ?? ""), "\(title): \(error)")
    }
  }
}

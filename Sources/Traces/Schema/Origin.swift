import JSONText

/// The text a value was read from. It is written back as it was while the value is unchanged; a changed copy takes from
/// it the order of members and the members that the schema does not know.
///
/// Where a value came from is no part of what it is: all origins are equal.
struct Origin: Sendable, Hashable {
  /// One JSON document; a slice of the file's bytes, which lines of one file share.
  let text: ArraySlice<UInt8>?
  /// Whether the value still says what the text says.
  let isExact: Bool

  /// A value made in code.
  static let code = Origin(text: nil, isExact: false)
  static func read(_ text: ArraySlice<UInt8>) -> Origin { Origin(text: text, isExact: true) }
  /// The origin of a changed copy.
  var changed: Origin { Origin(text: text, isExact: false) }

  /// The text, if it may be written back as it stands.
  var exactText: ArraySlice<UInt8>? { isExact ? text : nil }
  /// The document as it was read.
  var value: JSONValue? { text.flatMap { try? JSONValue(parsing: Array($0)) } }

  static func == (_: Origin, _: Origin) -> Bool { true }
  func hash(into _: inout Hasher) {}
}

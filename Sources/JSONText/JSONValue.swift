/// A number as it was written, so that rewriting a document does not change it.
public struct JSONNumber: Sendable, Hashable {
  /// The literal, for example `4`, `1e-06`, `NaN`.
  public let text: String
  public init(text: String) { self.text = text }
  public init(_ value: Int) { text = String(value) }
  /// Shortest form that reads back to the same value; always recognisable as a float (`1.0`, not `1`).
  public init(_ value: Double) {
    if value.isNaN {
      text = "NaN"
    } else if value.isInfinite {
      text = value < 0 ? "-Infinity" : "Infinity"
    } else {
      text = "\(value)"
    }
  }
  /// The value when the literal is an integer (no fraction, no exponent) that fits.
  public var int: Int? { Int(text) }
  /// The value as a double; overflowing literals read as infinity.
  public var double: Double {
    switch text {
    case "NaN": .nan
    case "Infinity": .infinity
    case "-Infinity": -.infinity
    default: Double(text) ?? .nan
    }
  }
}

/// Members in the order in which they were written. A repeated key keeps its first place and its last value.
public struct JSONObject: Sendable, Hashable {
  public private(set) var members: [(key: String, value: JSONValue)] = []
  /// Where each key is, once there are enough of them that a linear search would be slow.
  private var index: [Key: Int] = [:]

  /// A key as its bytes: Swift's strings are equal when they look alike ("é" in one scalar or in two), JSON's keys are
  /// equal when they are the same.
  private struct Key: Hashable {
    let text: String
    init(_ text: String) { self.text = text }
    static func == (a: Key, b: Key) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }
  }
  private static let linearLimit = 16

  public init() {}
  public init(_ members: [(String, JSONValue)]) { for (key, value) in members { self[key] = value } }

  public var count: Int { members.count }
  public var keys: [String] { members.map(\.key) }

  private func position(of key: String) -> Int? {
    members.count > Self.linearLimit
      ? index[Key(key)] : members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
  }

  public subscript(key: String) -> JSONValue? {
    get { position(of: key).map { members[$0].value } }
    set {
      switch (position(of: key), newValue) {
      case (let at?, let value?): members[at].value = value
      case (nil, let value?):
        members.append((key, value))
        if members.count == Self.linearLimit + 1 {
          for (i, member) in members.enumerated() { index[Key(member.key)] = i }
        } else if members.count > Self.linearLimit {
          index[Key(key)] = members.count - 1
        }
      case (let at?, nil):
        members.remove(at: at)
        index = [:]
        if members.count > Self.linearLimit { for (i, member) in members.enumerated() { index[Key(member.key)] = i } }
      case (nil, nil): break
      }
    }
  }

  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.members.count == b.members.count
      && zip(a.members, b.members).allSatisfy { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
  }
  public func hash(into hasher: inout Hasher) { for member in members { hasher.combine(member.key) } }
}

/// A JSON document as a tree that keeps member order and number spelling.
public indirect enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  public static func int(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
  public static func double(_ value: Double) -> JSONValue { .number(JSONNumber(value)) }

  public var string: String? { if case .string(let s) = self { s } else { nil } }
  public var int: Int? { if case .number(let n) = self { n.int } else { nil } }
  public var double: Double? { if case .number(let n) = self { n.double } else { nil } }
  public var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
  public var array: [JSONValue]? { if case .array(let a) = self { a } else { nil } }
  public var object: JSONObject? { if case .object(let o) = self { o } else { nil } }
  public var isNull: Bool { if case .null = self { true } else { false } }
  /// The member of an object; nil for any other kind of value.
  public subscript(key: String) -> JSONValue? { object?[key] }
  /// The kind, as an error message names it.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

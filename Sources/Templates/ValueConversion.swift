import JSONText

/// Makes values of JSON. Strings and keys are literal unless the caller says otherwise.
extension Value {
  /// - Throws: `.limit` when the value is nested deeper than `nestingLimit`.
  init(_ json: JSONValue, literal: Bool, depth: Int = 0) throws(TemplateError) {
    if depth >= nestingLimit {
      throw TemplateError(
        kind: .limit, line: 1, message: "a message or tool is nested deeper than \(nestingLimit) levels")
    }
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .number(let number): self = Value(number)
    case .string(let string): self = .string(Text(string, literal: literal))
    case .array(let elements):
      var items: [Value] = []
      items.reserveCapacity(elements.count)
      for element in elements { items.append(try Value(element, literal: literal, depth: depth + 1)) }
      self = .list(ListValue(items))
    case .object(let object):
      var pairs: [(DictKey, key: Value, value: Value)] = []
      pairs.reserveCapacity(object.count)
      for (key, value) in object.members {
        let text = Text(key, literal: literal)
        pairs.append((.string(text), .string(text), try Value(value, literal: literal, depth: depth + 1)))
      }
      self = .dict(DictValue(pairs))
    }
  }

  private init(_ number: JSONNumber) {
    if let value = number.int {
      self = .int(value)
    } else if number.text.utf8.allSatisfy({ $0 == 0x2D || (0x30...0x39).contains($0) }) {
      self = .numeral(number.text)
    } else {
      self = .float(number.double)
    }
  }

  /// A message: as any JSON value, but its role is the template's to compare and print. A role that is no plain word
  /// stays literal.
  init(message: JSONValue) throws(TemplateError) {
    guard case .object(let object) = message else {
      self = try Value(message, literal: true)
      return
    }
    var pairs: [(DictKey, key: Value, value: Value)] = []
    for (key, value) in object.members {
      let text = Text(key, literal: true)
      var literal = true
      if key == "role", case .string(let role) = value { literal = !Value.isPlainWord(role) }
      pairs.append((.string(text), .string(text), try Value(value, literal: literal, depth: 2)))
    }
    self = .dict(DictValue(pairs))
  }

  private static func isPlainWord(_ word: String) -> Bool {
    word.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: true
      default: false
      }
    }
  }
}

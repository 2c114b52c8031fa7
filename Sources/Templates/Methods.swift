/// The methods of strings, dicts and lists. Those that change a list or dict are refused, as Hugging Face's sandbox does.
extension Interpreter {
  private static let stringMethods: Set<String> = [
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "replace", "upper", "lower",
    "title", "capitalize", "find", "rfind", "index", "count", "join", "format", "isdigit", "isalpha", "isalnum",
    "isspace",
    "isupper", "islower", "removeprefix", "removesuffix", "zfill",
  ]
  private static let dictMethods: Set<String> = ["get", "items", "keys", "values", "copy"]
  private static let dictChanges: Set<String> = ["pop", "popitem", "clear", "setdefault", "update"]
  private static let listMethods: Set<String> = ["index", "count", "copy"]
  private static let listChanges: Set<String> = [
    "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear",
  ]

  func hasMethod(_ name: String, _ owner: Value) -> Bool {
    switch owner {
    case .string: Self.stringMethods.contains(name)
    case .dict: Self.dictMethods.contains(name) || Self.dictChanges.contains(name)
    case .list: Self.listMethods.contains(name) || Self.listChanges.contains(name)
    case .tuple: name == "index" || name == "count"
    default: false
    }
  }

  func callMethod(_ name: String, of owner: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch owner {
    case .string(let text):
      try charge(bytes: text.count)
      return try callStringMethod(name, text, arguments)
    case .dict(let dict):
      if Self.dictChanges.contains(name) { throw refused(name, "dict") }
      return try callDictMethod(name, owner, dict, arguments)
    case .list(let list), .tuple(let list):
      if Self.listChanges.contains(name) { throw refused(name, "list") }
      return try callListMethod(name, owner, list, arguments)
    default: throw wrong(owner, expected: "something with a method '\(name)'")
    }
  }

  private func refused(_ name: String, _ kind: String) -> TemplateError {
    error(.type, "'\(name)' would change a \(kind), and values do not change; make a new one with 'set'")
  }

  private func callDictMethod(
    _ name: String, _ owner: Value, _ dict: DictValue, _ arguments: Arguments
  ) throws(TemplateError) -> Value {
    if name == "get" {
      let given = try bind(arguments, "key", "default", of: "get")
      guard let key = DictKey(try needed(given[0], "the key of 'get'")) else {
        throw error(.type, "the key of 'get' must be a string or number")
      }
      return dict.find(key) ?? given[1] ?? .none
    }
    _ = try bind(arguments, of: name)
    switch name {
    case "keys": return .list(try makeList(dict.entries.map(\.key)))
    case "values": return .list(try makeList(dict.entries.map(\.value)))
    case "items": return .list(try makeList(pairs(dict)))
    default: return owner
    }
  }

  func pairs(_ dict: DictValue) -> [Value] { dict.entries.map { .tuple(ListValue([$0.key, $0.value])) } }

  private func callListMethod(
    _ name: String, _ owner: Value, _ list: ListValue, _ arguments: Arguments
  ) throws(TemplateError) -> Value {
    if name == "copy" { return owner }
    let wanted = try needed(try bind(arguments, "value", of: name)[0], "the argument of '\(name)'")
    var count = 0
    for (i, item) in list.items.enumerated() where try equal(item, wanted) {
      if name == "index" { return .int(i) }
      count += 1
    }
    if name == "index" { throw error(.type, "'index' found no such element") }
    return .int(count)
  }

  private func callStringMethod(_ name: String, _ text: Text, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch name {
    case "strip", "lstrip", "rstrip":
      let set = try self.text(try bind(arguments, "chars", of: name)[0], "'\(name)'")
      return .string(text.stripped(set, start: name != "rstrip", end: name != "lstrip"))
    case "split", "rsplit": return try split(name, text, arguments)
    case "splitlines":
      let keeps = try bind(arguments, "keepends", of: name)[0].map(isTrue) ?? false
      try charge(text.count >> 4)
      return .list(try makeList(text.lines(keepingEnds: keeps).map(Value.string)))
    case "startswith", "endswith": return try testEnd(name, text, arguments)
    case "replace":
      let given = try bind(arguments, "old", "new", "count", of: name)
      return .string(try replace(text, given))
    case "find", "rfind", "index", "count": return try search(name, text, arguments)
    case "join":
      let items = try elements(of: try needed(try bind(arguments, "iterable", of: name)[0], "the argument of 'join'"))
      for item in items { if case .string = item {} else { throw wrong(item, expected: "strings to join") } }
      return .string(try join(items, text))
    case "format": return .string(try braceFormat(text, arguments))
    case "removeprefix", "removesuffix":
      let part = try self.text(try bind(arguments, "part", of: name)[0], "'\(name)'") ?? Text()
      if name == "removeprefix" { return .string(text.hasPrefix(part) ? text[part.count..<text.count] : text) }
      return .string(text.hasSuffix(part) ? text[0..<text.count - part.count] : text)
    case "zfill":
      let width = try integer(try bind(arguments, "width", of: name)[0], "the width of 'zfill'") ?? 0
      let sign = [0x2B, 0x2D].contains(text.bytes.first ?? 0) ? 1 : 0
      var out = builder()
      out.append(text, 0..<sign)
      out.append(0x30, count: max(0, width) - text.scalarCount)
      out.append(text, sign..<text.count)
      return .string(try finish(out))
    default:
      _ = try bind(arguments, of: name)
      return plainMethod(name, text)
    }
  }

  private func plainMethod(_ name: String, _ text: Text) -> Value {
    switch name {
    case "upper": .string(text.uppercased())
    case "lower": .string(text.lowercased())
    case "title": .string(text.titleMethod())
    case "capitalize": .string(text.capitalized())
    case "isdigit":
      .bool(text.allScalars { $0.properties.numericType == .decimal || $0.properties.numericType == .digit })
    case "isalpha": .bool(text.allScalars { $0.properties.generalCategory.isLetter })
    case "isalnum":
      .bool(text.allScalars { $0.properties.generalCategory.isLetter || $0.properties.numericType != nil })
    case "isspace": .bool(text.allScalars(Text.isSpace))
    case "isupper": .bool(text.allCased { $0.isUppercase })
    default: .bool(text.allCased { $0.isLowercase })
    }
  }

  private func split(_ name: String, _ text: Text, _ arguments: Arguments) throws(TemplateError) -> Value {
    let given = try bind(arguments, "sep", "maxsplit", of: name)
    let wanted = try integer(given[1], "'maxsplit'") ?? -1
    let limit = wanted < 0 ? remainingSteps : min(wanted, remainingSteps)
    // From the end, all words are found first.
    if name == "rsplit" { try charge(text.count >> 2) }
    guard let separator = try self.text(given[0], "the separator of '\(name)'") else {
      let words = name == "split" ? text.splitWords(limit: limit) : text.splitWordsFromEnd(limit: limit)
      return .list(try makeList(words.map(Value.string)))
    }
    if separator.isEmpty { throw error(.type, "the separator of '\(name)' is empty") }
    try charge(searching: text, for: separator)
    let pieces = name == "split" ? text.split(separator, limit: limit) : text.splitFromEnd(separator, limit: limit)
    return .list(try makeList(pieces.map(Value.string)))
  }

  private func testEnd(_ name: String, _ text: Text, _ arguments: Arguments) throws(TemplateError) -> Value {
    let part = try needed(try bind(arguments, "part", of: name)[0], "the argument of '\(name)'")
    let parts: [Value] = if case .tuple(let list) = part { list.items } else { [part] }
    for part in parts {
      guard case .string(let part) = part else { throw wrong(part, expected: "a string for '\(name)'") }
      if name == "startswith" ? text.hasPrefix(part) : text.hasSuffix(part) { return .bool(true) }
    }
    return .bool(false)
  }

  private func search(_ name: String, _ text: Text, _ arguments: Arguments) throws(TemplateError) -> Value {
    guard let part = try self.text(try bind(arguments, "sub", of: name)[0], "'\(name)'") else {
      throw error(.type, "'\(name)' needs a string to look for")
    }
    try charge(searching: text, for: part)
    if name == "count" {
      return .int(part.isEmpty ? text.scalarCount + 1 : text.occurrences(of: part))
    }
    guard let at = name == "rfind" ? text.findLast(part) : text.find(part) else {
      if name == "index" { throw error(.type, "'index' did not find the text") }
      return .int(-1)
    }
    return .int(text[0..<at].scalarCount)
  }

  /// `given`: old, new, count.
  func replace(_ text: Text, _ given: [Value?]) throws(TemplateError) -> Text {
    guard let old = try self.text(given[0], "'replace'"), let new = try self.text(given[1], "'replace'") else {
      throw error(.type, "'replace' needs two strings: what to replace, and by what")
    }
    try charge(searching: text, for: old)
    var out = builder()
    text.replacing(old, with: new, limit: try optionalInteger(given[2], "the count of 'replace'") ?? -1, into: &out)
    return try finish(out)
  }

  func join(_ items: [Value], _ separator: Text) throws(TemplateError) -> Text {
    var out = builder()
    for (i, item) in items.enumerated() {
      try charge()
      if i > 0 { out.append(separator) }
      out.append(try printed(item))
    }
    return try finish(out)
  }
}

extension Unicode.GeneralCategory {
  var isLetter: Bool {
    switch self {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}

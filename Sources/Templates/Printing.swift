/// Values as text: Python's `str`, `repr` and `json.dumps`. Literal parts stay literal inside.
extension Interpreter {
  /// `str(value)`; an undefined value prints as nothing.
  func printed(_ value: Value) throws(TemplateError) -> Text {
    switch value {
    case .string(let text): return text
    case .undefined: return Text()
    default:
      var out = builder()
      try represent(value, &out)
      return try finish(out)
    }
  }

  /// `repr(value)`.
  func represent(_ value: Value, _ out: inout TextBuilder) throws(TemplateError) {
    try charge()
    if out.overflowed { throw error(.limit, "a text is longer than \(limits.outputBytes) bytes") }
    switch value {
    case .undefined: out.append("Undefined")
    case .none: out.append("None")
    case .bool(let value): out.append(value ? "True" : "False")
    case .int(let value): out.append("\(value)")
    case .float(let value): out.append(Self.python(value))
    case .numeral(let digits): out.append(digits)
    case .string(let text): quote(text, &out)
    case .list(let list): try represent(list, "[", "]", &out)
    case .tuple(let list): try represent(list, "(", list.items.count == 1 ? ",)" : ")", &out)
    case .dict(let dict): try represent(dict, &out)
    case .generator, .namespace, .macro, .loop, .function, .method:
      throw wrong(value, expected: "something to print")
    }
  }

  private func represent(_ list: ListValue, _ open: String, _ close: String, _ out: inout TextBuilder)
    throws(TemplateError)
  {
    try enter()
    defer { leave() }
    out.append(open)
    for (i, item) in list.items.enumerated() {
      if i > 0 { out.append(", ") }
      try represent(item, &out)
    }
    out.append(close)
  }

  private func represent(_ dict: DictValue, _ out: inout TextBuilder) throws(TemplateError) {
    try enter()
    defer { leave() }
    out.append("{")
    for (i, entry) in dict.entries.enumerated() {
      if i > 0 { out.append(", ") }
      try represent(entry.key, &out)
      out.append(": ")
      try represent(entry.value, &out)
    }
    out.append("}")
  }

  static func python(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return "\(value)"
  }

  private func quote(_ text: Text, _ out: inout TextBuilder) {
    let quote: UInt8 = text.bytes.contains(0x27) && !text.bytes.contains(0x22) ? 0x22 : 0x27
    out.append(quote)
    out.append(
      text.mapScalars { scalar in
        switch scalar {
        case "\\": return #"\\"#.utf8
        case "\n": return #"\n"#.utf8
        case "\r": return #"\r"#.utf8
        case "\t": return #"\t"#.utf8
        case _ where scalar.value == quote: return "\\\(scalar)".utf8
        case _ where scalar.value >= 0x20 && scalar.value < 0x7F: return nil
        default: return Self.isPrintable(scalar) ? nil : Self.escape(scalar).utf8
        }
      })
    out.append(quote)
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator:
      false
    default: true
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let hex = String(scalar.value, radix: 16)
    let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: width - hex.count) + hex
  }
}

/// How `tojson` writes, with the names and defaults of Python's `json.dumps`, except that Hugging Face leaves
/// characters beyond ASCII as they are.
struct JSONStyle {
  var escapesNonASCII = false
  var sortsKeys = false
  /// What each level is indented by; nil for one line.
  var indent: Text?
  var itemSeparator = Text(", "), keySeparator = Text(": ")
}

extension Interpreter {
  func writeJSON(_ value: Value, _ style: JSONStyle, level: Int = 0, _ out: inout TextBuilder) throws(TemplateError) {
    try charge()
    if out.overflowed { throw error(.limit, "a text is longer than \(limits.outputBytes) bytes") }
    switch value {
    case .none: out.append("null")
    case .bool(let value): out.append(value ? "true" : "false")
    case .int(let value): out.append("\(value)")
    case .float(let value): out.append(Self.json(value))
    case .numeral(let digits): out.append(digits)
    case .string(let text): quoteJSON(text, style, &out)
    case .list(let list), .tuple(let list): try writeJSON(list, style, level, &out)
    case .dict(let dict): try writeJSON(dict, style, level, &out)
    default: throw error(.type, "expected something that JSON can express, found \(value.described)")
    }
  }

  private static func json(_ value: Double) -> String {
    value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : "\(value)"
  }

  private func newline(_ style: JSONStyle, _ level: Int, _ out: inout TextBuilder) {
    guard let indent = style.indent else { return }
    out.append(0x0A)
    for _ in 0..<level { out.append(indent) }
  }

  private func writeJSON(
    _ list: ListValue, _ style: JSONStyle, _ level: Int, _ out: inout TextBuilder
  ) throws(TemplateError) {
    try enter()
    defer { leave() }
    out.append("[")
    for (i, item) in list.items.enumerated() {
      if i > 0 { out.append(style.itemSeparator) }
      newline(style, level + 1, &out)
      try writeJSON(item, style, level: level + 1, &out)
    }
    if !list.items.isEmpty { newline(style, level, &out) }
    out.append("]")
  }

  private func writeJSON(
    _ dict: DictValue, _ style: JSONStyle, _ level: Int, _ out: inout TextBuilder
  ) throws(TemplateError) {
    try enter()
    defer { leave() }
    var entries = dict.entries
    if style.sortsKeys {
      let keys = try sorted(entries.indices.map { (entries[$0].key, .int($0)) }, reversed: false)
      entries = keys.compactMap { if case .int(let i) = $0 { entries[i] } else { nil } }
    }
    out.append("{")
    for (i, entry) in entries.enumerated() {
      if i > 0 { out.append(style.itemSeparator) }
      newline(style, level + 1, &out)
      quoteJSON(try jsonKey(entry.key), style, &out)
      out.append(style.keySeparator)
      try writeJSON(entry.value, style, level: level + 1, &out)
    }
    if !entries.isEmpty { newline(style, level, &out) }
    out.append("}")
  }

  private func jsonKey(_ key: Value) throws(TemplateError) -> Text {
    switch key {
    case .string(let text): return text
    case .none: return Text("null")
    case .bool(let value): return Text(value ? "true" : "false")
    case .float(let value): return Text(Self.json(value))
    case .int, .numeral: return try printed(key)
    default: throw wrong(key, expected: "a string or number as a key in JSON")
    }
  }

  private func quoteJSON(_ text: Text, _ style: JSONStyle, _ out: inout TextBuilder) {
    out.append(0x22)
    out.append(
      text.mapScalars { scalar in
        switch scalar {
        case "\"": return "\\\"".utf8
        case "\\": return #"\\"#.utf8
        case "\n": return #"\n"#.utf8
        case "\r": return #"\r"#.utf8
        case "\t": return #"\t"#.utf8
        case "\u{8}": return #"\b"#.utf8
        case "\u{C}": return #"\f"#.utf8
        case _ where scalar.value < 0x20: return Self.jsonEscape(scalar).utf8
        case _ where scalar.value < 0x7F: return nil
        default: return style.escapesNonASCII ? Self.jsonEscape(scalar).utf8 : nil
        }
      })
    out.append(0x22)
  }

  private static func jsonEscape(_ scalar: Unicode.Scalar) -> String {
    UTF16.encode(scalar)!.reduce(into: "") { result, unit in
      let hex = String(unit, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    }
  }
}

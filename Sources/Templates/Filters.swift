/// `value | name(…)`: which filter a name means, and the filters of strings and numbers.
extension Interpreter {
  func applyFilter(_ name: String, to value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    if let result = try textFilter(name, value, arguments) { return result }
    if let result = try numberFilter(name, value, arguments) { return result }
    if let result = try sequenceFilter(name, value, arguments) { return result }
    if let result = try selectionFilter(name, value, arguments) { return result }
    throw error(.undefined, "there is no filter '\(name)'")
  }

  private func textFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "trim":
      let set = try text(try bind(arguments, "chars", of: name)[0], "'trim'")
      return .string(try printed(value).stripped(set))
    case "upper", "lower", "title", "capitalize", "string", "safe", "escape", "e", "forceescape", "wordcount":
      _ = try bind(arguments, of: name)
      return try plainTextFilter(name, try printed(value))
    case "replace":
      var given = try bind(arguments, "old", "new", "count", of: name)
      for i in 0...1 { if let part = given[i] { given[i] = .string(try printed(part)) } }
      return .string(try replace(try printed(value), given))
    case "indent": return .string(try indent(try printed(value), arguments))
    case "truncate": return .string(try truncate(try printed(value), arguments))
    case "center":
      let width = try integer(try bind(arguments, "width", of: name)[0], "the width of 'center'") ?? 80
      let text = try printed(value)
      let missing = max(0, max(0, width) - text.scalarCount)
      let left = missing / 2 + (missing & width & 1)
      var out = builder()
      out.append(0x20, count: left)
      out.append(text)
      out.append(0x20, count: missing - left)
      return .string(try finish(out))
    case "format":
      let format = try printed(value)
      if arguments.named.isEmpty {
        return .string(try percentFormat(format, arguments.positional, .none))
      }
      return .string(try percentFormat(format, [], try makeDict(named: arguments.named)))
    case "tojson": return .string(try json(value, arguments))
    default: return nil
    }
  }

  private func plainTextFilter(_ name: String, _ text: Text) throws(TemplateError) -> Value {
    try charge(bytes: text.count)
    switch name {
    case "upper": return .string(text.uppercased())
    case "lower": return .string(text.lowercased())
    case "title": return .string(text.titleFilter())
    case "capitalize": return .string(text.capitalized())
    case "string", "safe": return .string(text)
    case "wordcount": return .int(wordCount(text))
    default:
      return .string(
        text.mapScalars { scalar in
          switch scalar {
          case "&": "&amp;".utf8
          case "<": "&lt;".utf8
          case ">": "&gt;".utf8
          case "'": "&#39;".utf8
          case "\"": "&#34;".utf8
          default: nil
          }
        })
    }
  }

  private func wordCount(_ text: Text) -> Int {
    var count = 0, inside = false
    for scalar in text.string.unicodeScalars {
      let isWord = scalar == "_" || scalar.properties.generalCategory.isLetter || scalar.properties.numericType != nil
      if isWord, !inside { count += 1 }
      inside = isWord
    }
    return count
  }

  private func indent(_ text: Text, _ arguments: Arguments) throws(TemplateError) -> Text {
    let given = try bind(arguments, "width", "first", "blank", of: "indent")
    let indentation: Text
    if case .string(let text)? = given[0] {
      indentation = text
    } else {
      indentation = try repeated(Text(" "), try integer(given[0], "the width of 'indent'") ?? 4)
    }
    var text = text
    text.append(0x0A, literal: false)
    try charge(text.count >> 4)
    var out = builder()
    if given[1].map(isTrue) == true { out.append(indentation) }
    for (i, line) in text.lines().enumerated() {
      if i > 0 {
        out.append(0x0A)
        if !line.isEmpty || given[2].map(isTrue) == true { out.append(indentation) }
      }
      out.append(line)
    }
    return try finish(out)
  }

  private func truncate(_ text: Text, _ arguments: Arguments) throws(TemplateError) -> Text {
    let given = try bind(arguments, "length", "killwords", "end", "leeway", of: "truncate")
    let length = try integer(given[0], "the length of 'truncate'") ?? 255
    let end = try self.text(given[2], "the end of 'truncate'") ?? Text("...")
    let leeway = try integer(given[3], "the leeway of 'truncate'") ?? 5
    let keeps = length.subtractingReportingOverflow(end.scalarCount)
    if keeps.overflow || keeps.partialValue < 0 || leeway < 0 {
      throw error(.type, "'truncate' needs a length of at least \(end.scalarCount) and a leeway of at least 0")
    }
    let boundaries = text.boundaries
    let (most, overflow) = length.addingReportingOverflow(leeway)
    if overflow || boundaries.count - 1 <= most { return text }
    var result = text[0..<boundaries[min(keeps.partialValue, boundaries.count - 1)]]
    if given[1].map(isTrue) != true, let blank = result.findLast(Text(" ")) { result = result[0..<blank] }
    result.append(end)
    return result
  }

  private func json(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Text {
    let given = try bind(arguments, "ensure_ascii", "indent", "separators", "sort_keys", of: "tojson")
    var style = JSONStyle()
    style.escapesNonASCII = given[0].map(isTrue) ?? false
    style.sortsKeys = given[3].map(isTrue) ?? false
    switch given[1] {
    case nil, Value.none?: break
    case .string(let text)?: style.indent = text
    case let width?: style.indent = try repeated(Text(" "), try integer(width, "the indent of 'tojson'") ?? 0)
    }
    if style.indent != nil { style.itemSeparator = Text(",") }
    if let separators = given[2], isTrue(separators) {
      let parts = try elements(of: separators)
      guard parts.count == 2, case .string(let item) = parts[0], case .string(let key) = parts[1] else {
        throw error(.type, "the separators of 'tojson' must be two strings")
      }
      (style.itemSeparator, style.keySeparator) = (item, key)
    }
    var out = builder()
    try writeJSON(value, style, &out)
    return try finish(out)
  }

  // MARK: numbers

  private func numberFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "abs":
      _ = try bind(arguments, of: name)
      switch value {
      case .float(let value): return .float(abs(value))
      case .int(let number): return number < 0 ? try negative(value) : value
      default: return try positive(value)
      }
    case "int": return try toInteger(value, try bind(arguments, "default", "base", of: name))
    case "float":
      let standard = try bind(arguments, "default", of: name)[0]
      if value.isUndefined { throw wrong(value, expected: "a value to convert") }
      return double(value).map(Value.float) ?? standard ?? .float(0)
    case "round": return try round(value, arguments)
    default: return nil
    }
  }

  private func double(_ value: Value) -> Double? {
    switch value {
    case .bool(let value): return value ? 1 : 0
    case .int(let value): return Double(value)
    case .float(let value): return value
    case .numeral(let digits): return Double(digits)
    case .string(let text):
      let trimmed = text.stripped(nil).string
      return trimmed.utf8.contains(0x78) || trimmed.utf8.contains(0x58) ? nil : Double(trimmed)
    default: return nil
    }
  }

  private func toInteger(_ value: Value, _ given: [Value?]) throws(TemplateError) -> Value {
    switch value {
    case .int, .numeral: return value
    case .bool(let value): return .int(value ? 1 : 0)
    case .undefined: throw wrong(value, expected: "a value to convert")
    case .string(let text):
      let base = try integer(given[1], "the base of 'int'") ?? 10
      if (2...36).contains(base), let number = Int(text.stripped(nil).string, radix: base) { return .int(number) }
    default: break
    }
    if let number = double(value), number.isFinite {
      guard let whole = Int(exactly: number.rounded(.towardZero)) else {
        throw error(.type, "\(number) does not fit in 64 bits")
      }
      return .int(whole)
    }
    return given[0] ?? .int(0)
  }

  private func round(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let given = try bind(arguments, "precision", "method", of: "round")
    let precision = try integer(given[0], "the precision of 'round'") ?? 0
    let method = try text(given[1], "the method of 'round'")?.string ?? "common"
    guard ["common", "ceil", "floor"].contains(method) else {
      throw error(.type, "the method of 'round' is common, ceil or floor, found '\(method)'")
    }
    guard let number = double(value), !value.isUndefined else { throw wrong(value, expected: "a number to round") }
    if case .string = value { throw wrong(value, expected: "a number to round") }
    guard number.isFinite, (0...100).contains(precision) else { return .float(number) }
    if method == "common" {
      if case .int = value { return value }
      return .float(Double(Self.fixed(number, precision)) ?? number)
    }
    let scale = floatPower(10, Double(precision))
    let scaled = (number * scale).rounded(method == "ceil" ? .up : .down)
    return .float(scaled / scale)
  }
}

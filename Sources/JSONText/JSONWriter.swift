extension JSONValue {
  /// One line, no blanks after `,` and `:`.
  public var compact: String {
    var out = ""
    write(to: &out, indent: nil)
    return out
  }

  /// Two-space indent, one member per line, no trailing newline: the form of Python's `json.dumps(indent=2)`.
  public var pretty: String {
    var out = ""
    write(to: &out, indent: 0)
    return out
  }

  private func write(to out: inout String, indent: Int?) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .number(let number): out += number.text
    case .string(let string): JSONText.appendQuoted(string, to: &out)
    case .array(let elements):
      Self.writeList(elements.count, open: "[", close: "]", to: &out, indent: indent) { i, out, inner in
        elements[i].write(to: &out, indent: inner)
      }
    case .object(let object):
      Self.writeList(object.count, open: "{", close: "}", to: &out, indent: indent) { i, out, inner in
        JSONText.appendQuoted(object.members[i].key, to: &out)
        out += inner == nil ? ":" : ": "
        object.members[i].value.write(to: &out, indent: inner)
      }
    }
  }

  private static func writeList(
    _ count: Int, open: String, close: String, to out: inout String, indent: Int?,
    element: (Int, inout String, Int?) -> Void
  ) {
    out += open
    let inner = indent.map { $0 + 2 }
    for i in 0..<count {
      if i > 0 { out += "," }
      if let inner { out += "\n" + String(repeating: " ", count: inner) }
      element(i, &out, inner)
    }
    if let indent, count > 0 { out += "\n" + String(repeating: " ", count: indent) }
    out += close
  }
}

/// Appends `string` as a JSON string literal; non-ASCII characters are written as they are.
public func appendQuoted(_ string: String, to out: inout String) {
  out += "\""
  // Runs of ordinary bytes are copied whole: long texts are mostly that.
  var run = string.utf8.startIndex
  let utf8 = string.utf8
  var i = run
  while i != utf8.endIndex {
    let byte = utf8[i]
    if byte >= 0x20 && byte != 0x22 && byte != 0x5C {
      utf8.formIndex(after: &i)
      continue
    }
    out += string[run..<i]
    switch byte {
    case 0x22: out += "\\\""
    case 0x5C: out += "\\\\"
    case 0x08: out += "\\b"
    case 0x0C: out += "\\f"
    case 0x0A: out += "\\n"
    case 0x0D: out += "\\r"
    case 0x09: out += "\\t"
    default:
      let hex = String(byte, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    }
    utf8.formIndex(after: &i)
    run = i
  }
  out += string[run...]
  out += "\""
}

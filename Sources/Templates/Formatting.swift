import Glibc

func floatPower(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

/// `"…" % values` and `"…".format(…)`.
extension Interpreter {
  /// Python's `%` formatting with `s r d i f x %`, the flags `-` and `0`, a width and a precision.
  func percentFormat(_ format: Text, _ items: [Value], _ whole: Value) throws(TemplateError) -> Text {
    var out = builder()
    var position = 0, start = 0, used = 0, usedName = false
    let bytes = format.bytes
    func next() -> UInt8 { position < bytes.count ? bytes[position] : 0 }
    while position < bytes.count {
      if bytes[position] != 0x25 {
        position += 1
        continue
      }
      out.append(format, start..<position)
      position += 1
      var named: Value?
      if next() == 0x28, let close = bytes[position...].firstIndex(of: 0x29) {
        let name = format[position + 1..<close]
        guard case .dict(let dict) = whole, let value = dict.find(.string(name)) else {
          throw error(.type, "the format wants '\(name.string)', which was not given")
        }
        (named, usedName, position) = (value, true, close + 1)
      }
      var left = false, zero = false
      while next() == 0x2D || next() == 0x30 {
        if next() == 0x2D { left = true } else { zero = true }
        position += 1
      }
      func digits() -> Int {
        var value = 0
        while (0x30...0x39).contains(next()) {
          value = min(value * 10 + Int(next() - 0x30), 1 << 30)
          position += 1
        }
        return value
      }
      let width = digits()
      var precision: Int?
      if next() == 0x2E {
        position += 1
        precision = digits()
      }
      let conversion = next()
      position = min(position + 1, bytes.count)
      start = position
      if conversion == 0x25 {
        out.append(0x25)
        continue
      }
      if named == nil {
        if used >= items.count { throw error(.type, "the format wants more than \(items.count) values") }
        named = items[used]
        used += 1
      }
      let piece = try converted(named ?? .none, conversion, precision)
      pad(piece, width, left: left, zero: zero && ![0x73, 0x72].contains(conversion), &out)
    }
    out.append(format, start..<bytes.count)
    if case .dict = whole { usedName = true }
    if used < items.count, !usedName { throw error(.type, "the format wants \(used) values, found \(items.count)") }
    return try finish(out)
  }

  private func converted(_ value: Value, _ conversion: UInt8, _ precision: Int?) throws(TemplateError) -> Text {
    switch conversion {
    case 0x73, 0x72:
      var text = try printed(value)
      if conversion == 0x72 {
        var out = builder()
        try represent(value, &out)
        text = try finish(out)
      }
      guard let precision, precision < text.scalarCount else { return text }
      return text[0..<text.boundaries[precision]]
    case 0x64, 0x69, 0x78:
      switch value {
      case .int(let value):
        if conversion != 0x78 { return Text("\(value)") }
        return Text(String(value, radix: 16))
      case .bool(let value): return Text(value ? "1" : "0")
      case .float(let value) where conversion != 0x78 && abs(value) < 0x1p62: return Text("\(Int(value))")
      default: throw wrong(value, expected: "a number to format")
      }
    case 0x66:
      switch value {
      case .int(let value): return Text(Self.fixed(Double(value), precision ?? 6))
      case .bool(let value): return Text(Self.fixed(value ? 1 : 0, precision ?? 6))
      case .float(let value): return Text(Self.fixed(value, precision ?? 6))
      default: throw wrong(value, expected: "a number to format")
      }
    default: throw error(.type, "a format knows %s, %r, %d, %i, %x, %f and %%, nothing else")
    }
  }

  /// The number with a fixed count of decimals (at most 100).
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    var buffer = [CChar](repeating: 0, count: 512)
    let written = withVaList([Int32(min(max(decimals, 0), 100)), value]) {
      vsnprintf(&buffer, buffer.count, "%.*f", $0)
    }
    return String(decoding: buffer.prefix(max(0, Int(written))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func pad(_ piece: Text, _ width: Int, left: Bool, zero: Bool, _ out: inout TextBuilder) {
    let missing = width - piece.scalarCount
    if left {
      out.append(piece)
      out.append(0x20, count: missing)
    } else if zero {
      let sign = piece.bytes.first == 0x2D ? 1 : 0
      out.append(piece, 0..<sign)
      out.append(0x30, count: missing)
      out.append(piece, sign..<piece.count)
    } else {
      out.append(0x20, count: missing)
      out.append(piece)
    }
  }

  /// `str.format` with the fields `{}`, `{0}` and `{name}`; format specifications and member access are refused.
  func braceFormat(_ format: Text, _ arguments: Arguments) throws(TemplateError) -> Text {
    var out = builder()
    var position = 0, start = 0, automatic = 0
    let bytes = format.bytes
    while position < bytes.count {
      let byte = bytes[position]
      guard byte == 0x7B || byte == 0x7D else {
        position += 1
        continue
      }
      out.append(format, start..<position)
      if position + 1 < bytes.count, bytes[position + 1] == byte {
        out.append(format, position..<position + 1)
        position += 2
      } else {
        guard byte == 0x7B, let close = bytes[position...].firstIndex(of: 0x7D) else {
          throw error(.type, "a '{' or '}' of the format has no partner")
        }
        let field = format[position + 1..<close].string
        let value: Value?
        if field.isEmpty {
          value = automatic < arguments.positional.count ? arguments.positional[automatic] : nil
          automatic += 1
        } else if let at = Int(field) {
          value = arguments.positional.indices.contains(at) ? arguments.positional[at] : nil
        } else {
          value = arguments.named.first { $0.name == field }?.value
        }
        guard let value else { throw error(.type, "the format wants '{\(field)}', which was not given") }
        out.append(try printed(value))
        position = close + 1
      }
      start = position
    }
    out.append(format, start..<bytes.count)
    return try finish(out)
  }
}

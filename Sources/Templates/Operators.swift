/// Arithmetic and comparison, with Python's meanings and without its unbounded integers.
extension Interpreter {
  func arithmetic(_ first: Expression, _ rest: [(Symbol, Expression)]) throws(TemplateError) -> Value {
    var result = try evaluate(first)
    if case .string(let start) = result, rest.allSatisfy({ $0.0 == .plus }) { return try join(start, rest) }
    for (symbol, operand) in rest { result = try apply(symbol, result, try evaluate(operand)) }
    return result
  }

  /// `"a" + b + …`, copied once.
  private func join(_ start: Text, _ rest: [(Symbol, Expression)]) throws(TemplateError) -> Value {
    var result = builder()
    result.append(start)
    for (_, operand) in rest {
      let value = try evaluate(operand)
      guard case .string(let text) = value else { throw wrong(value, expected: "a string to add to a string") }
      result.append(text)
    }
    return .string(try finish(result))
  }

  private enum Number {
    case int(Int)
    case float(Double)
    var double: Double {
      switch self {
      case .int(let value): Double(value);
      case .float(let value): value
      }
    }
  }

  private func number(_ value: Value) -> Number? {
    switch value {
    case .bool(let value): .int(value ? 1 : 0)
    case .int(let value): .int(value)
    case .float(let value): .float(value)
    default: nil
    }
  }

  func apply(_ symbol: Symbol, _ a: Value, _ b: Value) throws(TemplateError) -> Value {
    if let a = number(a), let b = number(b) {
      if case .int(let a) = a, case .int(let b) = b, symbol != .slash { return try integers(symbol, a, b) }
      return try floats(symbol, a.double, b.double)
    }
    switch (symbol, a, b) {
    case (.plus, .string(let a), .string(let b)):
      var result = builder()
      result.append(a)
      result.append(b)
      return .string(try finish(result))
    case (.plus, .list(let a), .list(let b)): return .list(try makeList(a.items + b.items))
    case (.plus, .tuple(let a), .tuple(let b)): return .tuple(try makeList(a.items + b.items))
    case (.star, .string(let text), .int(let count)), (.star, .int(let count), .string(let text)):
      return .string(try repeated(text, count))
    case (.star, .list(let list), .int(let count)), (.star, .int(let count), .list(let list)):
      return .list(try repeated(list, count))
    case (.star, .tuple(let list), .int(let count)), (.star, .int(let count), .tuple(let list)):
      return .tuple(try repeated(list, count))
    case (.percent, .string(let format), .tuple(let list)): return .string(try percentFormat(format, list.items, b))
    case (.percent, .string(let format), _): return .string(try percentFormat(format, [b], b))
    case (_, .undefined, _), (_, _, .undefined):
      throw error(.undefined, "'\(symbol.rawValue)' was applied to \((a.isUndefined ? a : b).described)")
    default:
      throw error(.type, "'\(symbol.rawValue)' cannot be applied to \(a.described) and \(b.described)")
    }
  }

  func repeated(_ text: Text, _ count: Int) throws(TemplateError) -> Text {
    if count <= 0 || text.isEmpty { return Text() }
    if text.count > limits.outputBytes / count {
      throw error(.limit, "a text is longer than \(limits.outputBytes) bytes")
    }
    var result = Text()
    for _ in 0..<count { result.append(text) }
    try charge(bytes: result.count)
    return result
  }

  private func repeated(_ list: ListValue, _ count: Int) throws(TemplateError) -> ListValue {
    if count <= 0 || list.items.isEmpty { return ListValue([]) }
    let (total, overflow) = list.items.count.multipliedReportingOverflow(by: count)
    try charge(overflow ? Int.max : total)
    return ListValue(Array(repeatElement(list.items, count: count).joined()))
  }

  private func integers(_ symbol: Symbol, _ a: Int, _ b: Int) throws(TemplateError) -> Value {
    let result: (partialValue: Int, overflow: Bool)
    switch symbol {
    case .plus: result = a.addingReportingOverflow(b)
    case .minus: result = a.subtractingReportingOverflow(b)
    case .star: result = a.multipliedReportingOverflow(by: b)
    case .doubleSlash, .percent:
      if b == 0 { throw error(.type, "division by zero") }
      let division = a.dividedReportingOverflow(by: b)
      if division.overflow {
        result = symbol == .percent ? (0, false) : (0, true)
      } else {
        let remainder = a - division.partialValue * b
        let crosses = remainder != 0 && (remainder < 0) != (b < 0)
        result =
          symbol == .percent
          ? (crosses ? remainder + b : remainder, false)
          : (crosses ? division.partialValue - 1 : division.partialValue, false)
      }
    default:
      if b < 0 { return try floats(.power, Double(a), Double(b)) }
      result = try power(a, b)
    }
    if result.overflow { throw error(.type, "\(a) \(symbol.rawValue) \(b) does not fit in 64 bits") }
    return .int(result.partialValue)
  }

  private func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> (partialValue: Int, overflow: Bool) {
    if base == 0 || base == 1 || base == -1 {
      return (exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base, false)
    }
    if exponent > 63 { return (0, true) }
    var result = 1
    for _ in 0..<exponent {
      let (product, overflow) = result.multipliedReportingOverflow(by: base)
      if overflow { return (0, true) }
      result = product
    }
    return (result, false)
  }

  private func floats(_ symbol: Symbol, _ a: Double, _ b: Double) throws(TemplateError) -> Value {
    switch symbol {
    case .plus: return .float(a + b)
    case .minus: return .float(a - b)
    case .star: return .float(a * b)
    case .power:
      if a == 0, b < 0 { throw error(.type, "division by zero") }
      if a < 0, b != b.rounded() { throw error(.type, "a negative number has no real power \(b)") }
      return .float(floatPower(a, b))
    default:
      if b == 0 { throw error(.type, "division by zero") }
      if symbol == .slash { return .float(a / b) }
      var remainder = a.truncatingRemainder(dividingBy: b)
      if remainder != 0, (remainder < 0) != (b < 0) { remainder += b }
      return .float(symbol == .percent ? remainder : ((a - remainder) / b).rounded())
    }
  }

  func negative(_ value: Value) throws(TemplateError) -> Value {
    switch number(value) {
    case .int(let value)?:
      let (result, overflow) = (0).subtractingReportingOverflow(value)
      if overflow { throw error(.type, "-(\(value)) does not fit in 64 bits") }
      return .int(result)
    case .float(let value)?: return .float(-value)
    case nil: throw wrong(value, expected: "a number after '-'")
    }
  }

  func positive(_ value: Value) throws(TemplateError) -> Value {
    switch number(value) {
    case .int(let value)?: return .int(value)
    case .float(let value)?: return .float(value)
    case nil: throw wrong(value, expected: "a number after '+'")
    }
  }
}

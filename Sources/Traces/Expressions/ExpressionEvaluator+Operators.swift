import Glibc

/// Arithmetic and comparisons with Python's meaning: `//` and `%` round down, `/` is exact division of floats.
extension ExpressionEvaluator {
  mutating func unary(_ symbol: String, _ value: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
    if symbol == "not" { return .bool(try !truth(of: value)) }
    let value = try scalar(value)
    switch (symbol, value) {
    case ("-", .float(let double)): return .float(-double)
    case ("+", .float): return value
    case (_, _):
      guard let integer = value.integer else { throw mismatch("\(symbol)", value) }
      switch symbol {
      case "-": return .int(try checked(0.subtractingReportingOverflow(integer)))
      case "~": return .int(~integer)
      default: return .int(integer)
      }
    }
  }

  private func mismatch(_ symbol: String, _ values: ExpressionValue...) -> ExpressionError {
    ExpressionError(.type, "\(symbol) is not defined for \(values.map(\.kind).joined(separator: " and "))")
  }

  private func checked(_ result: (partialValue: Int, overflow: Bool)) throws(ExpressionError) -> Int {
    if result.overflow { throw ExpressionError(.arithmetic, "an integer does not fit into 64 bits") }
    return result.partialValue
  }

  mutating func arithmetic(
    _ symbol: String, _ a: ExpressionValue, _ b: ExpressionValue
  ) throws(ExpressionError) -> ExpressionValue {
    if isTensor(a) || isTensor(b) {
      return try elementwise(a, b) { evaluator, x, y throws(ExpressionError) in try evaluator.arithmetic(symbol, x, y) }
    }
    if case (.sequence(let x), .sequence(let y)) = (a, b), symbol == "+" {
      try step(x.count + y.count)
      return .sequence(x + y)
    }
    if let x = a.integer, let y = b.integer { return try integers(symbol, x, y) }
    guard let x = a.number, let y = b.number else { throw mismatch(symbol, a, b) }
    return try floats(symbol, x, y)
  }

  private func isTensor(_ value: ExpressionValue) -> Bool { if case .tensor = value { true } else { false } }

  private func integers(_ symbol: String, _ x: Int, _ y: Int) throws(ExpressionError) -> ExpressionValue {
    switch symbol {
    case "+": return .int(try checked(x.addingReportingOverflow(y)))
    case "-": return .int(try checked(x.subtractingReportingOverflow(y)))
    case "*": return .int(try checked(x.multipliedReportingOverflow(by: y)))
    case "/", "//", "%":
      if y == 0 { throw ExpressionError(.arithmetic, "division by zero") }
      if symbol == "/" { return .float(Double(x) / Double(y)) }
      let quotient = try checked(x.dividedReportingOverflow(by: y))
      let remainder = x - quotient * y
      let isBelow = remainder != 0 && (remainder < 0) != (y < 0)
      return .int(symbol == "//" ? quotient - (isBelow ? 1 : 0) : remainder + (isBelow ? y : 0))
    case "**": return try power(x, y)
    case "&": return .int(x & y)
    case "|": return .int(x | y)
    case "^": return .int(x ^ y)
    case "<<", ">>":
      if y < 0 { throw ExpressionError(.arithmetic, "a shift by \(y)") }
      if symbol == ">>" { return .int(x >> y) }
      let shifted = x << y
      if y > 62 || shifted >> y != x { throw ExpressionError(.arithmetic, "an integer does not fit into 64 bits") }
      return .int(shifted)
    default: throw mismatch(symbol, .int(x), .int(y))
    }
  }

  private func power(_ base: Int, _ exponent: Int) throws(ExpressionError) -> ExpressionValue {
    if exponent < 0 {
      if base == 0 { throw ExpressionError(.arithmetic, "division by zero") }
      return .float(pow(Double(base), Double(exponent)))
    }
    switch base {
    case 0, 1: return .int(exponent == 0 ? 1 : base)
    case -1: return .int(exponent % 2 == 0 ? 1 : -1)
    default:
      if exponent > 63 { throw ExpressionError(.arithmetic, "an integer does not fit into 64 bits") }
      var result = 1
      for _ in 0..<exponent { result = try checked(result.multipliedReportingOverflow(by: base)) }
      return .int(result)
    }
  }

  private func floats(_ symbol: String, _ x: Double, _ y: Double) throws(ExpressionError) -> ExpressionValue {
    if y == 0, ["/", "//", "%"].contains(symbol) { throw ExpressionError(.arithmetic, "division by zero") }
    switch symbol {
    case "+": return .float(x + y)
    case "-": return .float(x - y)
    case "*": return .float(x * y)
    case "/": return .float(x / y)
    case "//", "%":
      // The remainder is exact, so the quotient is taken from it.
      let remainder = fmod(x, y)
      let isBelow = remainder != 0 && (remainder < 0) != (y < 0)
      if symbol == "%" { return .float(isBelow ? remainder + y : remainder) }
      return .float(((x - remainder) / y - (isBelow ? 1 : 0)).rounded())
    case "**":
      if x == 0, y < 0 { throw ExpressionError(.arithmetic, "division by zero") }
      let result = pow(x, y)
      if result.isNaN, !x.isNaN, !y.isNaN { throw ExpressionError(.arithmetic, "the power is no real number") }
      return .float(result)
    default: throw mismatch(symbol, .float(x), .float(y))
    }
  }

  // MARK: comparisons

  mutating func compare(
    _ symbol: String, _ a: ExpressionValue, _ b: ExpressionValue
  ) throws(ExpressionError) -> ExpressionValue {
    switch symbol {
    case "in", "not in": return .bool(try contains(b, a) == (symbol == "in"))
    case "is", "is not":
      var isSame = false
      if case (.none, .none) = (a, b) { isSame = true }
      if case (.bool(let x), .bool(let y)) = (a, b) { isSame = x == y }
      return .bool(isSame == (symbol == "is"))
    default: break
    }
    if isTensor(a) || isTensor(b) {
      return try elementwise(a, b) { evaluator, x, y throws(ExpressionError) in try evaluator.compare(symbol, x, y) }
    }
    switch symbol {
    case "==": return .bool(try equal(a, b))
    case "!=": return .bool(try !equal(a, b))
    case "<": return .bool(try precedes(a, b, symbol))
    case ">": return .bool(try precedes(b, a, symbol))
    case "<=", ">=":
      let isStrict = try symbol == "<=" ? precedes(a, b, symbol) : precedes(b, a, symbol)
      if isStrict { return .bool(true) }
      return .bool(try equal(a, b))
    default: throw mismatch(symbol, a, b)
    }
  }

  private mutating func contains(_ container: ExpressionValue, _ value: ExpressionValue) throws(ExpressionError) -> Bool
  {
    switch (container, value) {
    case (.sequence(let elements), _):
      for element in elements where try equal(element, value) { return true }
      return false
    case (.tensor(let view), _):
      for element in try elements(of: view) where try equal(element, value) { return true }
      return false
    case (.string(let text), .string(let part)): return text.contains(part)
    default: throw mismatch("in", value, container)
    }
  }

  private mutating func equal(_ a: ExpressionValue, _ b: ExpressionValue) throws(ExpressionError) -> Bool {
    try step()
    switch (try scalar(a), try scalar(b)) {
    case (.string(let x), .string(let y)): return x == y
    case (.none, .none): return true
    case (.sequence(let x), .sequence(let y)):
      if x.count != y.count { return false }
      for (p, q) in zip(x, y) where try !equal(p, q) { return false }
      return true
    case (let x, let y):
      if let p = x.integer, let q = y.integer { return p == q }
      if let p = x.number, let q = y.number { return p == q }
      return false
    }
  }

  private func precedes(_ a: ExpressionValue, _ b: ExpressionValue, _ symbol: String) throws(ExpressionError) -> Bool {
    if let x = a.integer, let y = b.integer { return x < y }
    if let x = a.number, let y = b.number { return x < y }
    if case (.string(let x), .string(let y)) = (a, b) { return x < y }
    throw mismatch(symbol, a, b)
  }

  /// The smaller of two values, for `min` and `max`.
  func isLess(_ a: ExpressionValue, _ b: ExpressionValue) throws(ExpressionError) -> Bool { try precedes(a, b, "<") }
}

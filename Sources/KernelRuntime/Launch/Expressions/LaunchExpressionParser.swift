/// Reads a launch expression into its program. Recursive descent; the depth is bounded.
struct LaunchExpressionParser {
  typealias Instruction = LaunchExpression.Instruction

  private enum Token: Equatable {
    case integer(Int)
    case word(String)
    case symbol(String)
    case end
  }

  private let text: String
  private let bytes: [UInt8]
  private var position = 0
  private var token = Token.end
  /// Column of `token`, from 1.
  private var place = 1
  private var depth = 0, height = 0
  private(set) var names: [String] = []
  private(set) var program: [Instruction] = []

  private static let depthLimit = 100
  private static let functions = ["min", "max", "ceildiv", "next_power_of_2", "select"]
  private static let words = ["and", "or", "not"]
  private static let reserved = [
    "if", "else", "in", "is", "lambda", "for", "None", "True", "False", "await", "yield",
  ]

  init(_ text: String) throws(LaunchExpressionError) {
    (self.text, bytes) = (text, Array(text.utf8))
    if bytes.count > LaunchExpression.lengthLimit {
      throw LaunchExpressionError(
        text, column: 1, "\(bytes.count) bytes; an expression has at most \(LaunchExpression.lengthLimit)")
    }
    try advance()
  }

  mutating func parseAll() throws(LaunchExpressionError) {
    try parseOr()
    if token != .end { throw failure("expected the end of the expression, found \(found)") }
  }

  // MARK: tokens

  private func failure(_ reason: String, at column: Int? = nil) -> LaunchExpressionError {
    LaunchExpressionError(text, column: column ?? place, reason)
  }

  private var found: String {
    switch token {
    case .integer(let value): "\(value)"
    case .word(let word): word
    case .symbol(let symbol): "'\(symbol)'"
    case .end: "the end"
    }
  }

  private mutating func advance() throws(LaunchExpressionError) {
    while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    place = position + 1
    guard position < bytes.count else {
      token = .end
      return
    }
    let start = position, first = bytes[position]
    if Self.isDigit(first) { return try advanceNumber() }
    if Self.isLetter(first) {
      while position < bytes.count, Self.isLetter(bytes[position]) || Self.isDigit(bytes[position]) { position += 1 }
      token = .word(String(decoding: bytes[start..<position], as: UTF8.self))
      return
    }
    for symbol in ["//", "<=", ">=", "==", "!=", "+", "-", "*", "%", "<", ">", "(", ")", ","]
    where bytes[start...].starts(with: symbol.utf8) {
      position += symbol.utf8.count
      if symbol == "*", position < bytes.count, bytes[position] == 0x2A {
        throw failure("there is no power operator **")
      }
      token = .symbol(symbol)
      return
    }
    if first == 0x2F { throw failure("division is // (rounding down); there is no /") }
    let scalar = String(decoding: bytes[start...], as: UTF8.self).unicodeScalars.first.map { Character($0) } ?? "?"
    throw failure("'\(scalar)' has no meaning here")
  }

  private mutating func advanceNumber() throws(LaunchExpressionError) {
    let start = position
    var value = 0
    while position < bytes.count, Self.isDigit(bytes[position]) || bytes[position] == 0x5F {
      defer { position += 1 }
      if bytes[position] == 0x5F { continue }
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, carries) = product.addingReportingOverflow(Int(bytes[position] - 0x30))
      if overflows || carries { throw failure("the number does not fit 64 bits", at: start + 1) }
      value = sum
    }
    if position < bytes.count, Self.isLetter(bytes[position]) || bytes[position] == 0x2E {
      throw failure("a number is a decimal integer", at: start + 1)
    }
    token = .integer(value)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte == 0x5F
  }

  private mutating func eat(_ symbol: String) throws(LaunchExpressionError) -> Bool {
    guard token == .symbol(symbol) else { return false }
    try advance()
    return true
  }

  private mutating func expect(_ symbol: String) throws(LaunchExpressionError) {
    if try !eat(symbol) { throw failure("expected '\(symbol)', found \(found)") }
  }

  // MARK: the program

  /// Appends an instruction that leaves the stack higher by `growth`.
  private mutating func emit(_ code: Instruction.Code, growth: Int, at place: Int) throws(LaunchExpressionError) {
    height += growth
    if height > LaunchExpression.stackLimit {
      throw failure("more than \(LaunchExpression.stackLimit) values are held at a time", at: place)
    }
    program.append(Instruction(code: code, place: place))
  }

  /// Makes the jump at `index` lead to the next instruction.
  private mutating func land(_ index: Int) {
    switch program[index].code {
    case .jumpIfFalse: program[index].code = .jumpIfFalse(program.count)
    case .jumpIfTrue: program[index].code = .jumpIfTrue(program.count)
    case .skipIfFalse: program[index].code = .skipIfFalse(program.count)
    case .jump: program[index].code = .jump(program.count)
    default: break
    }
  }

  private mutating func nested(
    _ body: (inout LaunchExpressionParser) throws(LaunchExpressionError) -> Void
  ) throws(LaunchExpressionError) {
    depth += 1
    if depth > Self.depthLimit { throw failure("nested deeper than \(Self.depthLimit) levels") }
    try body(&self)
    depth -= 1
  }

  // MARK: the grammar, loosest first

  private mutating func parseOr() throws(LaunchExpressionError) {
    try nested { (parser) throws(LaunchExpressionError) in
      try parser.logical("or", .jumpIfTrue(0)) { (parser) throws(LaunchExpressionError) in
        try parser.logical("and", .jumpIfFalse(0)) { (parser) throws(LaunchExpressionError) in
          try parser.parseNot()
        }
      }
    }
  }

  /// `a word b word c`: each jump leaves with the value that decided.
  private mutating func logical(
    _ word: String, _ jump: Instruction.Code,
    _ operand: (inout LaunchExpressionParser) throws(LaunchExpressionError) -> Void
  ) throws(LaunchExpressionError) {
    try operand(&self)
    var jumps: [Int] = []
    while token == .word(word) {
      jumps.append(program.count)
      try emit(jump, growth: -1, at: place)
      try advance()
      try operand(&self)
    }
    for index in jumps { land(index) }
  }

  private mutating func parseNot() throws(LaunchExpressionError) {
    guard token == .word("not") else { return try parseComparison() }
    let place = place
    try advance()
    try nested { (parser) throws(LaunchExpressionError) in try parser.parseNot() }
    try emit(.not, growth: 0, at: place)
  }

  private static let comparisons: [String: Instruction.Comparison] = [
    "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual, "==": .equal, "!=": .notEqual,
  ]

  private var comparison: Instruction.Comparison? {
    if case .symbol(let symbol) = token { Self.comparisons[symbol] } else { nil }
  }

  private mutating func parseComparison() throws(LaunchExpressionError) {
    try parseSum()
    var jumps: [Int] = []
    while let comparison {
      let place = place
      try advance()
      try parseSum()
      guard self.comparison != nil else {
        try emit(comparison.code, growth: -1, at: place)
        break
      }
      // a < b < c is a < b and b < c, with b computed once: [b, a < b], and on with b when true.
      try emit(.chained(comparison), growth: 0, at: place)
      jumps.append(program.count)
      try emit(.jumpIfFalse(0), growth: -1, at: place)
    }
    guard !jumps.isEmpty else { return }
    // All links held: over the place where those that did not drop what they kept.
    let over = program.count
    try emit(.jump(0), growth: 0, at: place)
    for index in jumps { land(index) }
    try emit(.dropSecond, growth: 0, at: place)
    land(over)
  }

  private mutating func parseSum() throws(LaunchExpressionError) {
    try parseProduct()
    while true {
      let place = place
      if try eat("+") {
        try parseProduct()
        try emit(.add, growth: -1, at: place)
      } else if try eat("-") {
        try parseProduct()
        try emit(.subtract, growth: -1, at: place)
      } else {
        return
      }
    }
  }

  private mutating func parseProduct() throws(LaunchExpressionError) {
    try parseSigned()
    while true {
      let place = place
      if try eat("*") {
        try parseSigned()
        try emit(.multiply, growth: -1, at: place)
      } else if try eat("//") {
        try parseSigned()
        try emit(.floorDivide, growth: -1, at: place)
      } else if try eat("%") {
        try parseSigned()
        try emit(.modulo, growth: -1, at: place)
      } else {
        return
      }
    }
  }

  private mutating func parseSigned() throws(LaunchExpressionError) {
    let place = place
    if try eat("-") {
      try nested { (parser) throws(LaunchExpressionError) in try parser.parseSigned() }
      try emit(.negate, growth: 0, at: place)
    } else if try eat("+") {
      try nested { (parser) throws(LaunchExpressionError) in try parser.parseSigned() }
    } else {
      try parseOperand()
    }
  }

  private mutating func parseOperand() throws(LaunchExpressionError) {
    let place = place
    if try eat("(") {
      try parseOr()
      return try expect(")")
    }
    switch token {
    case .integer(let value):
      try advance()
      try emit(.constant(value), growth: 1, at: place)
    case .word(let word) where Self.functions.contains(word):
      try advance()
      try expect("(")
      try parseCall(of: word, at: place)
    case .word(let word) where !Self.words.contains(word) && !Self.reserved.contains(word):
      try advance()
      if token == .symbol("(") {
        throw failure("there is no function \(word); there are \(Self.functions.joined(separator: ", "))", at: place)
      }
      let index = names.firstIndex(of: word) ?? names.count
      if index == names.count { names.append(word) }
      try emit(.name(index), growth: 1, at: place)
    default:
      throw failure("expected a number, a name or '(', found \(found)")
    }
  }

  /// The arguments and the closing parenthesis.
  private mutating func parseCall(of function: String, at place: Int) throws(LaunchExpressionError) {
    if function == "select" { return try parseSelect() }
    var count = 0
    repeat {
      try parseOr()
      count += 1
      if count > 1, function == "min" || function == "max" {
        try emit(function == "min" ? .minimum : .maximum, growth: -1, at: place)
      }
    } while try eat(",")
    try expect(")")
    switch function {
    case "ceildiv":
      if count != 2 { throw failure("ceildiv takes 2 arguments, not \(count)", at: place) }
      try emit(.ceilingDivide, growth: -1, at: place)
    case "next_power_of_2":
      if count != 1 { throw failure("next_power_of_2 takes 1 argument, not \(count)", at: place) }
      try emit(.nextPowerOf2, growth: 0, at: place)
    default:
      if count < 2 { throw failure("\(function) takes 2 arguments or more, not \(count)", at: place) }
    }
  }

  private mutating func parseSelect() throws(LaunchExpressionError) {
    try parseOr()
    try expect(",")
    let skip = program.count
    try emit(.skipIfFalse(0), growth: -1, at: place)
    try parseOr()
    try expect(",")
    let jump = program.count
    try emit(.jump(0), growth: -1, at: place)
    land(skip)
    try parseOr()
    land(jump)
    try expect(")")
  }
}

extension LaunchExpression.Instruction.Comparison {
  fileprivate var code: LaunchExpression.Instruction.Code {
    switch self {
    case .less: .less
    case .lessOrEqual: .lessOrEqual
    case .greater: .greater
    case .greaterOrEqual: .greaterOrEqual
    case .equal: .equal
    case .notEqual: .notEqual
    }
  }
}

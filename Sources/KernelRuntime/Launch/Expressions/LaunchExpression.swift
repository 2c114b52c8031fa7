/// An expression of a launch plan: integers computed from axes, `let`s and facts of the device.
///
///     let grid = try LaunchExpression(parsing: "ceildiv(batch_size * num_kv_heads, 4)")
///     try grid.evaluate { ["batch_size": 3, "num_kv_heads": 8][$0] }     // 6
///
/// Python's syntax and meaning (docs/gpu-kernels.md): integers, names, `+ - * // %`, comparisons and their chains, `and or
/// not`, parentheses, `min max ceildiv next_power_of_2 select`. Division rounds down; a comparison is 1 or 0; `and`, `or`
/// and `select` compute only the operand that they need. Integers are 64 bits: overflow is an error, never a wrong value.
///
/// Invariant: the program is a postfix form that needs at most `stackLimit` values at a time and jumps forward only, so
/// that evaluating takes no longer than the text is.
public struct LaunchExpression: Sendable, Hashable, CustomStringConvertible {
  /// The text that was parsed.
  public let text: String
  /// The names it uses, in the order of their first use.
  public let names: [String]
  let program: [Instruction]

  /// Values that an evaluation holds at a time.
  static let stackLimit = 32
  /// Bytes of a text; a launch plan has nothing near that.
  public static let lengthLimit = 4096

  /// One step. `place` is the column of the operator or name in the text, from 1.
  struct Instruction: Sendable, Hashable {
    enum Code: Sendable, Hashable {
      case constant(Int)
      /// Position in a table of names: in `names`, or wherever `numbered` put it.
      case name(Int)
      case negate, not
      case add, subtract, multiply, floorDivide, modulo
      case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual
      case minimum, maximum, ceilingDivide, nextPowerOf2
      /// Goes to an instruction when the top is false (or true), keeping it; else drops it and goes on.
      case jumpIfFalse(Int), jumpIfTrue(Int)
      /// Drops the top; goes to an instruction when it was false.
      case skipIfFalse(Int)
      case jump(Int)
      /// A link of a chain `a < b < c`: replaces a, b by whether a < b and b in reverse, so that b can be compared again.
      case chained(Comparison)
      /// Drops the second of the two topmost values.
      case dropSecond
    }
    enum Comparison: Sendable, Hashable { case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual }
    var code: Code
    let place: Int
  }

  /// - Throws: with the column, when the text is not such an expression.
  public init(parsing text: String) throws(LaunchExpressionError) {
    var parser = try LaunchExpressionParser(text)
    try parser.parseAll()
    (self.text, names, program) = (text, parser.names, parser.program)
  }

  init(text: String, names: [String], program: [Instruction]) {
    (self.text, self.names, self.program) = (text, names, program)
  }

  /// A number.
  public init(_ value: Int) {
    self.init(text: String(value), names: [], program: [Instruction(code: .constant(value), place: 1)])
  }

  /// The value when it needs no names.
  public var constant: Int? { names.isEmpty ? try? evaluate { _ in nil } : nil }

  public var description: String { text }
  public static func == (a: LaunchExpression, b: LaunchExpression) -> Bool { a.text == b.text }
  public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// What is wrong with a launch expression, and where.
public struct LaunchExpressionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The whole expression.
  public let text: String
  /// Column from 1, in bytes.
  public let column: Int
  public let reason: String

  public init(_ text: String, column: Int, _ reason: String) {
    (self.text, self.column, self.reason) = (text, column, reason)
  }

  public var description: String { "\"\(text.prefix(200))\", column \(column): \(reason)" }
}

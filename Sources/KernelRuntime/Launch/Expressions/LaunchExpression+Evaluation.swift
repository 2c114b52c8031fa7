extension LaunchExpression {
  /// The value, with names looked up by the caller.
  /// - Throws: with the column, for a name that is not known, a division by zero and an overflow.
  public func evaluate(_ value: (String) -> Int?) throws(LaunchExpressionError) -> Int {
    try run { index, place throws(LaunchExpressionError) in
      guard let found = value(names[index]) else {
        throw LaunchExpressionError(text, column: place, "\(names[index]) is no axis, let or fact of the device")
      }
      return found
    }
  }

  /// Whether the value is not 0, as in `when` and `requires`.
  /// - Throws: what `evaluate` throws.
  public func holds(_ value: (String) -> Int?) throws(LaunchExpressionError) -> Bool { try evaluate(value) != 0 }

  /// The same expression with each name replaced by its number in a table of values, for `evaluate(in:)`.
  /// - Throws: with the column, for a name that the table lacks.
  func numbered(_ number: (String) -> Int?) throws(LaunchExpressionError) -> LaunchExpression {
    var program = program
    for index in program.indices {
      guard case .name(let name) = program[index].code else { continue }
      guard let position = number(names[name]) else {
        throw LaunchExpressionError(
          text, column: program[index].place, "\(names[name]) is no axis, earlier let or fact of the device")
      }
      program[index].code = .name(position)
    }
    let result = LaunchExpression(text: text, names: names, program: program)
    if let constant {
      return LaunchExpression(text: text, names: [], program: [.init(code: .constant(constant), place: 1)])
    }
    return result
  }

  /// The value of an expression that `numbered` made.
  /// - Precondition: the table has the numbers that it was given.
  @inline(__always)
  func evaluate(in table: UnsafePointer<Int>) throws(LaunchExpressionError) -> Int {
    if program.count == 1 {  // a number or a name: most parts of a grid
      if case .constant(let value) = program[0].code { return value }
      if case .name(let index) = program[0].code { return table[index] }
    }
    return try run { index, _ throws(LaunchExpressionError) in table[index] }
  }

  private func run(
    _ value: (Int, Int) throws(LaunchExpressionError) -> Int
  ) throws(LaunchExpressionError) -> Int {
    var stack = InlineArray<32, Int>(repeating: 0)  // stackLimit
    var height = 0, next = 0
    while next < program.count {
      let instruction = program[next]
      next += 1
      switch instruction.code {
      case .constant(let number):
        stack[height] = number
        height += 1
      case .name(let index):
        stack[height] = try value(index, instruction.place)
        height += 1
      case .negate:
        stack[height - 1] = try checked(0.subtractingReportingOverflow(stack[height - 1]), instruction)
      case .not: stack[height - 1] = stack[height - 1] == 0 ? 1 : 0
      case .nextPowerOf2: stack[height - 1] = try nextPowerOf2(stack[height - 1], instruction)
      case .jumpIfFalse(let target):
        if stack[height - 1] == 0 { next = target } else { height -= 1 }
      case .jumpIfTrue(let target):
        if stack[height - 1] != 0 { next = target } else { height -= 1 }
      case .skipIfFalse(let target):
        height -= 1
        if stack[height] == 0 { next = target }
      case .jump(let target): next = target
      case .chained(let comparison):
        let holds = Self.holds(comparison, stack[height - 2], stack[height - 1])
        stack[height - 2] = stack[height - 1]
        stack[height - 1] = holds ? 1 : 0
      case .dropSecond:
        stack[height - 2] = stack[height - 1]
        height -= 1
      default:
        stack[height - 2] = try binary(instruction, stack[height - 2], stack[height - 1])
        height -= 1
      }
    }
    return stack[0]
  }

  private func binary(_ instruction: Instruction, _ a: Int, _ b: Int) throws(LaunchExpressionError) -> Int {
    switch instruction.code {
    case .add: try checked(a.addingReportingOverflow(b), instruction)
    case .subtract: try checked(a.subtractingReportingOverflow(b), instruction)
    case .multiply: try checked(a.multipliedReportingOverflow(by: b), instruction)
    case .floorDivide: try floorDivision(a, b, instruction).quotient
    case .modulo: try floorDivision(a, b, instruction).remainder
    case .ceilingDivide: try ceilingDivision(a, b, instruction)
    case .minimum: min(a, b)
    case .maximum: max(a, b)
    case .less: a < b ? 1 : 0
    case .lessOrEqual: a <= b ? 1 : 0
    case .greater: a > b ? 1 : 0
    case .greaterOrEqual: a >= b ? 1 : 0
    case .equal: a == b ? 1 : 0
    default: a != b ? 1 : 0
    }
  }

  private static func holds(_ comparison: Instruction.Comparison, _ a: Int, _ b: Int) -> Bool {
    switch comparison {
    case .less: a < b
    case .lessOrEqual: a <= b
    case .greater: a > b
    case .greaterOrEqual: a >= b
    case .equal: a == b
    case .notEqual: a != b
    }
  }

  private func checked(
    _ result: (partialValue: Int, overflow: Bool), _ instruction: Instruction
  ) throws(LaunchExpressionError) -> Int {
    if result.overflow {
      throw LaunchExpressionError(text, column: instruction.place, "the value does not fit 64 bits")
    }
    return result.partialValue
  }

  /// Python's: the remainder has the divisor's sign.
  private func floorDivision(
    _ a: Int, _ b: Int, _ instruction: Instruction
  ) throws(LaunchExpressionError) -> (quotient: Int, remainder: Int) {
    if b == 0 { throw LaunchExpressionError(text, column: instruction.place, "\(a) is divided by zero") }
    if b == -1 { return (try checked(0.subtractingReportingOverflow(a), instruction), 0) }
    let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
    return remainder != 0 && (remainder < 0) != (b < 0) ? (quotient - 1, remainder + b) : (quotient, remainder)
  }

  private func ceilingDivision(_ a: Int, _ b: Int, _ instruction: Instruction) throws(LaunchExpressionError) -> Int {
    let (quotient, remainder) = try floorDivision(a, b, instruction)
    return remainder == 0 ? quotient : quotient + 1
  }

  /// The smallest power of two that is not less; 1 for what is below 1.
  private func nextPowerOf2(_ value: Int, _ instruction: Instruction) throws(LaunchExpressionError) -> Int {
    if value <= 1 { return 1 }
    if value > 1 << 62 {
      throw LaunchExpressionError(text, column: instruction.place, "the value does not fit 64 bits")
    }
    return 1 << (Int.bitWidth - (value - 1).leadingZeroBitCount)
  }
}

/// Operators between values, without a level of recursion for each level of precedence: a nested expression costs few
/// stack frames.
extension Parser {
  /// From the loosest to the tightest.
  private enum Precedence: Int {
    case or, and, not, comparison, sum, concatenation, product, power
  }

  private struct Operator {
    let precedence: Precedence
    var symbol = Symbol.plus
    var comparison = Comparison.equal
    let line: Int
  }

  mutating func parseOperation() throws(TemplateError) -> Expression {
    var operands: [Expression] = [], operators: [Operator] = []
    while true {
      // `not` stands before an operand of `or` and `and` only.
      while (operators.last?.precedence.rawValue ?? 0) <= Precedence.not.rawValue, at(name: "not") {
        operators.append(Operator(precedence: .not, line: line))
        advance()
      }
      operands.append(try parseUnary())
      let next = eatOperator()
      while let top = operators.last, top.precedence.rawValue > next?.precedence.rawValue ?? -1 {
        try reduce(&operands, &operators, top)
      }
      guard let next else { return operands[0] }
      operators.append(next)
    }
  }

  /// Makes one node of the topmost operators of one precedence.
  private func reduce(
    _ operands: inout [Expression], _ operators: inout [Operator], _ top: Operator
  ) throws(TemplateError) {
    if top.precedence == .not {
      operators.removeLast()
      operands.append(try make(.not(operands.removeLast()), line: top.line))
      return
    }
    var count = 0
    while count < operators.count, operators[operators.count - 1 - count].precedence == top.precedence { count += 1 }
    let applied = operators.suffix(count)
    let values = Array(operands.suffix(count + 1))
    operators.removeLast(count)
    operands.removeLast(count + 1)
    let kind: Expression.Kind =
      switch top.precedence {
      case .or: .or(values)
      case .and: .and(values)
      case .concatenation: .concatenation(values)
      case .comparison: .comparison(values[0], zip(applied, values.dropFirst()).map { ($0.comparison, $1) })
      default: .arithmetic(values[0], zip(applied, values.dropFirst()).map { ($0.symbol, $1) })
      }
    operands.append(try make(kind, line: values[0].line))
  }

  private mutating func eatOperator() -> Operator? {
    let line = line
    switch current.kind {
    case .name("or"):
      advance()
      return Operator(precedence: .or, line: line)
    case .name("and"):
      advance()
      return Operator(precedence: .and, line: line)
    case .symbol(let symbol):
      let precedence: Precedence
      switch symbol {
      case .plus, .minus: precedence = .sum
      case .tilde: precedence = .concatenation
      case .star, .slash, .doubleSlash, .percent: precedence = .product
      case .power: precedence = .power
      default: return eatComparison().map { Operator(precedence: .comparison, comparison: $0, line: line) }
      }
      advance()
      return Operator(precedence: precedence, symbol: symbol, line: line)
    default: return eatComparison().map { Operator(precedence: .comparison, comparison: $0, line: line) }
    }
  }

  private mutating func eatComparison() -> Comparison? {
    let comparison: Comparison
    switch current.kind {
    case .symbol(.equal): comparison = .equal
    case .symbol(.notEqual): comparison = .notEqual
    case .symbol(.less): comparison = .less
    case .symbol(.lessOrEqual): comparison = .lessOrEqual
    case .symbol(.greater): comparison = .greater
    case .symbol(.greaterOrEqual): comparison = .greaterOrEqual
    case .name("in"): comparison = .isIn
    case .name("not"):
      guard index + 1 < tokens.count, case .name("in") = tokens[index + 1].kind else { return nil }
      advance()
      comparison = .isNotIn
    default: return nil
    }
    advance()
    return comparison
  }
}

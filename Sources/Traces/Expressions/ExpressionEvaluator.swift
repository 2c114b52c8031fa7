/// Computes a parsed Python expression with bounded work. No code runs: names are looked up, a fixed set of operators,
/// attributes and functions is known, and everything else is an error that says so.
///
///     var evaluator = ExpressionEvaluator(names: names)
///     try evaluator.holds(PythonExpression(parsing: "total_q == qo_indptr[-1].item()"))
///
/// Known: `+ - * / // % **`, comparisons and their chains, `and or not in is`, conditional expressions, indexing and slicing,
/// `.shape` and `.ndim` of tensors, their `.item() .numel() .dim() .size() .min() .max() .sum() .all() .any()`, and
/// `len min max abs sum all any int float bool`. Integers are 64 bits: overflow is an error, never a wrong value.
public struct ExpressionEvaluator {
  /// Nodes and elements that one evaluator may visit.
  public static let stepLimit = 4_000_000
  let names: any ExpressionNames
  private var steps = 0

  public init(names: any ExpressionNames) { self.names = names }

  /// Whether the expression is true in Python's sense.
  public mutating func holds(_ expression: PythonExpression) throws(ExpressionError) -> Bool {
    try truth(of: evaluate(expression.root))
  }

  public mutating func evaluate(_ expression: PythonExpression) throws(ExpressionError) -> ExpressionValue {
    try evaluate(expression.root)
  }

  mutating func step(_ count: Int = 1) throws(ExpressionError) {
    steps += count
    if steps > Self.stepLimit {
      throw ExpressionError(.limit, "the expression takes more than \(Self.stepLimit) steps")
    }
  }

  // The depth is bounded by the parser's limit on tokens.
  mutating func evaluate(_ node: PythonExpression.Node) throws(ExpressionError) -> ExpressionValue {
    try step()
    switch node {
    case .int(let value): return .int(value)
    case .float(let value): return .float(value)
    case .bool(let value): return .bool(value)
    case .none: return .none
    case .string(let text): return .string(text)
    case .name(let name):
      guard let value = names.value(named: name) else {
        throw ExpressionError(.unknownName, "\"\(name)\" is no axis, input or scalar of this call")
      }
      return value
    case .tuple(let elements), .list(let elements):
      var values: [ExpressionValue] = []
      for element in elements { values.append(try evaluate(element)) }
      return .sequence(values)
    case .unary(let symbol, let operand): return try unary(symbol, evaluate(operand))
    case .binary(let symbol, let left, let right): return try arithmetic(symbol, evaluate(left), evaluate(right))
    case .comparison(let first, let rest): return try chain(first, rest)
    case .logical(let word, let operands): return try logical(word, operands)
    case .conditional(let condition, let then, let otherwise):
      return try truth(of: evaluate(condition)) ? evaluate(then) : evaluate(otherwise)
    case .attribute(let base, let name): return try attribute(name, of: evaluate(base))
    case .item(let base, let index): return try item(of: evaluate(base), evaluate(index))
    case .slice(let base, let lower, let upper, let step): return try slice(base, lower, upper, step)
    case .call(let callee, let arguments): return try call(callee, arguments)
    case .unsupported(let what): throw ExpressionError(.unsupported, "\(what) is not evaluated here")
    }
  }

  // MARK: truth

  mutating func truth(of value: ExpressionValue) throws(ExpressionError) -> Bool {
    switch value {
    case .bool(let bool): return bool
    case .int(let int): return int != 0
    case .float(let double): return double != 0
    case .string(let text): return !text.isEmpty
    case .none: return false
    case .sequence(let elements): return !elements.isEmpty
    case .tensor(let view):
      if view.count != 1 {
        throw ExpressionError(.type, "a tensor of \(view.count) elements is neither true nor false; use all() or any()")
      }
      return try truth(of: element(of: view, at: 0))
    }
  }

  private mutating func logical(_ word: String, _ operands: [PythonExpression.Node]) throws(ExpressionError)
    -> ExpressionValue
  {
    var value = ExpressionValue.bool(word == "and")
    for operand in operands {
      value = try evaluate(operand)
      if try truth(of: value) == (word == "or") { return value }
    }
    return value
  }

  private mutating func chain(
    _ first: PythonExpression.Node, _ rest: [PythonExpression.Comparison]
  ) throws(ExpressionError) -> ExpressionValue {
    var left = try evaluate(first)
    var result = ExpressionValue.bool(true)
    for comparison in rest {
      let right = try evaluate(comparison.operand)
      result = try compare(comparison.symbol, left, right)
      // A single comparison of tensors stays a tensor; a chain needs a truth value at each link.
      if rest.count > 1, try !truth(of: result) { return .bool(false) }
      left = right
    }
    return result
  }

  // MARK: tensors

  mutating func element(of view: TensorView, at position: Int) throws(ExpressionError) -> ExpressionValue {
    try step()
    guard let value = view.element(at: position) else {
      throw ExpressionError(.unreadableTensor, "the elements of this tensor are not readable here, only its shape is")
    }
    return value
  }

  /// All elements of a view, in row-major order.
  mutating func elements(of view: TensorView) throws(ExpressionError) -> [ExpressionValue] {
    let count = view.count
    if count > Self.stepLimit {
      throw ExpressionError(.limit, "a tensor of \(count) elements is too large to go through")
    }
    var values: [ExpressionValue] = []
    for position in 0..<count { values.append(try element(of: view, at: position)) }
    return values
  }

  /// A tensor's only element as a plain value; other values as they are.
  mutating func scalar(_ value: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
    guard case .tensor(let view) = value, view.count == 1 else { return value }
    return try element(of: view, at: 0)
  }

  /// Applies `body` to each element of one or two tensors of one shape, a plain value standing for all elements.
  mutating func elementwise(
    _ a: ExpressionValue, _ b: ExpressionValue,
    _ body: (inout ExpressionEvaluator, ExpressionValue, ExpressionValue) throws(ExpressionError) -> ExpressionValue
  ) throws(ExpressionError) -> ExpressionValue {
    var lists: [[ExpressionValue]?] = []
    var shape: [Int]?
    for value in [a, b] {
      guard case .tensor(let view) = value else {
        lists.append(nil)
        continue
      }
      if let shape, shape != view.shape {
        throw ExpressionError(.type, "tensors of the shapes \(shape) and \(view.shape) do not go together here")
      }
      shape = view.shape
      lists.append(try elements(of: view))
    }
    let count = lists.compactMap { $0?.count }.first ?? 0
    var values: [ExpressionValue] = []
    for i in 0..<count { values.append(try body(&self, lists[0]?[i] ?? a, lists[1]?[i] ?? b)) }
    guard let view = TensorView(ComputedTensor(shape: shape ?? [count], values: values)) else {
      throw ExpressionError(.limit, "the result is too large")
    }
    return .tensor(view)
  }
}

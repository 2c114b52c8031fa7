/// Attributes, indexing and the known functions.
extension ExpressionEvaluator {
  mutating func attribute(_ name: String, of value: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
    guard case .tensor(let view) = value else {
      throw ExpressionError(.unsupported, "\(value.kind) has no attribute \(name) here")
    }
    switch name {
    case "shape": return .sequence(view.shape.map { .int($0) })
    case "ndim": return .int(view.shape.count)
    default: throw ExpressionError(.unsupported, "a tensor has no attribute \(name) here; known are shape and ndim")
    }
  }

  mutating func item(of base: ExpressionValue, _ index: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
    let index = try scalar(index)
    if case .sequence(let indices) = index {
      guard case .tensor = base else { throw ExpressionError(.type, "only a tensor takes several indices") }
      var value = base
      for index in indices { value = try item(of: value, index) }
      return value
    }
    guard let position = index.integer else {
      throw ExpressionError(.type, "an index is an integer, not \(index.kind)")
    }
    switch base {
    case .sequence(let elements):
      let at = position < 0 ? position + elements.count : position
      guard elements.indices.contains(at) else {
        throw ExpressionError(.index, "the index \(position) is outside a sequence of \(elements.count)")
      }
      return elements[at]
    case .tensor(let view):
      guard let part = view.item(position) else {
        throw ExpressionError(.index, "the index \(position) is outside a tensor of the shape \(view.shape)")
      }
      return .tensor(part)
    default: throw ExpressionError(.type, "\(base.kind) cannot be indexed")
    }
  }

  mutating func slice(
    _ base: PythonExpression.Node, _ lower: PythonExpression.Node?, _ upper: PythonExpression.Node?,
    _ step: PythonExpression.Node?
  ) throws(ExpressionError) -> ExpressionValue {
    let value = try evaluate(base)
    let count: Int
    switch value {
    case .sequence(let elements): count = elements.count
    case .tensor(let view) where !view.shape.isEmpty: count = view.shape[0]
    default: throw ExpressionError(.type, "\(value.kind) cannot be sliced")
    }
    if count > Self.stepLimit { throw ExpressionError(.limit, "a dimension of \(count) is too large to slice") }
    let stride = try bound(step) ?? 1
    if stride <= 0 { throw ExpressionError(.unsupported, "a slice with the step \(stride) is not evaluated here") }
    func clamped(_ bound: Int?, _ fallback: Int) -> Int {
      guard let bound else { return fallback }
      return bound < 0 ? max(0, bound < -count ? 0 : bound + count) : min(bound, count)
    }
    let (from, to) = (clamped(try bound(lower), 0), clamped(try bound(upper), count))
    let range = from < to ? Array(Swift.stride(from: from, to: to, by: min(stride, count))) : []
    try self.step(range.count)
    switch value {
    case .sequence(let elements): return .sequence(range.map { elements[$0] })
    case .tensor(let view):
      guard let part = view.slice(range, step: min(stride, count)) else { break }
      return .tensor(part)
    default: break
    }
    throw ExpressionError(.type, "\(value.kind) cannot be sliced")
  }

  private mutating func bound(_ node: PythonExpression.Node?) throws(ExpressionError) -> Int? {
    guard let node else { return nil }
    let value = try scalar(evaluate(node))
    if case .none = value { return nil }
    guard let integer = value.integer else {
      throw ExpressionError(.type, "a slice's bound is an integer, not \(value.kind)")
    }
    return integer
  }

  // MARK: calls

  mutating func call(
    _ callee: PythonExpression.Node, _ arguments: [PythonExpression.Node]
  ) throws(ExpressionError) -> ExpressionValue {
    var values: [ExpressionValue] = []
    for argument in arguments { values.append(try evaluate(argument)) }
    switch callee {
    case .name(let name): return try function(name, values)
    case .attribute(let base, let name): return try method(name, of: evaluate(base), values)
    default: throw ExpressionError(.unsupported, "only named functions and methods are called here")
    }
  }

  private mutating func function(_ name: String, _ arguments: [ExpressionValue]) throws(ExpressionError)
    -> ExpressionValue
  {
    guard let first = arguments.first else { throw ExpressionError(.type, "\(name)() needs an argument") }
    let isVariadic = name == "min" || name == "max"
    if arguments.count > 1, !isVariadic { throw ExpressionError(.unsupported, "\(name)() takes one argument here") }
    switch name {
    case "len":
      switch first {
      case .sequence(let elements): return .int(elements.count)
      case .string(let text): return .int(text.unicodeScalars.count)
      case .tensor(let view) where !view.shape.isEmpty: return .int(view.shape[0])
      default: throw ExpressionError(.type, "\(first.kind) has no length")
      }
    case "min", "max": return try extreme(name, arguments.count > 1 ? arguments : members(of: first))
    case "sum": return try sum(members(of: first))
    case "all": return .bool(try allTrue(members(of: first)))
    case "any": return .bool(try anyTrue(members(of: first)))
    case "bool": return .bool(try truth(of: first))
    case "abs", "int", "float": return try conversion(name, scalar(first))
    default: throw ExpressionError(.unsupported, "the function \(name)() is not known here")
    }
  }

  private func conversion(_ name: String, _ value: ExpressionValue) throws(ExpressionError) -> ExpressionValue {
    guard let number = value.number else { throw ExpressionError(.type, "\(name)() of \(value.kind)") }
    switch (name, value.integer) {
    case ("abs", let integer?):
      if integer == .min { throw ExpressionError(.arithmetic, "an integer does not fit into 64 bits") }
      return .int(abs(integer))
    case ("abs", nil): return .float(abs(number))
    case ("int", let integer?): return .int(integer)
    case ("int", nil):
      guard let integer = Int(exactly: number.rounded(.towardZero)) else {
        throw ExpressionError(.arithmetic, "\(number) is no integer of 64 bits")
      }
      return .int(integer)
    default: return .float(number)
    }
  }

  private mutating func members(of value: ExpressionValue) throws(ExpressionError) -> [ExpressionValue] {
    switch value {
    case .sequence(let elements):
      try step(elements.count)
      return elements
    case .tensor(let view): return try elements(of: view)
    default: throw ExpressionError(.type, "\(value.kind) cannot be gone through")
    }
  }

  private mutating func extreme(_ name: String, _ values: [ExpressionValue]) throws(ExpressionError) -> ExpressionValue
  {
    guard var best = values.first else { throw ExpressionError(.type, "\(name)() of nothing") }
    best = try scalar(best)
    for value in values.dropFirst() {
      let value = try scalar(value)
      if try name == "min" ? isLess(value, best) : isLess(best, value) { best = value }
    }
    return best
  }

  private mutating func sum(_ values: [ExpressionValue]) throws(ExpressionError) -> ExpressionValue {
    var total = ExpressionValue.int(0)
    for value in values { total = try arithmetic("+", total, scalar(value)) }
    return total
  }

  private mutating func allTrue(_ values: [ExpressionValue]) throws(ExpressionError) -> Bool {
    for value in values where try !truth(of: value) { return false }
    return true
  }

  private mutating func anyTrue(_ values: [ExpressionValue]) throws(ExpressionError) -> Bool {
    for value in values where try truth(of: value) { return true }
    return false
  }

  private mutating func method(
    _ name: String, of value: ExpressionValue, _ arguments: [ExpressionValue]
  ) throws(ExpressionError) -> ExpressionValue {
    guard case .tensor(let view) = value else {
      // `.item()` of a plain number is the number: a constraint need not know which one it has.
      if name == "item", arguments.isEmpty, value.number != nil { return value }
      throw ExpressionError(.unsupported, "\(value.kind) has no method \(name)() here")
    }
    if name == "size", let axis = arguments.first {
      return try item(of: .sequence(view.shape.map { .int($0) }), axis)
    }
    if !arguments.isEmpty { throw ExpressionError(.unsupported, "\(name)() takes no arguments here") }
    switch name {
    case "item":
      if view.count != 1 { throw ExpressionError(.type, "item() of a tensor with \(view.count) elements") }
      return try element(of: view, at: 0)
    case "numel": return .int(view.count)
    case "dim": return .int(view.shape.count)
    case "size": return .sequence(view.shape.map { .int($0) })
    case "min", "max": return try extreme(name, elements(of: view))
    case "sum": return try sum(elements(of: view))
    case "all": return .bool(try allTrue(elements(of: view)))
    case "any": return .bool(try anyTrue(elements(of: view)))
    default: throw ExpressionError(.unsupported, "a tensor has no method \(name)() here")
    }
  }
}

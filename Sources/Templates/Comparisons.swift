/// Equality, order and membership.
extension Interpreter {
  func comparison(_ first: Expression, _ rest: [(Comparison, Expression)]) throws(TemplateError) -> Value {
    var left = try evaluate(first)
    for (comparison, operand) in rest {
      let right = try evaluate(operand)
      if try !holds(comparison, left, right) { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  func holds(_ comparison: Comparison, _ a: Value, _ b: Value) throws(TemplateError) -> Bool {
    switch comparison {
    case .equal: try equal(a, b)
    case .notEqual: try !equal(a, b)
    case .less: try precedes(a, b)
    case .greater: try precedes(b, a)
    case .lessOrEqual: try precedesOrEquals(a, b)
    case .greaterOrEqual: try precedesOrEquals(b, a)
    case .isIn: try contains(b, a)
    case .isNotIn: try !contains(b, a)
    }
  }

  private func number(_ value: Value) -> Double? {
    switch value {
    case .bool(let value): value ? 1 : 0
    case .int(let value): Double(value)
    case .float(let value): value
    default: nil
    }
  }

  private func integer(_ value: Value) -> Int? {
    switch value {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    default: nil
    }
  }

  func equal(_ a: Value, _ b: Value) throws(TemplateError) -> Bool {
    try charge()
    if let a = integer(a), let b = integer(b) { return a == b }
    if let a = number(a), let b = number(b) { return a == b }
    switch (a, b) {
    case (.none, .none), (.undefined, .undefined): return true
    case (.numeral(let a), .numeral(let b)): return a == b
    case (.string(let a), .string(let b)):
      try charge(bytes: a.count == b.count ? a.count : 0)
      return a == b
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return try equal(a, b)
    case (.generator(let a), .generator(let b)): return a === b
    case (.dict(let a), .dict(let b)): return try equal(a, b)
    case (.namespace(let a), .namespace(let b)), (.macro(let a), .macro(let b)), (.loop(let a), .loop(let b)):
      return a == b
    case (.function(let a), .function(let b)): return a == b
    default: return false
    }
  }

  private func equal(_ a: ListValue, _ b: ListValue) throws(TemplateError) -> Bool {
    guard a.items.count == b.items.count else { return false }
    try enter()
    defer { leave() }
    for (x, y) in zip(a.items, b.items) where try !equal(x, y) { return false }
    return true
  }

  private func equal(_ a: DictValue, _ b: DictValue) throws(TemplateError) -> Bool {
    guard a.entries.count == b.entries.count else { return false }
    try enter()
    defer { leave() }
    for (key, value) in a.entries {
      guard let lookup = DictKey(key), let other = b.find(lookup), try equal(value, other) else { return false }
    }
    return true
  }

  /// `a < b`.
  func precedes(_ a: Value, _ b: Value) throws(TemplateError) -> Bool {
    try charge()
    if let a = integer(a), let b = integer(b) { return a < b }
    if let a = number(a), let b = number(b) { return a < b }
    switch (a, b) {
    case (.string(let a), .string(let b)):
      try charge(bytes: min(a.count, b.count))
      return a.bytes.lexicographicallyPrecedes(b.bytes)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      try enter()
      defer { leave() }
      for (x, y) in zip(a.items, b.items) where try !equal(x, y) { return try precedes(x, y) }
      return a.items.count < b.items.count
    case (.undefined, _), (_, .undefined):
      throw error(.undefined, "an order was asked of \((a.isUndefined ? a : b).described)")
    default: throw error(.type, "\(a.described) and \(b.described) have no order")
    }
  }

  private func precedesOrEquals(_ a: Value, _ b: Value) throws(TemplateError) -> Bool {
    if let a = number(a), let b = number(b), a.isNaN || b.isNaN { return false }
    return try !precedes(b, a)
  }

  /// `element in container`.
  func contains(_ container: Value, _ element: Value) throws(TemplateError) -> Bool {
    switch container {
    case .string(let text):
      guard case .string(let part) = element else { throw wrong(element, expected: "a string to look for in a string") }
      try charge(searching: text, for: part)
      return text.find(part) != nil
    case .list(let list), .tuple(let list), .generator(let list):
      for item in list.items where try equal(item, element) { return true }
      return false
    case .dict(let dict):
      try charge(dict.entries.count >> 3)
      guard let key = DictKey(element) else { throw error(.type, "\(element.described) cannot be a key of a dict") }
      return dict.find(key) != nil
    case .undefined: return false
    default: throw wrong(container, expected: "a list, dict or string after 'in'")
    }
  }

  /// A stable sort; `ascending` compares keys.
  func sorted(_ keyed: [(key: Value, value: Value)], reversed: Bool) throws(TemplateError) -> [Value] {
    var (source, target) = (keyed, keyed)
    var width = 1
    while width < keyed.count {
      var start = 0
      while start < keyed.count {
        let middle = min(start + width, keyed.count), end = min(start + 2 * width, keyed.count)
        var (i, j) = (start, middle)
        for k in start..<end {
          var takesRight = j < end && i >= middle
          if j < end, i < middle {
            takesRight = try precedes(source[reversed ? i : j].key, source[reversed ? j : i].key)
          }
          target[k] = source[takesRight ? j : i]
          if takesRight { j += 1 } else { i += 1 }
        }
        start = end
      }
      swap(&source, &target)
      width *= 2
    }
    return source.map(\.value)
  }
}

/// `value is name(…)`.
extension Interpreter {
  func applyTest(_ name: String, to value: Value, _ arguments: Arguments) throws(TemplateError) -> Bool {
    if let comparison = Self.comparisons[name] {
      return try holds(
        comparison, value, try needed(try bind(arguments, "other", of: name)[0], "the argument of '\(name)'"))
    }
    switch name {
    case "divisibleby", "sameas": return try binaryTest(name, value, arguments)
    case "filter", "test": break
    default:
      if let result = try kindTest(name, value) {
        _ = try bind(arguments, of: name)
        return result
      }
    }
    throw error(.undefined, "there is no test '\(name)'")
  }

  private static let comparisons: [String: Comparison] = [
    "==": .equal, "eq": .equal, "equalto": .equal, "!=": .notEqual, "ne": .notEqual, ">": .greater, "gt": .greater,
    "greaterthan": .greater, ">=": .greaterOrEqual, "ge": .greaterOrEqual, "<": .less, "lt": .less, "lessthan": .less,
    "<=": .lessOrEqual, "le": .lessOrEqual, "in": .isIn,
  ]

  private func binaryTest(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Bool {
    let other = try needed(try bind(arguments, "other", of: name)[0], "the argument of '\(name)'")
    if name == "divisibleby" { return try equal(try apply(.percent, value, other), .int(0)) }
    switch (value, other) {
    case (.bool, .bool), (.int, .int), (.none, .none), (.string, .string): return try equal(value, other)
    case (.list(let a), .list(let b)): return a === b
    case (.dict(let a), .dict(let b)): return a === b
    case (.namespace(let a), .namespace(let b)): return a == b
    default: return false
    }
  }

  private func kindTest(_ name: String, _ value: Value) throws(TemplateError) -> Bool? {
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "none": if case .none = value { return true } else { return false }
    case "boolean": if case .bool = value { return true } else { return false }
    case "true": if case .bool(true) = value { return true } else { return false }
    case "false": if case .bool(false) = value { return true } else { return false }
    case "string": if case .string = value { return true } else { return false }
    case "mapping": if case .dict = value { return true } else { return false }
    case "float": if case .float = value { return true } else { return false }
    case "integer":
      switch value {
      case .int, .numeral: return true
      default: return false
      }
    case "number":
      switch value {
      case .int, .numeral, .float, .bool: return true
      default: return false
      }
    case "iterable", "sequence":
      switch value {
      case .string, .list, .tuple, .dict, .undefined: return true
      case .generator, .loop: return name == "iterable"
      default: return false
      }
    case "callable":
      switch value {
      case .macro, .function, .method: return true
      default: return false
      }
    case "even", "odd":
      return try equal(try apply(.percent, value, .int(2)), .int(name == "even" ? 0 : 1))
    case "lower": return try printed(value).allCased { $0.isLowercase }
    case "upper": return try printed(value).allCased { $0.isUppercase }
    case "escaped": return false
    default: return nil
    }
  }
}

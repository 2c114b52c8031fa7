/// The values given to a call.
struct Arguments {
  var positional: [Value] = []
  var named: [(name: String, value: Value)] = []
}

extension Interpreter {
  /// The values for parameters, by place or by name; nil for those not given.
  /// - Throws: `.type` for too many arguments, an unknown name, or two values for one parameter.
  func bind(_ arguments: Arguments, _ parameters: String..., of owner: String) throws(TemplateError) -> [Value?] {
    if arguments.positional.count > parameters.count {
      throw error(
        .type, "'\(owner)' takes at most \(parameters.count) arguments, found \(arguments.positional.count)")
    }
    var values: [Value?] = arguments.positional
    while values.count < parameters.count { values.append(nil) }
    for (name, value) in arguments.named {
      guard let at = parameters.firstIndex(of: name) else { throw error(.type, "'\(owner)' has no argument '\(name)'") }
      if values[at] != nil { throw error(.type, "'\(owner)' got two values for '\(name)'") }
      values[at] = value
    }
    return values
  }

  func integer(_ value: Value?, _ what: String) throws(TemplateError) -> Int? {
    switch value {
    case nil: return nil
    case .int(let value)?: return value
    case .bool(let value)?: return value ? 1 : 0
    case let value?: throw wrong(value, expected: "an integer for \(what)")
    }
  }

  /// As `integer`, with `none` counting as not given.
  func optionalInteger(_ value: Value?, _ what: String) throws(TemplateError) -> Int? {
    if case Value.none? = value { return nil }
    return try integer(value, what)
  }

  func text(_ value: Value?, _ what: String) throws(TemplateError) -> Text? {
    switch value {
    case nil, Value.none?: return nil
    case .string(let text)?: return text
    case let value?: throw wrong(value, expected: "a string for \(what)")
    }
  }

  func needed(_ value: Value?, _ what: String) throws(TemplateError) -> Value {
    guard let value else { throw error(.type, "\(what) is missing") }
    return value
  }
}

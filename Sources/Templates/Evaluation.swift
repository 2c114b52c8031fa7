/// Evaluating expressions.
extension Interpreter {
  func evaluate(_ expression: Expression) throws(TemplateError) -> Value {
    try charge()
    switch expression.kind {
    case .constant(let value): return value
    case .name(let name): return scope.find(name) ?? .undefined(.name(name))
    default: return try evaluateDeeper(expression)
    }
  }

  // The switch is divided so that a level of nesting takes little of the stack, in debug builds too.

  private func evaluateDeeper(_ expression: Expression) throws(TemplateError) -> Value {
    try enter()
    defer { leave() }
    line = expression.line
    switch expression.kind {
    case .constant, .name, .list, .tuple, .dictionary, .concatenation: return try evaluateMaking(expression.kind)
    case .arithmetic, .comparison, .negative, .positive: return try evaluateComputing(expression.kind)
    case .and, .or, .not, .conditional: return try evaluateDeciding(expression.kind)
    case .member, .item, .slice: return try evaluateReaching(expression.kind)
    case .call, .filter, .test: return try evaluateApplying(expression.kind)
    }
  }

  private func evaluateMaking(_ kind: Expression.Kind) throws(TemplateError) -> Value {
    switch kind {
    case .list(let elements): .list(try makeList(try evaluate(elements)))
    case .tuple(let elements): .tuple(try makeList(try evaluate(elements)))
    case .dictionary(let pairs): try dictionary(pairs)
    case .concatenation(let parts): try concatenation(parts)
    default: .undefined(.other)
    }
  }

  private func evaluateComputing(_ kind: Expression.Kind) throws(TemplateError) -> Value {
    switch kind {
    case .arithmetic(let first, let rest): try arithmetic(first, rest)
    case .comparison(let first, let rest): try comparison(first, rest)
    case .negative(let operand): try negative(try evaluate(operand))
    case .positive(let operand): try positive(try evaluate(operand))
    default: .undefined(.other)
    }
  }

  private func evaluateDeciding(_ kind: Expression.Kind) throws(TemplateError) -> Value {
    switch kind {
    case .and(let all): try firstOperand(of: all, whoseTruthIs: false)
    case .or(let all): try firstOperand(of: all, whoseTruthIs: true)
    case .not(let operand): .bool(!isTrue(try evaluate(operand)))
    case .conditional(let condition, let then, let otherwise): try conditional(condition, then, otherwise)
    default: .undefined(.other)
    }
  }

  private func evaluateReaching(_ kind: Expression.Kind) throws(TemplateError) -> Value {
    switch kind {
    case .member(let owner, let name): try member(name, of: try evaluate(owner))
    case .item(let owner, let key): try item(owner, key)
    case .slice(let owner, let from, let to, let by): try slice(owner, from, to, by)
    default: .undefined(.other)
    }
  }

  private func evaluateApplying(_ kind: Expression.Kind) throws(TemplateError) -> Value {
    switch kind {
    case .call(let callee, let arguments): try evaluateCall(callee, arguments)
    case .filter(let input, let invocation): try evaluateFilter(input, invocation)
    case .test(let input, let invocation, let negated): try evaluateTest(input, invocation, negated)
    default: .undefined(.other)
    }
  }

  func evaluate(_ expressions: [Expression]) throws(TemplateError) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  private func dictionary(_ pairs: [(key: Expression, value: Expression)]) throws(TemplateError) -> Value {
    var entries: [(key: Value, value: Value)] = []
    for pair in pairs { entries.append((try evaluate(pair.key), try evaluate(pair.value))) }
    return try makeDict(entries)
  }

  private func concatenation(_ parts: [Expression]) throws(TemplateError) -> Value {
    var result = builder()
    for part in parts { result.append(try printed(try evaluate(part))) }
    return .string(try finish(result))
  }

  private func firstOperand(of all: [Expression], whoseTruthIs wanted: Bool) throws(TemplateError) -> Value {
    var last = Value.none
    for operand in all {
      last = try evaluate(operand)
      if isTrue(last) == wanted { return last }
    }
    return last
  }

  private func conditional(
    _ condition: Expression, _ then: Expression, _ otherwise: Expression?
  ) throws(TemplateError) -> Value {
    if isTrue(try evaluate(condition)) { return try evaluate(then) }
    return if let otherwise { try evaluate(otherwise) } else { .undefined(.other) }
  }

  /// What `if` makes of a value.
  func isTrue(_ value: Value) -> Bool {
    switch value {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .float(let value): value != 0
    case .string(let text): !text.isEmpty
    case .list(let list), .tuple(let list): !list.items.isEmpty
    case .dict(let dict): !dict.entries.isEmpty
    case .numeral, .generator, .namespace, .macro, .loop, .function, .method: true
    }
  }

  // MARK: calls

  func evaluate(_ written: CallArguments) throws(TemplateError) -> Arguments {
    var arguments = Arguments()
    for argument in written.positional { arguments.positional.append(try evaluate(argument)) }
    for (name, value) in written.named { arguments.named.append((name, try evaluate(value))) }
    if let list = written.list { arguments.positional += try elements(of: try evaluate(list)) }
    if let dictionary = written.dictionary {
      let value = try evaluate(dictionary)
      guard case .dict(let dict) = value else { throw wrong(value, expected: "a dict after '**'") }
      for (key, value) in dict.entries {
        guard case .string(let name) = key else { throw wrong(key, expected: "a string as the name of an argument") }
        arguments.named.append((name.string, value))
      }
    }
    try charge(arguments.positional.count + arguments.named.count)
    return arguments
  }

  private func evaluateCall(_ callee: Expression, _ written: CallArguments) throws(TemplateError) -> Value {
    if case .member(let owner, let name) = callee.kind {
      let target = try evaluate(owner)
      let arguments = try evaluate(written)
      line = callee.line
      return try call(name, of: target, arguments)
    }
    let function = try evaluate(callee)
    let arguments = try evaluate(written)
    line = callee.line
    return try call(function, arguments)
  }

  /// Calls a member: a method, or something callable that the owner holds under that name.
  private func call(_ name: String, of target: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    if case .loop(let id) = target { return try callLoop(name, id, arguments) }
    if hasMethod(name, target) { return try callMethod(name, of: target, arguments) }
    return try call(try member(name, of: target), arguments)
  }

  func call(_ function: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch function {
    case .macro(let id): return try callMacro(id, arguments)
    case .function(let function): return try callGlobal(function, arguments)
    case .method(let method): return try call(method.name, of: method.target, arguments)
    default: throw wrong(function, expected: "a function or macro to call")
    }
  }

  private func callMacro(_ id: Int, _ given: Arguments) throws(TemplateError) -> Value {
    // A call takes about as much of the stack as two levels more.
    try enter()
    defer { leave() }
    try enter()
    defer { leave() }
    let (macro, outer) = macros[id]
    let inner = Scope(parent: outer)
    var named = given.named
    if let at = named.firstIndex(where: { $0.name == "caller" }),
      !macro.parameters.contains(where: { $0.name == "caller" })
    {
      inner.names["caller"] = named.remove(at: at).value
    }
    if given.positional.count > macro.parameters.count {
      if !macro.usesVarargs {
        throw error(
          .type,
          "macro '\(macro.name)' takes at most \(macro.parameters.count) arguments, found \(given.positional.count)")
      }
    }
    let extra = given.positional.dropFirst(macro.parameters.count)
    if macro.usesVarargs { inner.names["varargs"] = .tuple(try makeList(Array(extra))) }
    let text = try capture { () throws(TemplateError) in
      _ = try scoped(inner) { () throws(TemplateError) in
        try bind(macro, given.positional, &named)
        return try run(macro.body)
      }
    }
    return .string(text)
  }

  /// Gives a macro's parameters their values, in the scope of its body, where defaults are evaluated.
  private func bind(
    _ macro: Macro, _ positional: [Value], _ named: inout [(name: String, value: Value)]
  ) throws(TemplateError) {
    for (i, parameter) in macro.parameters.enumerated() {
      let byName = named.firstIndex { $0.name == parameter.name }
      if i < positional.count {
        if byName != nil { throw error(.type, "macro '\(macro.name)' got two values for '\(parameter.name)'") }
        scope.names[parameter.name] = positional[i]
      } else if let byName {
        scope.names[parameter.name] = named.remove(at: byName).value
      } else if let standard = parameter.standard {
        scope.names[parameter.name] = try evaluate(standard)
      } else {
        scope.names[parameter.name] = .undefined(.name(parameter.name))
      }
    }
    if macro.usesKwargs {
      scope.names["kwargs"] = try makeDict(named: named)
    } else if let unknown = named.first {
      throw error(.type, "macro '\(macro.name)' has no parameter '\(unknown.name)'")
    }
  }

  private func evaluateFilter(_ input: Expression, _ invocation: Invocation) throws(TemplateError) -> Value {
    let value = try evaluate(input)
    return try apply([invocation], to: value)
  }

  func apply(_ filters: [Invocation], to value: Value) throws(TemplateError) -> Value {
    var value = value
    for filter in filters {
      let arguments = try evaluate(filter.arguments)
      line = filter.line
      value = try applyFilter(filter.name, to: value, arguments)
    }
    return value
  }

  private func evaluateTest(_ input: Expression, _ invocation: Invocation, _ negated: Bool) throws(TemplateError)
    -> Value
  {
    let value = try evaluate(input)
    let arguments = try evaluate(invocation.arguments)
    line = invocation.line
    return .bool(try applyTest(invocation.name, to: value, arguments) != negated)
  }
}

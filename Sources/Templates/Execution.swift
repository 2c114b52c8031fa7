/// Running statements.
extension Interpreter {
  enum Flow { case normal, breakLoop, continueLoop }

  func run(_ body: [Statement]) throws(TemplateError) -> Flow {
    try enter()
    defer { leave() }
    for statement in body {
      try charge()
      line = statement.line
      let flow = try run(statement.kind)
      if flow != .normal { return flow }
    }
    return .normal
  }

  private func run(_ kind: Statement.Kind) throws(TemplateError) -> Flow {
    switch kind {
    case .text(let text): try emit(text)
    case .output(let expression): try write(expression)
    case .choice(let branches, let otherwise): return try choose(branches, otherwise)
    case .loop(let loop): return try repeatBody(of: loop)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    case .set, .setBlock, .macro, .callBlock, .filterBlock, .scoped, .evaluate: return try runOther(kind)
    }
    return .normal
  }

  private func runOther(_ kind: Statement.Kind) throws(TemplateError) -> Flow {
    switch kind {
    case .set(let target, let value): try assign(try evaluate(value), to: target)
    case .setBlock(let target, let filters, let body): try setBlock(target, filters, body)
    case .macro(let macro): scope.names[macro.name] = define(macro)
    case .callBlock(let caller, let call): try runCallBlock(caller, call)
    case .filterBlock(let filters, let body): try runFilterBlock(filters, body)
    case .scoped(let bindings, let body): return try runScoped(bindings, body)
    case .evaluate(let expression): _ = try evaluate(expression)
    default: break
    }
    return .normal
  }

  private func write(_ expression: Expression) throws(TemplateError) {
    let value = try evaluate(expression)
    if case .string(let text) = value { try emit(text) } else { try emit(try printed(value)) }
  }

  private func choose(_ branches: [Branch], _ otherwise: [Statement]) throws(TemplateError) -> Flow {
    for branch in branches where isTrue(try evaluate(branch.condition)) { return try run(branch.body) }
    return try run(otherwise)
  }

  private func define(_ macro: Macro) -> Value {
    macros.append((macro, scope))
    return .macro(macros.count - 1)
  }

  /// Runs a body in a scope of its own.
  func scoped<R>(_ inner: Scope, _ body: () throws(TemplateError) -> R) throws(TemplateError) -> R {
    let outer = scope
    scope = inner
    defer { scope = outer }
    return try body()
  }

  private func runScoped(_ bindings: [Binding], _ body: [Statement]) throws(TemplateError) -> Flow {
    let inner = Scope(parent: scope)
    for binding in bindings {
      let value = try evaluate(binding.value)
      if case .name(let name) = binding.target { inner.names[name] = value }
    }
    return try scoped(inner) { () throws(TemplateError) in try run(body) }
  }

  private func setBlock(_ target: Target, _ filters: [Invocation], _ body: [Statement]) throws(TemplateError) {
    let text = try captureScoped(body)
    try assign(try apply(filters, to: .string(text)), to: target)
  }

  private func runFilterBlock(_ filters: [Invocation], _ body: [Statement]) throws(TemplateError) {
    let text = try captureScoped(body)
    try emit(try printed(try apply(filters, to: .string(text))))
  }

  private func captureScoped(_ body: [Statement]) throws(TemplateError) -> Text {
    try capture { () throws(TemplateError) in
      _ = try scoped(Scope(parent: scope)) { () throws(TemplateError) in try run(body) }
    }
  }

  private func runCallBlock(_ caller: Macro, _ call: Expression) throws(TemplateError) {
    guard case .call(let callee, let written) = call.kind else { return }
    let function = try evaluate(callee)
    var arguments = try evaluate(written)
    arguments.named.append(("caller", define(caller)))
    try emit(try printed(try self.call(function, arguments)))
  }

  // MARK: loops

  private func repeatBody(of loop: Loop) throws(TemplateError) -> Flow {
    var items = try elements(of: try evaluate(loop.items))
    if let condition = loop.condition { items = try keep(items, loop.target, condition) }
    if items.isEmpty { return try run(loop.otherwise) }
    loops.append(LoopState(items: items))
    let id = loops.count - 1
    defer { loops[id].items = [] }
    for (i, item) in items.enumerated() {
      try charge()
      loops[id].index = i
      let inner = Scope(parent: scope, names: ["loop": .loop(id)])
      let flow = try scoped(inner) { () throws(TemplateError) in
        try assign(item, to: loop.target)
        return try run(loop.body)
      }
      if flow == .breakLoop { break }
    }
    return .normal
  }

  private func keep(_ items: [Value], _ target: Target, _ condition: Expression) throws(TemplateError) -> [Value] {
    var kept: [Value] = []
    for item in items {
      let holds = try scoped(Scope(parent: scope)) { () throws(TemplateError) in
        try assign(item, to: target)
        return isTrue(try evaluate(condition))
      }
      if holds { kept.append(item) }
    }
    return kept
  }

  // MARK: assignment

  func assign(_ value: Value, to target: Target) throws(TemplateError) {
    switch target {
    case .name(let name): scope.names[name] = value
    case .member(let owner, let name):
      guard case .namespace(let id)? = scope.find(owner) else {
        throw error(.type, "'\(owner).\(name)' cannot be assigned to: '\(owner)' is not a namespace")
      }
      setMember(name, of: id, to: value)
    case .tuple(let targets):
      let items = try elements(of: value)
      if items.count != targets.count {
        throw error(.type, "expected \(targets.count) elements to unpack, found \(items.count)")
      }
      for (item, target) in zip(items, targets) { try assign(item, to: target) }
    }
  }

  func setMember(_ name: String, of id: Int, to value: Value) {
    if let at = namespaces[id].firstIndex(where: { $0.name == name }) {
      namespaces[id][at].value = value
    } else {
      namespaces[id].append((name, value))
    }
  }

  /// The elements that a loop over a value sees.
  func elements(of value: Value) throws(TemplateError) -> [Value] {
    switch value {
    case .list(let list), .tuple(let list), .generator(let list): return list.items
    case .dict(let dict):
      try charge(dict.entries.count)
      return dict.entries.map(\.key)
    case .string(let text):
      try charge(text.count)
      return text.scalars.map(Value.string)
    case .undefined: return []
    default: throw wrong(value, expected: "something to loop over (a list, dict or string)")
    }
  }
}

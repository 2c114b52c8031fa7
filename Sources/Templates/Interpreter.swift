/// The state of one rendering: what has been spent, the names in reach, and where output goes.
///
/// Every operation that costs more than a constant goes through `charge`, so no template runs for ever or fills memory.
final class Interpreter {
  let limits: TemplateLimits
  let now: CalendarTime
  var scope: Scope
  var out: TextBuilder
  var namespaces: [[(name: String, value: Value)]] = []
  var macros: [(macro: Macro, scope: Scope)] = []
  var loops: [LoopState] = []
  /// The line of what is being evaluated.
  var line = 1
  private var steps = 0
  private var depth = 0

  init(globals: [String: Value], limits: TemplateLimits, now: CalendarTime) {
    (self.limits, self.now) = (limits, now)
    scope = Scope(parent: Scope(parent: nil, names: globals))
    out = TextBuilder(limit: limits.outputBytes)
  }

  // MARK: errors and limits

  func error(_ kind: TemplateError.Kind, _ message: String) -> TemplateError {
    TemplateError(kind: kind, line: line, message: message)
  }

  /// The error of using an undefined value, or one of a wrong type.
  func wrong(_ value: Value, expected: String) -> TemplateError {
    error(value.isUndefined ? .undefined : .type, "expected \(expected), found \(value.described)")
  }

  func charge(_ count: Int = 1) throws(TemplateError) {
    if count > limits.steps - steps { throw error(.limit, "rendering takes more than \(limits.steps) steps") }
    steps += count
  }

  /// What is left to spend: no operation needs to make more pieces than this before it fails.
  var remainingSteps: Int { max(0, limits.steps - steps) }

  func charge(bytes: Int) throws(TemplateError) { try charge(bytes >> 8) }

  /// Pays for a search, which may look at each byte of the needle for each byte of the text.
  func charge(searching text: Text, for needle: Text) throws(TemplateError) {
    try charge(text.count >> 8 + (text.count * needle.count) >> 12)
  }

  func enter() throws(TemplateError) {
    depth += 1
    if depth > limits.depth {
      depth -= 1
      throw error(.limit, "evaluation is nested deeper than \(limits.depth) levels")
    }
  }
  func leave() { depth -= 1 }

  func builder() -> TextBuilder { TextBuilder(limit: limits.outputBytes) }

  /// The text of a builder, unless it grew past the limit.
  func finish(_ builder: TextBuilder) throws(TemplateError) -> Text {
    if builder.overflowed { throw error(.limit, "a text is longer than \(limits.outputBytes) bytes") }
    try charge(bytes: builder.text.count)
    return builder.text
  }

  func makeList(_ items: [Value]) throws(TemplateError) -> ListValue {
    try charge(items.count)
    let list = ListValue(items)
    try check(list.depth)
    return list
  }

  private func check(_ depth: Int) throws(TemplateError) {
    if depth > nestingLimit { throw error(.limit, "a value is nested deeper than \(nestingLimit) levels") }
  }

  func makeDict(_ pairs: [(key: Value, value: Value)]) throws(TemplateError) -> Value {
    try charge(pairs.count)
    var keyed: [(DictKey, key: Value, value: Value)] = []
    for (key, value) in pairs {
      guard let lookup = DictKey(key) else { throw error(.type, "\(key.described) cannot be a key of a dict") }
      keyed.append((lookup, key, value))
    }
    let dict = DictValue(keyed)
    try check(dict.depth)
    return .dict(dict)
  }

  /// Names given as strings, in order.
  func makeDict(named members: [(name: String, value: Value)]) throws(TemplateError) -> Value {
    try makeDict(members.map { (.string($0.name), $0.value) })
  }

  // MARK: output

  func emit(_ text: Text) throws(TemplateError) {
    out.append(text)
    if out.overflowed { throw error(.limit, "the output is longer than \(limits.outputBytes) bytes") }
    try charge(bytes: text.count)
  }

  /// What a body writes, as a text instead of as output.
  func capture(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> Text {
    let outer = out
    out = builder()
    defer { out = outer }
    try body()
    return try finish(out)
  }
}

/// The names of one block, inside those around it.
final class Scope {
  let parent: Scope?
  var names: [String: Value]
  init(parent: Scope?, names: [String: Value] = [:]) { (self.parent, self.names) = (parent, names) }

  func find(_ name: String) -> Value? {
    var scope: Scope? = self
    while let current = scope {
      if let value = current.names[name] { return value }
      scope = current.parent
    }
    return nil
  }
}

/// Where a loop stands. Emptied when the loop ends.
struct LoopState {
  var items: [Value]
  var index = 0
  /// The arguments of the last `loop.changed(…)`.
  var last: [Value]?
}

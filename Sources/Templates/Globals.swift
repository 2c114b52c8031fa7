/// The functions that every template can call.
enum GlobalFunction: String, Sendable, CaseIterable {
  case range, namespace, dict
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
}

extension Interpreter {
  func callGlobal(_ function: GlobalFunction, _ arguments: Arguments) throws(TemplateError) -> Value {
    switch function {
    case .range: return try makeRange(arguments)
    case .namespace: return try makeNamespace(arguments)
    case .dict: return try makeDict(try members(arguments, of: "dict"))
    case .raiseException:
      let message = try bind(arguments, "message", of: function.rawValue)[0]
      throw error(.raised, try printed(try needed(message, "the message of 'raise_exception'")).string)
    case .strftimeNow:
      let format = try text(try bind(arguments, "format", of: function.rawValue)[0], "the format of 'strftime_now'")
      guard let format else { throw error(.type, "'strftime_now' needs a format") }
      guard let bytes = now.formatted(format.bytes) else {
        throw error(
          .limit, "the format of 'strftime_now' or its result is longer than 1024 bytes, or holds a zero byte")
      }
      // libc copies unknown bytes, which may cut characters; decoding repairs them.
      let result = Text(String(decoding: bytes, as: UTF8.self))
      return .string(format.hasLiteral ? result.allLiteral : result)
    }
  }

  private func makeRange(_ arguments: Arguments) throws(TemplateError) -> Value {
    if !arguments.named.isEmpty { throw error(.type, "'range' takes no named arguments") }
    var bounds: [Int] = []
    for value in arguments.positional { if let bound = try integer(value, "'range'") { bounds.append(bound) } }
    if bounds.isEmpty || bounds.count > 3 { throw error(.type, "'range' takes one to three arguments") }
    let (from, to) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
    let step = bounds.count == 3 ? bounds[2] : 1
    if step == 0 { throw error(.type, "the step of 'range' is 0") }
    var items: [Value] = [], next = from
    while step > 0 ? next < to : next > to {
      if items.count >= limits.rangeLength {
        throw error(.limit, "'range' has more than \(limits.rangeLength) elements")
      }
      items.append(.int(next))
      let (sum, overflow) = next.addingReportingOverflow(step)
      if overflow { break }
      next = sum
    }
    return .list(try makeList(items))
  }

  /// The members that `dict(…)` and `namespace(…)` are made of: those of a dict or pairs, then the named arguments.
  private func members(_ arguments: Arguments, of owner: String) throws(TemplateError) -> [(key: Value, value: Value)] {
    if arguments.positional.count > 1 { throw error(.type, "'\(owner)' takes at most one argument without a name") }
    var members: [(key: Value, value: Value)] = []
    if case .dict(let dict)? = arguments.positional.first {
      members = dict.entries
    } else if let given = arguments.positional.first {
      for pair in try elements(of: given) {
        let parts = try elements(of: pair)
        if parts.count != 2 { throw error(.type, "'\(owner)' expects pairs, found \(parts.count) elements") }
        members.append((parts[0], parts[1]))
      }
    }
    return members + arguments.named.map { (.string($0.name), $0.value) }
  }

  private func makeNamespace(_ arguments: Arguments) throws(TemplateError) -> Value {
    namespaces.append([])
    let id = namespaces.count - 1
    for (key, value) in try members(arguments, of: "namespace") {
      guard case .string(let name) = key else { throw wrong(key, expected: "a string as a member of a namespace") }
      try charge(namespaces[id].count >> 3)
      setMember(name.string, of: id, to: value)
    }
    return .namespace(id)
  }
}

/// Filters of lists, dicts and anything else that has elements.
extension Interpreter {
  func sequenceFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value? {
    switch name {
    case "length", "count":
      _ = try bind(arguments, of: name)
      return .int(try length(value))
    case "default", "d":
      let given = try bind(arguments, "default_value", "boolean", of: name)
      let replaces = value.isUndefined || (given[1].map(isTrue) == true && !isTrue(value))
      return replaces ? given[0] ?? .string(Text()) : value
    case "join": return .string(try join(value, try bind(arguments, "d", "attribute", of: name)))
    case "first", "last":
      _ = try bind(arguments, of: name)
      let items = try elements(of: value)
      return (name == "first" ? items.first : items.last) ?? .undefined(.element)
    case "list":
      _ = try bind(arguments, of: name)
      return .list(try makeList(try elements(of: value)))
    case "reverse":
      _ = try bind(arguments, of: name)
      if case .string(let text) = value {
        var result = Text()
        for piece in text.scalars.reversed() { result.append(piece) }
        return .string(result)
      }
      return .generator(try makeList(try elements(of: value).reversed()))
    case "items":
      _ = try bind(arguments, of: name)
      if value.isUndefined { return .generator(ListValue([])) }
      guard case .dict(let dict) = value else { throw wrong(value, expected: "a dict for 'items'") }
      return .generator(try makeList(pairs(dict)))
    case "attr":
      guard let key = try text(try bind(arguments, "name", of: name)[0], "'attr'") else { return .undefined(.other) }
      if case .dict = value { return .undefined(.member(key.string, of: value.described)) }
      return try member(key.string, of: value)
    case "sum": return try sum(value, arguments)
    case "min", "max": return try extreme(value, arguments, isMax: name == "max")
    case "sort", "dictsort", "unique", "groupby": return try orderFilter(name, value, arguments)
    case "batch": return try batch(value, arguments)
    default: return nil
    }
  }

  func length(_ value: Value) throws(TemplateError) -> Int {
    switch value {
    case .string(let text):
      try charge(bytes: text.count)
      return text.scalarCount
    case .list(let list), .tuple(let list): return list.items.count
    case .dict(let dict): return dict.entries.count
    case .undefined: return 0
    case .loop(let id): return loops[id].items.count
    default: throw wrong(value, expected: "something with a length (a string, list or dict)")
    }
  }

  /// `value.a.b.0`, as the `attribute` argument of filters has it; the whole value for nil.
  func attribute(_ path: Value?, of value: Value) throws(TemplateError) -> Value {
    switch path {
    case nil, Value.none?: return value
    case .int?: return try item(path ?? .none, of: value)
    case .string(let path)?:
      var result = value
      for part in path.split(Text("."), limit: -1) {
        try charge()
        result = try item(Int(part.string).map(Value.int) ?? .string(part), of: result)
      }
      return result
    case let other?: throw wrong(other, expected: "a string or integer as an attribute")
    }
  }

  private func join(_ value: Value, _ given: [Value?]) throws(TemplateError) -> Text {
    var items: [Value] = []
    for item in try elements(of: value) { items.append(try attribute(given[1], of: item)) }
    return try join(items, try given[0].map { (value) throws(TemplateError) in try printed(value) } ?? Text())
  }

  private func sum(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let given = try bind(arguments, "attribute", "start", of: "sum")
    var total = given[1] ?? .int(0)
    for item in try elements(of: value) {
      try charge()
      total = try apply(.plus, total, try attribute(given[0], of: item))
    }
    return total
  }

  /// Lower case for strings unless case counts.
  private func key(_ value: Value, _ sensitive: Value?) throws(TemplateError) -> Value {
    guard sensitive.map(isTrue) != true, case .string(let text) = value else { return value }
    try charge(bytes: text.count)
    return .string(text.lowercased())
  }

  private func extreme(_ value: Value, _ arguments: Arguments, isMax: Bool) throws(TemplateError) -> Value {
    let given = try bind(arguments, "case_sensitive", "attribute", of: isMax ? "max" : "min")
    var best: (key: Value, value: Value)?
    for item in try elements(of: value) {
      let candidate = try key(try attribute(given[1], of: item), given[0])
      if let current = best, try !(isMax ? precedes(current.key, candidate) : precedes(candidate, current.key)) {
        continue
      }
      best = (candidate, item)
    }
    return best?.value ?? .undefined(.element)
  }

  private func orderFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    var keyed: [(key: Value, value: Value)] = []
    switch name {
    case "sort":
      let given = try bind(arguments, "reverse", "case_sensitive", "attribute", of: name)
      for item in try elements(of: value) { keyed.append((try sortKey(item, given[2], given[1]), item)) }
      return .list(try makeList(try sorted(keyed, reversed: given[0].map(isTrue) ?? false)))
    case "dictsort":
      let given = try bind(arguments, "case_sensitive", "by", "reverse", of: name)
      guard case .dict(let dict) = value else { throw wrong(value, expected: "a dict to sort") }
      let by = try text(given[1], "'by'")?.string ?? "key"
      guard by == "key" || by == "value" else { throw error(.type, "'by' is 'key' or 'value', found '\(by)'") }
      for (entry, pair) in zip(dict.entries, pairs(dict)) {
        keyed.append((try key(by == "key" ? entry.key : entry.value, given[0]), pair))
      }
      return .list(try makeList(try sorted(keyed, reversed: given[2].map(isTrue) ?? false)))
    case "unique":
      let given = try bind(arguments, "case_sensitive", "attribute", of: name)
      var seen: Set<DictKey> = [], kept: [Value] = []
      for item in try elements(of: value) {
        let candidate = try key(try attribute(given[1], of: item), given[0])
        guard let lookup = DictKey(candidate) else {
          throw wrong(candidate, expected: "strings or numbers for 'unique'")
        }
        if seen.insert(lookup).inserted { kept.append(item) }
      }
      return .generator(try makeList(kept))
    default: return try group(value, try bind(arguments, "attribute", "default", "case_sensitive", of: name))
    }
  }

  /// The key that `sort` compares: several attributes separated by commas make a list.
  private func sortKey(_ item: Value, _ path: Value?, _ sensitive: Value?) throws(TemplateError) -> Value {
    guard case .string(let paths)? = path else { return try key(try attribute(path, of: item), sensitive) }
    var parts: [Value] = []
    for path in paths.split(Text(","), limit: -1) {
      parts.append(try key(try attribute(.string(path), of: item), sensitive))
    }
    return parts.count == 1 ? parts[0] : .list(try makeList(parts))
  }

  private func group(_ value: Value, _ given: [Value?]) throws(TemplateError) -> Value {
    let path = try needed(given[0], "the attribute of 'groupby'")
    var keyed: [(key: Value, value: Value)] = []
    for item in try elements(of: value) {
      var found = try attribute(path, of: item)
      if found.isUndefined, let standard = given[1] { found = standard }
      keyed.append((try key(found, given[2]), .tuple(try makeList([found, item]))))
    }
    var groups: [(first: Value, key: Value, items: [Value])] = []
    for pair in try sorted(keyed, reversed: false) {
      guard case .tuple(let pair) = pair else { continue }
      let candidate = try key(pair.items[0], given[2])
      if let last = groups.last, try equal(last.key, candidate) {
        groups[groups.count - 1].items.append(pair.items[1])
      } else {
        groups.append((pair.items[0], candidate, [pair.items[1]]))
      }
    }
    var result: [Value] = []
    for group in groups {
      result.append(.tuple(try makeList([group.first, .list(try makeList(group.items))])))
    }
    return .list(try makeList(result))
  }

  private func batch(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
    let given = try bind(arguments, "linecount", "fill_with", of: "batch")
    guard let size = try integer(given[0], "the size of 'batch'"), size > 0 else {
      throw error(.type, "'batch' needs a size above 0")
    }
    let items = try elements(of: value)
    var rows: [Value] = [], start = 0
    while start < items.count {
      let end = items.count - start > size ? start + size : items.count
      var row = Array(items[start..<end])
      if let filler = given[1], row.count < size {
        try charge(size)
        if case .none = filler {} else { row += Array(repeating: filler, count: size - row.count) }
      }
      rows.append(.list(try makeList(row)))
      start = end
    }
    return .generator(try makeList(rows))
  }
}

/// What binds names inside an expression: comprehensions and lambdas.
extension PythonExpressionParser {
  /// `for … in … if …`, any number of times. Whether there was one.
  mutating func comprehension() throws(PythonSyntaxError) -> Bool {
    var found = false
    while token.isName("for") || token.isName("async") {
      if eatWord("async"), !token.isName("for") { throw fail("'for'") }
      position += 1
      try targets()
      if !eatWord("in") { throw fail("'in'") }
      _ = try disjunction()
      while eatWord("if") { _ = try disjunction() }
      found = true
    }
    return found
  }

  private mutating func targets() throws(PythonSyntaxError) {
    var count = 0
    repeat {
      if count > 0, token.isName("in") { return }
      _ = eat("*")
      let target = try primary()
      if !isTarget(target) { throw fail("'in' after something that can be assigned to") }
      count += 1
    } while eat(",")
  }

  private func isTarget(_ node: Node) -> Bool {
    switch node {
    case .name, .attribute, .item, .slice, .unsupported("a slice over several dimensions"), .unsupported("unpacking"):
      true
    case .tuple(let elements), .list(let elements): elements.allSatisfy(isTarget)
    default: false
    }
  }

  /// `lambda` has been read; up to the colon.
  mutating func lambdaParameters() throws(PythonSyntaxError) {
    var count = 0
    var (hasDefaults, hasSlash, hasStar, needsName) = (false, false, false, false)
    while !token.isOperator(":") {
      if !hasSlash, !hasStar, count > 0, eat("/") {
        hasSlash = true
      } else if eat("**") {
        try parameterName()
        if needsName { throw fail("a parameter's name after '*'") }
        _ = eat(",")
        return
      } else if eat("*") {
        if hasStar { throw fail("one '*' only") }
        hasStar = true
        needsName = token.isOperator(",")
        if !needsName { try parameterName() }
      } else {
        try parameterName()
        needsName = false
        if eat("=") {
          _ = try expression()
          hasDefaults = true
        } else if hasDefaults, !hasStar {
          throw fail("a default: the parameter before has one")
        }
      }
      count += 1
      if !eat(",") { break }
    }
    if needsName { throw fail("a parameter's name after '*'") }
  }

  private mutating func parameterName() throws(PythonSyntaxError) {
    guard token.kind == .name, !Self.keywords.contains(token.text) else { throw fail("a parameter's name") }
    position += 1
  }
}

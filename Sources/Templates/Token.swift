/// A word of the template language.
struct Token: Sendable {
  enum Kind: Sendable, Hashable {
    /// Template text outside tags.
    case text(Text)
    case outputBegin, outputEnd, blockBegin, blockEnd
    case name(String)
    case string(Text)
    case integer(Int)
    case float(Double)
    case symbol(Symbol)
    case end
  }
  let kind: Kind
  /// Byte offset in the normalised source.
  let offset: Int

  /// The kind, as an error message names it.
  var described: String {
    switch kind {
    case .text: "text"
    case .outputBegin: "'{{'"
    case .outputEnd: "'}}'"
    case .blockBegin: "'{%'"
    case .blockEnd: "'%}'"
    case .name(let name): "'\(name)'"
    case .string: "a string"
    case .integer(let value): "\(value)"
    case .float(let value): "\(value)"
    case .symbol(let symbol): "'\(symbol.rawValue)'"
    case .end: "the end of the template"
    }
  }
}

enum Symbol: String, Sendable, CaseIterable {
  case doubleSlash = "//", power = "**", equal = "==", notEqual = "!=", greaterOrEqual = ">=", lessOrEqual = "<="
  case plus = "+", minus = "-", slash = "/", star = "*", percent = "%", tilde = "~"
  case openBracket = "[", closeBracket = "]", openParenthesis = "(", closeParenthesis = ")"
  case openBrace = "{", closeBrace = "}", greater = ">", less = "<", assign = "="
  case dot = ".", colon = ":", pipe = "|", comma = ",", semicolon = ";"
}

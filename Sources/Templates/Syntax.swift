/// A template as parsed. All of it is immutable, so one parsed template serves any number of threads.
///
/// Invariant: nesting of blocks and of expressions is at most `sourceNestingLimit`, so walking and releasing a tree is safe
/// on a small stack. Chains (`a + b + c`, `a and b`, `elif`) are lists, not towers.
final class Statement: Sendable {
  enum Kind: Sendable {
    case text(Text)
    case output(Expression)
    case choice(branches: [Branch], otherwise: [Statement])
    case loop(Loop)
    case set(Target, Expression)
    case setBlock(Target, filters: [Invocation], body: [Statement])
    case macro(Macro)
    case callBlock(caller: Macro, call: Expression)
    case filterBlock([Invocation], body: [Statement])
    /// `with` and `generation`: a scope of its own.
    case scoped([Binding], body: [Statement])
    case evaluate(Expression)
    case breakLoop, continueLoop
  }
  let kind: Kind
  let line: Int
  init(_ kind: Kind, line: Int) { (self.kind, self.line) = (kind, line) }
}

struct Branch: Sendable { let condition: Expression, body: [Statement] }
struct Binding: Sendable { let target: Target, value: Expression }

struct Loop: Sendable {
  let target: Target, items: Expression, condition: Expression?
  let body: [Statement], otherwise: [Statement]
}

struct Macro: Sendable {
  let name: String
  let parameters: [Parameter]
  let body: [Statement]
  let usesVarargs: Bool, usesKwargs: Bool
}
struct Parameter: Sendable { let name: String, standard: Expression? }

/// What `set`, `for` and `with` assign to.
indirect enum Target: Sendable {
  case name(String)
  case member(String, String)
  case tuple([Target])
}

final class Expression: Sendable {
  enum Kind: Sendable {
    case constant(Value)
    case name(String)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    /// Operators of one precedence, applied from left to right.
    case arithmetic(Expression, [(Symbol, Expression)])
    case concatenation([Expression])
    /// Chained as in Python: `a < b < c` is `a < b and b < c`.
    case comparison(Expression, [(Comparison, Expression)])
    case and([Expression])
    case or([Expression])
    case not(Expression)
    case negative(Expression)
    case positive(Expression)
    case conditional(condition: Expression, then: Expression, otherwise: Expression?)
    case member(Expression, String)
    case item(Expression, Expression)
    case slice(Expression, from: Expression?, to: Expression?, by: Expression?)
    case call(Expression, CallArguments)
    case filter(Expression, Invocation)
    case test(Expression, Invocation, negated: Bool)
  }
  let kind: Kind
  let line: Int
  /// Levels of expressions below and with this one.
  let depth: Int

  init(_ kind: Kind, line: Int) {
    (self.kind, self.line) = (kind, line)
    depth = 1 + Self.deepest(kind)
  }

  private static func deepest(_ kind: Kind) -> Int {
    switch kind {
    case .constant, .name: 0
    case .list(let all), .tuple(let all), .concatenation(let all), .and(let all), .or(let all):
      all.reduce(0) { max($0, $1.depth) }
    case .dictionary(let pairs): pairs.reduce(0) { max($0, $1.key.depth, $1.value.depth) }
    case .arithmetic(let first, let rest): rest.reduce(first.depth) { max($0, $1.1.depth) }
    case .comparison(let first, let rest): rest.reduce(first.depth) { max($0, $1.1.depth) }
    case .not(let a), .negative(let a), .positive(let a), .member(let a, _): a.depth
    case .conditional(let a, let b, let c): max(a.depth, b.depth, c?.depth ?? 0)
    case .item(let a, let b): max(a.depth, b.depth)
    case .slice(let a, let b, let c, let d): max(a.depth, b?.depth ?? 0, c?.depth ?? 0, d?.depth ?? 0)
    case .call(let a, let arguments): max(a.depth, arguments.depth)
    case .filter(let a, let invocation), .test(let a, let invocation, _): max(a.depth, invocation.arguments.depth)
    }
  }
}

enum Comparison: Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn }

/// Arguments as written: `f(a, *b, c=d, **e)`.
struct CallArguments: Sendable {
  var positional: [Expression] = []
  var named: [(name: String, value: Expression)] = []
  var list: Expression?
  var dictionary: Expression?

  var depth: Int {
    let inner = positional.reduce(0) { max($0, $1.depth) }
    return named.reduce(max(inner, list?.depth ?? 0, dictionary?.depth ?? 0)) { max($0, $1.value.depth) }
  }
}

/// A filter or a test by name.
struct Invocation: Sendable { let name: String, arguments: CallArguments, line: Int }

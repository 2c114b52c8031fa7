import Testing

@testable import Traces

@Suite struct ExpressionEvaluatorTests {
  static let names: [String: ExpressionValue] = [
    "n": .int(7), "m": .int(-3), "x": .float(2.5), "flag": .bool(true),
    "v": TensorView(IntegerTensor([0, 2, 5])).map { .tensor($0) } ?? .none,
    "q": TensorView(ShapeOnlyTensor(shape: [5, 8, 128])).map { .tensor($0) } ?? .none,
  ]

  static func value(_ text: String) throws -> ExpressionValue {
    var evaluator = ExpressionEvaluator(names: names)
    return try evaluator.evaluate(PythonExpression(parsing: text))
  }

  /// Each of these is true; the arithmetic is Python's.
  @Test(arguments: [
    "n // 2 == 3", "m // 2 == -2", "m % 2 == 1", "n % -4 == -1", "n / 2 == 3.5", "2 ** 10 == 1024", "2 ** -1 == 0.5",
    "-2 ** 2 == -4", "-7.5 // 2 == -4.0", "-7.5 % 2 == 0.5", "1 < 2 < 3", "not (1 < 3 < 2)", "n in (1, 7)",
    "n not in [1]",
    "n and m", "(0 or 5) == 5", "(0 and 5) == 0", "(1 if n > 3 else 2) == 1", "len(v) == 3", "v[-1].item() == 5",
    "v[0] == 0",
    "v[1:][0].item() == 2", "v[-1] - v[0] == 5", "v.shape[0] == 3", "v.shape == (3,)", "q.shape[-1] == 128",
    "q.size(1) == 8",
    "q.dim() == 3 and q.ndim == 3", "v.numel() == 3", "max(v) == 5", "min(v) == v.min()", "sum(v) == 7", "v.sum() == 7",
    "all(v[1:] >= v[:-1])", "(v[1:] - v[:-1]).max() == 3", "any(v == 2)", "max(1, n, 3) == 7", "abs(m) == 3",
    "int(x) == 2",
    "float(n) == 7.0", "(n + 15) // 16 * 16 == 16", "1 << 4 == 16", "n & 3 == 3", "flag is True", "None is None",
    "n is not None",
    "'a' in 'cat'", "n.item() == 7", "True + 1 == 2", "len((1, 2)[:1]) == 1", "q[0].shape == (8, 128)", "5 in v",
    "(v >= 0).all()",
  ]) func anExpressionHolds(_ text: String) throws {
    var evaluator = ExpressionEvaluator(names: Self.names)
    #expect(try evaluator.holds(PythonExpression(parsing: text)))
  }

  @Test(arguments: [
    ("missing == 1", ExpressionError.Code.unknownName), ("q[0][0][0].item() == 1", .unreadableTensor),
    ("max(q) > 1", .unreadableTensor),
    ("(lambda: 1)()", .unsupported), ("[i for i in v]", .unsupported), ("open('x')", .unsupported),
    ("__import__('os')", .unsupported),
    ("v.__class__", .unsupported), ("n.real", .unsupported), ("eval('1')", .unsupported), ("v.tolist()", .unsupported),
    ("v[3]", .index), ("v[-4]", .index), ("(1,)[1]", .index), ("v['a']", .type), ("n[0]", .type), ("len(n)", .type),
    ("n + 'a'", .type),
    ("v.item()", .type), ("v and 1", .type), ("v + v[1:]", .type), ("n // 0", .arithmetic), ("n % 0", .arithmetic),
    ("1.0 / 0", .arithmetic),
    ("0 ** -1", .arithmetic), ("9223372036854775807 + 1", .arithmetic), ("2 ** 64", .arithmetic),
    ("1 << 64", .arithmetic),
    ("(-1) ** 0.5", .arithmetic), ("1 << -1", .arithmetic), ("-9223372036854775807 - 2", .arithmetic),
    ("int(1e30)", .arithmetic),
    ("99999999999999999999", .unsupported), ("1j", .unsupported), ("min(())", .type), ("v[::-1]", .unsupported),
    ("v[::0]", .unsupported),
  ]) func whatHasNoValueIsAnErrorOfTheRightKind(_ text: String, _ code: ExpressionError.Code) {
    let error = #expect(throws: ExpressionError.self) { try Self.value(text) }
    #expect(error?.code == code, "\(text): \(error?.description ?? "no error")")
  }

  @Test func workIsBounded() {
    let huge = TensorView(ShapeOnlyTensor(shape: [1 << 40])).map { ExpressionValue.tensor($0) } ?? .none
    for text in ["max(t)", "len(t[:])", "t == 0", "sum(t) + sum(t)"] {
      let error = #expect(throws: (any Error).self) {
        var evaluator = ExpressionEvaluator(names: ["t": huge])
        return try evaluator.evaluate(PythonExpression(parsing: text))
      }
      #expect((error as? ExpressionError)?.code == .limit, "\(text)")
    }
    #expect(TensorView(ShapeOnlyTensor(shape: [1 << 40, 1 << 40])) == nil)
    #expect(TensorView(ShapeOnlyTensor(shape: [-1])) == nil)
    #expect(TensorView(ShapeOnlyTensor(shape: [1 << 62, 1 << 62, 0]))?.count == 0)
  }

  @Test func anAxisExpressionIsAnIntegerOfKnownAxes() throws {
    func axis(_ text: String) throws -> Int { try PythonExpression(parsing: text).axisValue(axes: ["T": 6, "E": 8]) }
    #expect(try axis("T * 2") == 12)
    #expect(try axis("E / 4") == 2)
    #expect(try axis("-(-T // 4)") == 2)
    #expect(try axis("2 ** T % 10") == 4)
    for text in ["E / 3", "X", "T == 6", "min(T, E)", "T if E else 1", "T & 1", "not T", "'a'", "T[0]", "T.x"] {
      #expect(throws: ExpressionError.self, "\(text)") { try axis(text) }
    }
  }
}

import Testing

@testable import Traces

/// The verdicts are those of Python 3.11's `ast.parse`.
@Suite struct PythonTests {
  @Test(arguments: [
    "a + b", "f(x)[1:2, ::3]", "[i for i in a if i]", "lambda x, *y, z=1, **k: x", "a if b else c", "not a in b",
    "a not in b", "(yield)", "{1:2, **a}", "{*a, 1}", "x.y.z(1)(2)", "(a, b)", "a, b", "a,", "(x := 1)",
    "f(x for x in y)",
    "f(a, *b, c=1, **d)", "a < b <= c", "-a ** -b", "await a", "'a' \"b\"", "{}", "()", "[]", "{a: b for a in c}",
    "lambda: 0", "lambda x: (y for y in x)", "a[b, c]", "a[:]", "a[::2]", "a[1:, None]", "a[...]", "not not a", "~-+a",
    "lambda *, k: k", "lambda a, /, b: a", "(*a, b)", "[*a]", "f(a := 1)", "[x async for x in y]", "(yield from a)",
    "a if b else c if d else e", "lambda a=1, b=2: a", "a is not b", "a\n", "a # c", "(a\n+b)",
    "0x_1F + 1_000 + 1e5 + .5 + 5. + 1j",
    "0 + 00 + 0_0", "1if x else 2", "rb'x'", "f\"{a}\"", "\"\"\"a\nb\"\"\"", "a \\\n + b",
    "total_q == qo_indptr[-1].item()", "é + 変数",
  ]) func aPythonExpressionIsAccepted(_ text: String) {
    #expect(throws: Never.self) { try PythonExpression(parsing: text) }
  }

  @Test(arguments: [
    "", " a", "\ta", "a b", "a +", "(a", "a)", "[a)", "a = 1", "x := 1", "*a", "(*a)", "yield", "import os", "a; b",
    "a\nb", "if a: b",
    "'a", "\"\"\"a", "a if b", "lambda x: ", "lambda **k, a: 0", "lambda *: 0", "lambda a=1, b: 0", "f(a=1, b)",
    "f(a for a in b, c)",
    "{1, 2: 3}", "{**a, b}", "a..b", "a.1", "1a", "012", "1__0", "1_", "0x", "a ? b", "a $ b", "!a", "a[", "a[]", "for",
    "None.class",
    "a not b", "a is", "{a: b for in c}", "[i for 1 in a]", "b'é'", "'a' b'b'", "a\u{0}", "->", "a -> b", "a \\ b",
    "print a",
    "€",
  ]) func whatIsNoPythonExpressionIsRefused(_ text: String) {
    #expect(throws: PythonSyntaxError.self) { try PythonExpression(parsing: text) }
  }

  @Test func depthAndLengthOfAnExpressionAreBounded() {
    for text in [
      String(repeating: "(", count: 150) + "a" + String(repeating: ")", count: 150),
      String(repeating: "-", count: 400) + "a",
      String(repeating: "not ", count: 600) + "a", "a" + String(repeating: "+a", count: 5000),
      "a" + String(repeating: "**a", count: 200), String(repeating: "lambda:", count: 200) + "a",
      String(repeating: "[", count: 100_000),
    ] { #expect(throws: PythonSyntaxError.self) { try PythonExpression(parsing: text) } }
    #expect(throws: Never.self) { try PythonExpression(parsing: "a" + String(repeating: " + a", count: 200)) }
  }

  @Test(arguments: [
    "def run():\n  pass", "def run(a,\n  b):\n\treturn a", "import x\n\n\n@deco\ndef run(x): return x\n",
    "if a:\n    b\nelse:\n    c\ndef run(x):\n  return x",
    "class A:\n  def f(self):\n    pass\n\ndef run():\n  '''\nnot : indented\n'''\n  return 1",
    "def run():\n  x = [1,\n2,\n3]\n  return x\n# end",
    "def run():\r\n  pass\r\n",
    "def run(x) -> int:\n  if x:\n\n    # comment\n      # odd comment\n    return 1\n  return 2",
    "def run():\n  return 1 + \\\n2", "x: int = 3\ndef run(): pass", "match x:\n  case _:\n    pass\ndef run(): pass",
    "def run(a={1: 2}, b=lambda: 3):\n  pass", "async def f():\n  pass\ndef run():\n  pass\n",
  ]) func aReferenceWithATopLevelRunIsAccepted(_ text: String) {
    #expect(throws: Never.self) { try DefinitionChecks.checkReference(text) }
  }

  @Test(arguments: [
    "run = lambda: 1", "from x import run", "class run:\n  pass", "async def run():\n  pass",
    "if a:\n  def run():\n    pass",
    "def other():\n  def run():\n    pass", "try:\n  def run(): pass\nexcept E:\n  pass", "'''\ndef run(): pass\n'''",
    "# def run(): pass",
    "x = 1",
  ]) func aReferenceWithoutATopLevelRunIsRefused(_ text: String) {
    let error = #expect(throws: SchemaError.self) { try DefinitionChecks.checkReference(text) }
    #expect(error?.description.contains("top-level function named 'run'") == true)
  }

  @Test(arguments: [
    "def run():\npass", "def run(:\n  pass", "def run():\n  pass\n   pass", "def run():\n    pass\n  pass",
    "  def run():\n    pass",
    "def run():\n  x = (1\n", "def run():\n  x = 'a\n", "def run():\n  '''a", "def run():\n\tif x:\n        y\n",
    "def run():\n  x = 1)",
    "def run():\n  x = [1)", "def run():", "def run()\n  pass", "def run():\n  x = $y", "def run():\n  pass\u{0}",
    "def run():\n  x = 1 \\",
    "def run():\n  x = 09",
  ]) func aReferenceThatIsNotPythonIsRefused(_ text: String) {
    let error = #expect(throws: SchemaError.self) { try DefinitionChecks.checkReference(text) }
    #expect(error?.description.contains("Reference must be valid Python code") == true)
  }

  @Test func renamingAFunctionLeavesStringsAndCommentsAlone() throws {
    let text =
      "def _a_reference(x):  # _a_reference\n  '''_a_reference'''\n  return _a_reference(x - 1) + b_a_reference\n"
    #expect(
      try PythonModule.renaming("_a_reference", to: "run", in: text)
        == "def run(x):  # _a_reference\n  '''_a_reference'''\n  return run(x - 1) + b_a_reference\n")
  }
}

import KernelRuntime
import Testing

@Suite struct LaunchExpressionTests {
  private func value(_ text: String, _ names: [String: Int] = [:]) throws(LaunchExpressionError) -> Int {
    try LaunchExpression(parsing: text).evaluate { names[$0] }
  }

  @Test(arguments: [
    ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("10 - 3 - 2", 5), ("-7 // 2", -4), ("-7 % 3", 2), ("7 % -3", -2),
    ("- 2 * 3", -6), ("--3", 3), ("+4", 4), ("1_000", 1000), ("ceildiv(7, 2)", 4), ("ceildiv(-7, 2)", -3),
    ("ceildiv(8, 2)", 4), ("min(3, 1, 2)", 1), ("max(3, 1, 2)", 3), ("next_power_of_2(5)", 8),
    ("next_power_of_2(8)", 8), ("next_power_of_2(0)", 1), ("next_power_of_2(1)", 1), ("select(1 < 2, 10, 20)", 10),
    ("select(0, 10, 20)", 20), ("1 < 2", 1), ("1 < 2 < 3", 1), ("1 < 3 < 2", 0), ("3 < 2 < 5", 0),
    ("1 < 2 < 3 > 2 == 2", 1),
    ("1 < 5 < 3 < 2", 0), ("2 == 2 != 3", 1), ("0 or 5", 5), ("4 or 5", 4), ("0 and 5", 0), ("4 and 5", 5),
    ("not 0", 1), ("not 3", 0), ("not 1 == 2", 1), ("1 and 0 or 7", 7), ("not not 2", 1),
    ("(1 < 3 < 2) + 5", 5), ("2 * (1 < 2 < 3)", 2),
  ])
  func `computes as Python does`(text: String, expected: Int) throws {
    #expect(try value(text) == expected)
  }

  @Test func `uses names, each once in the list`() throws {
    let expression = try LaunchExpression(parsing: "max(1, min(32, ceildiv(2 * sm_count, batch * heads))) + batch")
    #expect(expression.names == ["sm_count", "batch", "heads"])
    #expect(try expression.evaluate { ["sm_count": 132, "batch": 4, "heads": 8][$0] } == 13)
    #expect(expression.constant == nil)
    #expect(try LaunchExpression(parsing: "2 * 64 * 2").constant == 256)
  }

  @Test func `computes only the operands that are needed`() throws {
    #expect(try value("n > 0 and 10 // n", ["n": 0]) == 0)
    #expect(try value("select(n == 0, 1, 10 // n)", ["n": 0]) == 1)
    #expect(try value("n == 0 or 10 // n", ["n": 0]) == 1)
  }

  @Test(arguments: [
    ("9223372036854775807 + 1", 21, "64 bits"), ("9223372036854775808", 1, "64 bits"),
    ("0 - 9223372036854775807 - 2", 25, "64 bits"), ("(0 - 9223372036854775807 - 1) // -1", 31, "64 bits"),
    ("-(0 - 9223372036854775807 - 1)", 1, "64 bits"), ("4611686018427387904 * 2", 21, "64 bits"),
    ("next_power_of_2(9223372036854775807)", 1, "64 bits"), ("1 // 0", 3, "divided by zero"),
    ("5 % (2 - 2)", 3, "divided by zero"), ("ceildiv(1, 0)", 1, "divided by zero"), ("a + 1", 1, "a is no axis"),
  ])
  func `says where a value goes wrong`(text: String, column: Int, reason: String) {
    let error = #expect(throws: LaunchExpressionError.self) { try value(text) }
    #expect(error?.column == column)
    #expect(error?.reason.contains(reason) == true)
  }

  @Test(arguments: [
    ("", 1, "found the end"), ("1 +", 4, "found the end"), ("(1", 3, "expected ')'"),
    ("1 2", 3, "the end of the expression"),
    ("a / 2", 3, "division is //"), ("2 ** 3", 3, "no power"), ("1.5", 1, "decimal integer"),
    ("0x10", 1, "decimal integer"),
    ("foo(1)", 1, "no function foo"), ("min(1)", 1, "2 arguments or more"), ("ceildiv(1)", 1, "2 arguments"),
    ("next_power_of_2(1, 2)", 1, "1 argument"), ("select(1, 2)", 12, "expected ','"), ("a = 1", 3, "no meaning"),
    ("1 if a else 2", 3, "the end"), ("and", 1, "found and"), ("a.b", 2, "no meaning"), ("é", 1, "'é'"),
    ("min", 4, "expected '('"), ("True", 1, "found True"),
  ])
  func `says where a text is wrong`(text: String, column: Int, reason: String) {
    let error = #expect(throws: LaunchExpressionError.self) { try LaunchExpression(parsing: text) }
    #expect(error?.column == column, "\(String(describing: error))")
    #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func `refuses what would take too much`() {
    #expect(throws: LaunchExpressionError.self) {
      try LaunchExpression(parsing: String(repeating: "(", count: 2000) + "1" + String(repeating: ")", count: 2000))
    }
    #expect(throws: LaunchExpressionError.self) {
      try LaunchExpression(parsing: String(repeating: "-", count: 3000) + "1")
    }
    #expect(throws: LaunchExpressionError.self) {
      try LaunchExpression(parsing: (0..<60).map { "(\($0) + " }.joined() + "1" + String(repeating: ")", count: 60))
    }
    #expect(throws: LaunchExpressionError.self) {
      try LaunchExpression(parsing: String(repeating: "1+", count: 3000) + "1")
    }
  }

  @Test func `never crashes on what is made of its own words`() {
    let operands = ["a", "7", "(3 + a)", "min(a, 2)", "not a", "- 1", "select(a, 1, 0)"]
    let operators = ["+", "-", "*", "//", "%", "<", "==", "and", "or"]
    let others = ["(", ")", ",", "not", "ceildiv", "select(", "max(", "next_power_of_2("]
    var state: UInt64 = 1, valid = 0
    func random(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(count))
    }
    for _ in 0..<10_000 {
      var text = ""
      for position in 0..<(3 + random(12)) {
        let words = random(24) == 0 ? others : position % 2 == 0 ? operands : operators
        text += words[random(words.count)] + " "
      }
      guard let expression = try? LaunchExpression(parsing: text) else { continue }
      valid += 1
      _ = try? expression.evaluate { _ in 3 }
    }
    #expect(valid > 500)
  }
}

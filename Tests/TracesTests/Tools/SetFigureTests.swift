import JSONText
import Testing

@testable import Traces

/// The document that `traces show --json` prints, beside what FlashInfer-Bench derived from the same set.
@Suite struct SetFigureTests {
  private func figures() throws -> JSONValue {
    SetFigures(try TraceSet.load(FixtureFiles.root + "/../interchange/set", .strict)).json
  }

  /// Sums over sets are taken in any order there.
  private func agree(_ found: JSONValue?, _ expected: JSONValue, _ path: String) {
    if let object = expected.object {
      let other = found?.object
      #expect(other.map { $0.keys.sorted() } == object.keys.sorted(), "\(path)")
      for (key, value) in object.members { agree(other?[key], value, "\(path).\(key)") }
    } else if let array = expected.array {
      #expect(found?.array?.count == array.count, "\(path)")
      for (index, (a, b)) in zip(found?.array ?? [], array).enumerated() { agree(a, b, "\(path)[\(index)]") }
    } else if let number = expected.double {
      let value = found?.double ?? .nan
      #expect(abs(value - number) <= 1e-12 * number.magnitude, "\(path): \(value), expected \(number)")
    } else {
      #expect(found == expected, "\(path)")
    }
  }

  @Test func figuresOfTheSameNameAgreeWithTheReference() throws {
    let shown = try figures()
    let reference = try JSONValue(parsing: try FixtureFiles.bytes(FixtureFiles.root + "/../interchange/reference.json"))
    var compared: [String] = []
    for (name, expected) in reference.object?.members ?? [] {
      guard let found = shown[name] else { continue }
      agree(found, expected, name)
      compared.append(name)
    }
    #expect(compared.sorted() == ["hash", "rankings", "scores", "summary"])
  }

  @Test func theBestTraceOfEachDefinitionIsTheReferencesAtTheUsualLimits() throws {
    let best = try figures()["best"]
    let reference = try JSONValue(parsing: try FixtureFiles.bytes(FixtureFiles.root + "/../interchange/reference.json"))
    var compared = 0
    for item in reference["best_traces"]?.array ?? []
    where item["atol"]?.double == 0.01 && item["rtol"]?.double == 0.01 {
      let expected = try #require(item["best"]?.array?.first?["trace"])
      let found = best?[try #require(item["definition"]?.string)]
      for member in ["solution", "uuid", "speedup"] { #expect(found?[member] ?? .null == expected[member] ?? .null) }
      compared += 1
    }
    #expect(compared == 3)
  }

  @Test func figuresThatAreNoNumbersAreText() throws {
    let sample = try SampleSet()
    try sample.write(
      SampleSet.trace().replacing(#""speedup_factor": 1.0"#, with: #""speedup_factor": Infinity"#),
      to: SampleSet.traceFile)
    let best = SetFigures(try sample.load()).json["best"]?["scale_n4"]
    #expect(best?["speedup"]?.string == "Infinity")
  }
}

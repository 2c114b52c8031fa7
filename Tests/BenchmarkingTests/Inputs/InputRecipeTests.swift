import Tensors
import Testing
import Traces

@testable import Benchmarking

struct InputRecipeTests {
  private static let recipes: [InputRecipe] = [
    .normal(1), .normal(0.5), .uniform(low: -1, high: 2), .choice([0, 0.5]), .normWeight, .scales, .probabilities,
    .topP,
    .topK("vocab_size"), .below("a*2"), .distinct("n"), .pages("num_pages"), .indptr("total_q"), .lastPageLength,
    .lengths("a"), .packedExperts("e"), .rotaryTable, .blocks(.q4_k), .scaledKeyPages, .bits,
    .integers(low: -3, high: 9),
  ]

  @Test("a recipe's text is read back", arguments: recipes)
  func textIsReadBack(_ recipe: InputRecipe) throws {
    let read = try InputRecipe(text: recipe.description)
    #expect(read.description == recipe.description)
  }

  @Test(
    "what is no recipe is refused",
    arguments: [
      "", "norm", "normal(", "normal(a)", "normal(nan)", "uniform(2, 1)", "below", "below()", "choice(a)", "blocks(Q9)",
      "integers(1)", "integers(5, 1)", "integers(-9223372036854775808, 9223372036854775807)", "normal(1))(", "top_p(3)",
    ])
  func nonsenseIsRefused(_ text: String) {
    let error = #expect(throws: WorkloadError.self) { try InputRecipe(text: text) }
    #expect(error?.code == .invalidRule)
  }

  private func definition(tag: String, bound: Int = 5) throws -> Definition {
    try Definition(
      name: "d", opType: "x", axes: ["n": .var, "bound": .const(bound)], inputs: ["i": .tensor("n", dtype: .int64)],
      outputs: ["o": .tensor("n", dtype: .int64)], reference: "def run(i):\n  return i\n", tags: [tag])
  }

  @Test func `a tag decides how an input is made`() throws {
    func values(_ tag: String, n: Int = 5) throws -> [Int] {
      let inputs = try WorkloadInputs(definition(tag: tag), Workload(uuid: "u", axes: ["n": n]), seed: 3)
      return inputs.tensor("i")?.integers ?? []
    }
    #expect(try values("input:i=distinct(bound)").sorted() == [0, 1, 2, 3, 4])
    #expect(try values("input:i=integers(7, 7)") == [7, 7, 7, 7, 7])
    #expect(try values("input:i=indptr(bound * 4)").last == 20)
    #expect(try values("input:i=lengths(2)", n: 100).allSatisfy { 1...2 ~= $0 })
    #expect(try Set(values("input:i=below(bound)", n: 200)) == [0, 1, 2, 3, 4])
  }

  @Test func `a recipe that cannot be followed names the input`() throws {
    func error(_ tag: String, n: Int = 6, bound: Int = 5) throws -> WorkloadError? {
      do throws(WorkloadError) {
        let definition: Definition
        do { definition = try self.definition(tag: tag, bound: bound) } catch { return nil }
        _ = try WorkloadInputs(definition, Workload(uuid: "u", axes: ["n": n]), seed: 3)
        return nil
      } catch { return error }
    }
    #expect(try error("input:i=distinct(bound)")?.subject == "i")
    #expect(try error("input:i=distinct(bound)")?.reason.contains("6 different") == true)
    #expect(try error("input:i=below(bound)", bound: 0)?.code == .signature)
    #expect(try error("input:i=below(nothing)")?.code == .invalidRule)
    #expect(try error("input:i=below(1 +)")?.code == .invalidRule)
    #expect(try error("input:i=gaussian")?.code == .invalidRule)
  }

  @Test func `different indices below a huge bound need no table of all`() throws {
    let tensor = Tensor(.int64, [1000])
    IntegerFilling.distinct(
      tensor, CounterRandom(seed: 1, name: "x"), 1000, below: 1 << 32, width: 1000, padding: -1)
    #expect(Set(tensor.integers).count == 1000)
    #expect(tensor.integers.allSatisfy { 0..<1 << 32 ~= $0 })
    // Both ways of shuffling are one formula.
    let small = Tensor(.int64, [2, 30]), table = CounterRandom(seed: 1, name: "x")
    IntegerFilling.distinct(small, table, 20, below: 40, width: 30, padding: -1)
    #expect(small.integers.filter { $0 == -1 }.count == 20)
    #expect(Set(small.integers[..<20]).count == 20 && Set(small.integers[30..<50]).count == 20)
  }
}

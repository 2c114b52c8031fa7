import Testing

@testable import Traces

@Suite struct SignatureTests {
  static func gemm() throws -> Definition {
    try Definition(
      name: "gemm", opType: "gemm", axes: ["M": .var, "N": .const(4), "K": .const(8), "B": .var],
      inputs: [
        "A": .tensor("M", "K", dtype: .float16), "s": .scalar(.float32), "W": .tensor("N", "K", dtype: .float16),
        "bias": .tensor("B", "M", dtype: .float16),
      ], outputs: ["C": .tensor("M", "N", dtype: .float16), "lse": .scalar(.float32)], reference: "def run(): pass")
  }

  @Test func axesAreReadFromTheShapesOfInputs() throws {
    let gemm = try Self.gemm()
    #expect(gemm.constAxes == ["N": 4, "K": 8])
    #expect(gemm.varAxes == ["M", "B"])
    #expect(gemm.varAxesBindings.names == ["M", "B"])
    #expect(gemm.varAxesBindings["B"] == Definition.AxisBinding(input: "bias", argument: 3, dimension: 0))
    #expect(try gemm.axisValues(ofShapes: [[3, 8], nil, [4, 8], [2, 3]]) == ["M": 3, "B": 2])
    #expect(try gemm.axisValues(ofShapes: [[3, 99], nil, [1, 1], [2, 3], [7]]) == ["M": 3, "B": 2])
    #expect(try gemm.inputShapes(axes: ["M": 3, "B": 2, "K": 5, "Z": 1]) == [[3, 8], nil, [4, 8], [2, 3]])
    #expect(try gemm.outputShapes(axes: ["M": 0]) == [[0, 4], nil])
  }

  @Test func disagreementsNameTheArgumentAndTheAxis() throws {
    let gemm = try Self.gemm()
    func reason(_ shapes: [[Int]?]) -> SignatureError.Reason? {
      do throws(SignatureError) {
        _ = try gemm.axisValues(ofShapes: shapes)
        return nil
      } catch { return error.reason }
    }
    #expect(reason([[3]]) == .rank(argument: "A", expected: ["M", "K"], found: [3]))
    #expect(reason([nil]) == .rank(argument: "A", expected: ["M", "K"], found: nil))
    #expect(reason([[3, 8], nil, [4, 8], [2, 4]]) == .conflict(axis: "M", "A", 3, "bias", 4))
    #expect(reason([[3, 8]]) == .missingAxes(["B"]))
    #expect(reason([]) == .missingAxes(["M", "B"]))
    #expect(
      gemm.disagreement(withShapes: [[3, 8], nil, [5, 8]])?.reason
        == .constant(axis: "N", value: 4, argument: "W", shape: [5, 8]))
    #expect(gemm.disagreement(withShapes: [[3, 8], nil, [4, 8], [2, 3]]) == nil)
    #expect(throws: SignatureError.self) { try gemm.outputShapes(axes: [:]) }
  }

  @Test func namedArgumentsFollowPositionalOnesUntilTheFirstGap() throws {
    let gemm = try Self.gemm()
    #expect(try gemm.mergedArguments([1, 2, 3, 4, 5, 6, 7]) == [1, 2, 3, 4, 5, 6, 7])
    #expect(try gemm.mergedArguments([1], named: ["W": 3, "s": 2, "bias": 4, "C": 5, "lse": 6]) == [1, 2, 3, 4, 5, 6])
    #expect(try gemm.mergedArguments([1], named: ["W": 3, "other": 9]) == [1])
    #expect(throws: SignatureError.self) { try gemm.mergedArguments([1], named: ["A": 1]) }
    #expect(throws: SignatureError.self) { try gemm.mergedArguments([1, 2, 3, 4, 5, 6, 7], named: ["A": 1]) }
  }

  @Test func anInPlaceOutputNamesItsInput() throws {
    let definition = try Definition(
      name: "add", opType: "norm", axes: ["n": .var],
      inputs: ["x": .tensor("n", dtype: .float32), "r": .tensor("n", dtype: .float32)],
      outputs: ["r_out": .tensor("n", dtype: .float32, param: "r"), "y": .tensor("n", dtype: .float32)],
      reference: "def run(): pass")
    #expect(definition.inPlaceInput(ofOutput: "r_out") == 1)
    #expect(definition.inPlaceInput(ofOutput: "y") == nil)
    #expect(try Definition(json: definition.json).inPlaceInput(ofOutput: "r_out") == 1)
  }

  @Test func aWorkloadMayRepeatConstantAxesThatAgree() throws {
    let gemm = try Self.gemm()
    #expect(try gemm.variableAxes(of: Workload(uuid: "u", axes: ["K": 8, "B": 2, "M": 3])) == ["M": 3, "B": 2])
    #expect(throws: SignatureError.self) {
      try gemm.variableAxes(of: Workload(uuid: "u", axes: ["K": 9, "B": 2, "M": 3]))
    }
    #expect(throws: SignatureError.self) { try gemm.variableAxes(of: Workload(uuid: "u", axes: ["M": 3])) }
  }
}

import JSONText
import Testing

@testable import Traces

@Suite struct DefinitionTests {
  @Test func everyPublishedDefinitionLoadsAndIsWrittenBackByteForByte() throws {
    #expect(FixtureFiles.definitions.count == 97)
    for path in FixtureFiles.definitions {
      let bytes = try FixtureFiles.bytes(path)
      do {
        let definition = try Definition(json: bytes)
        #expect(definition.json == bytes)
        #expect(path.hasSuffix("/" + definition.opType + "/" + definition.name + ".json"))
      } catch {
        Issue.record("\(path): \(error)")
      }
    }
  }

  @Test func everyPublishedDefinitionKeepsItsMembersInACopyThatIsNotChanged() throws {
    for path in FixtureFiles.definitions {
      let bytes = try FixtureFiles.bytes(path)
      let copy = try Definition(json: bytes).with()
      #expect(try JSONValue(parsing: copy.json) == JSONValue(parsing: bytes), "\(path)")
    }
  }

  @Test func aDefinitionMadeInCodeWritesOnlyTheFieldsThatWereSet() throws {
    let definition = try Definition(
      name: "rmsnorm_d8", opType: "rmsnorm", axes: ["batch": .var, "hidden": .const(8)],
      inputs: ["x": .tensor("batch", "hidden", dtype: .bfloat16), "eps": .scalar(.float32)],
      outputs: ["out": .tensor("batch", "hidden", dtype: .bfloat16)], reference: "def run(x, eps):\n  return x\n")
    let text = String(decoding: definition.json, as: UTF8.self)
    #expect(
      text == """
        {
          "name": "rmsnorm_d8",
          "op_type": "rmsnorm",
          "axes": {
            "batch": {
              "type": "var"
            },
            "hidden": {
              "type": "const",
              "value": 8
            }
          },
          "inputs": {
            "x": {
              "shape": [
                "batch",
                "hidden"
              ],
              "dtype": "bfloat16"
            },
            "eps": {
              "shape": null,
              "dtype": "float32"
            }
          },
          "outputs": {
            "out": {
              "shape": [
                "batch",
                "hidden"
              ],
              "dtype": "bfloat16"
            }
          },
          "reference": "def run(x, eps):\\n  return x\\n"
        }
        """)
    #expect(try Definition(json: definition.json) == definition)
  }
}

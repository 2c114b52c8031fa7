import TestSupport
import Testing

@testable import Checkpoints

@Suite("Dequantisation")
struct DequantizationTests {
  @Test("Every format gives the values of an independent implementation", arguments: WeightFormat.allCases)
  func agrees(_ format: WeightFormat) throws {
    let cases = try #require(try Fixtures.json("checkpoints/dequantization.json").array)
    let found = try #require(cases.first { $0["format"]?.string == format.rawValue })
    let blocks = try hexadecimal(found["blocks"]?.string), raw = try hexadecimal(found["values"]?.string)
    let expected = raw.withUnsafeBytes { raw in
      (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    try #require(expected.count == blocks.count / format.blockBytes * format.blockElements && !expected.isEmpty)
    let values = [Float](unsafeUninitializedCapacity: expected.count) { output, count in
      blocks.withUnsafeBytes { Dequantization.dequantize($0, format: format, into: output) }
      count = expected.count
    }
    for (i, (value, wanted)) in zip(values, expected).enumerated() {
      // Both compute in float32; they may differ by where they round.
      let tolerance = max(abs(wanted), 0.01) * 1e-6
      #expect(abs(value - wanted) <= tolerance, "\(format.rawValue)[\(i)] is \(value), expected \(wanted)")
    }
  }

  @Test("A row is what the whole tensor has in its place")
  func rows() throws {
    let folder = try TemporaryFolder()
    var file = GGUFBuilder()
    file.tensors = [.init("a", [256, 2, 2], .q5_k), .init("b", [64, 3], .q4_1), .init("c", [5], .f32)]
    let opened = try GGUFFile.open(try folder.write(file.build(), to: "rows.gguf"))
    for tensor in opened.tensors.values {
      let all = tensor.dequantized()
      #expect(all.count == tensor.elementCount)
      let joined = (0..<tensor.rowCount).flatMap { tensor.dequantizedRow($0) }
      #expect(joined.map(\.bitPattern) == all.map(\.bitPattern))
    }
    #expect(opened.tensors["a"]?.shape == [2, 2, 256])
    #expect(opened.tensors["a"]?.rowCount == 4)
    #expect(opened.tensors["a"]?.rowBytes == 176)
  }

  private func hexadecimal(_ text: String?) throws -> [UInt8] {
    let digits = try #require(text).utf8.map { $0 > 57 ? $0 - 87 : $0 - 48 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

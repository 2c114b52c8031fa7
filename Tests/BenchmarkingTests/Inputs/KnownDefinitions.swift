import Checkpoints
import FoundationEssentials
import Kernels
import TestSupport
import Traces

/// Definitions that must get valid inputs: those of the program's own operations, and the public data set's.
enum KnownDefinitions {
  static let rooms: [Definition] =
    [
      RMSNorm.definition(hiddenSize: 33), FusedAddRMSNorm.definition(hiddenSize: 64),
      SiluAndMul.definition(intermediateSize: 48),
    ]
    + [
      Sampler.definition(vocabularySize: 1000),
      RotaryEmbedding.definition(
        queryHeads: 4, keyValueHeads: 2, headDimension: 16, rotaryDimension: 8, style: .neox),
      KeyValueStore.definition(keyValueHeads: 2, headDimension: 8, pageSize: 16, cacheType: .float16),
      PagedAttention.definition(queryHeads: 4, keyValueHeads: 2, headDimension: 16, pageSize: 16, cacheType: .float16),
      PagedAttention.definition(
        queryHeads: 4, keyValueHeads: 1, headDimension: 16, pageSize: 1, cacheType: .float32, window: 5),
      KeyValueStore.definition(keyValueHeads: 2, headDimension: 24, pageSize: 4, cacheType: .int8),
      PagedAttention.definition(queryHeads: 4, keyValueHeads: 2, headDimension: 16, pageSize: 16, cacheType: .int8),
    ]
    + WeightFormat.allCases.flatMap {
      [
        Gemm.definition(format: $0, features: 19, inputs: 256, hasBias: $0 == .q8_0),
        Embedding.definition(format: $0, vocabularySize: 40, hiddenSize: 256),
      ]
    }

  /// The public definitions with their largest constants divided by 64 and at most 16 experts, so that they fit a test.
  static let publicOnes: [Definition] = files("definitions", ".json").compactMap { path in
    guard let bytes = FileManager.default.contents(atPath: path), let definition = try? Definition(json: Array(bytes))
    else { return nil }
    var axes = definition.axes
    for (name, axis) in axes {
      guard let value = axis.value else { continue }
      if name.contains("experts") {
        axes[name] = .const(min(value, 16))
      } else if value > 256 {
        axes[name] = .const(value / 64)
      }
    }
    return try? definition.with(axes: axes)
  }

  static let all = rooms + publicOnes

  /// As they are published.
  static func published(_ name: String) throws -> Definition {
    let path = files("definitions", ".json").first { $0.hasSuffix("/\(name).json") }
    let bytes = path.flatMap { FileManager.default.contents(atPath: $0) }
    return try Definition(json: Array(bytes ?? .init()))
  }

  static func files(_ folder: String, _ suffix: String) -> [String] {
    let root = Fixtures.path("flashinfer-trace/" + folder)
    let found = (try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []
    return found.filter { $0.hasSuffix(suffix) }.sorted().map { root + "/" + $0 }
  }
}

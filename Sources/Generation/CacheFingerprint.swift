import Checkpoints
import KernelRuntime
import Models
import PageStorage

/// What the bytes of a page of keys and values depend on beside its tokens.
enum CacheFingerprint {
  /// - library: after the model was loaded, so that its decisions are known.
  static func fields(
    _ files: ModelFiles, library: KernelLibrary, options: ModelEngineOptions
  ) -> [CacheArchiveHeader.Field] {
    [
      .init("program", options.programMark),
      .init("model", files.name),
      .init("configuration", "\(files.configuration)"),
      .init("weights", weights(files)),
      .init("kv_type", options.kvType.rawValue),
      .init("kernels", kernels(library)),
    ]
  }

  /// Every kernel that was bound, for each layer and kind of step.
  private static func kernels(_ library: KernelLibrary) -> String {
    let decisions = library.switchboard?.decisions ?? []
    let lines = decisions.map { decision in
      let place = [decision.layer.map { "layer \($0)" }, decision.phase.map { "\($0)" }].compactMap { $0 }
      return "\(decision.definition) \(place.joined(separator: " ")): \(decision.chosen.map { "\($0)" } ?? "")"
    }
    return digest { add in for line in lines.sorted() { for byte in line.utf8 { add(UInt64(byte)) } } }
  }

  /// Names, shapes and formats of all weights, and of each some of its bytes, spread over it: another model, another
  /// quantisation and another training differ nearly everywhere.
  private static func weights(_ files: ModelFiles) -> String {
    let all = files.allWeights.map { ("\($0.key)", $0.value) }.sorted { $0.0 < $1.0 }
    return digest { add in
      for (name, weight) in all {
        for byte in "\(name) \(weight.shape) \(weight.format)".utf8 { add(UInt64(byte)) }
        let (owner, pointer) = weight.retainedBytes
        withExtendedLifetime(owner) {
          let words = weight.byteCount / 8
          for sample in 0..<min(words, 32) {
            add(pointer.loadUnaligned(fromByteOffset: words * sample / 32 * 8, as: UInt64.self))
          }
        }
        weight.releasePages()
      }
    }
  }

  /// FNV-1a over words (Fowler, Noll and Vo), in hexadecimal.
  private static func digest(_ body: ((UInt64) -> Void) -> Void) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    body { word in
      hash = (hash ^ word) &* 0x100_0000_01B3
      hash ^= hash >> 29
    }
    return String(hash, radix: 16)
  }
}

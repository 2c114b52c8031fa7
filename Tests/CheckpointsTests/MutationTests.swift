import TestSupport
import Testing

@testable import Checkpoints

@Suite("Mutated weight files are opened whole or refused")
struct MutationTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// How many copies were opened and how many refused.
  struct Tally {
    var opened = 0, refused = 0
    func report(_ what: String) {
      print("\(what): \(opened) mutated copies opened, \(refused) refused")
      #expect(opened > 0 && refused > 0, "\(what): the mutations are too weak or too strong")
    }
  }

  /// Opens and uses a mutated file; what it throws must be a refusal that names the file.
  private func use(_ path: String, _ what: String, _ tally: inout Tally, _ body: () throws -> Void) {
    do {
      try body()
      tally.opened += 1
    } catch let error as CheckpointError {
      #expect(error.file == path && !error.reason.isEmpty, "\(what): \(error)")
      tally.refused += 1
    } catch {
      Issue.record("\(what): threw \(error)")
    }
  }

  @Test("200 copies of a GGUF file")
  func gguf() throws {
    var file = GGUFBuilder.smallLlama()
    file.keys += [
      ("x.nested", .array(of: 9, [.int32s([1, 2]), .strings(["p", "q"]), .array(of: 9, [.int32s([3])])])),
      ("x.flags", .array(of: 7, [.bool(true), .bool(false)])),
    ]
    file.tensors += [
      .init("x.k4", [256, 2], .q4_k), .init("x.k5", [256], .q5_k), .init("x.k6", [256, 1, 2], .q6_k),
    ]
    let (header, data) = file.sections()
    let whole = header + data
    var tally = Tally()
    for seed in 0..<200 {
      var mutation = FileMutation(seed: UInt64(seed), focus: [0..<header.count, 0..<64])
      let (bytes, what) = mutation.mutate(whole)
      let path = try folder.write(bytes, to: "\(seed).gguf")
      use(path, "seed \(seed), \(what)", &tally) {
        let opened = try GGUFFile.open(path)
        for tensor in opened.tensors.values { #expect(tensor.dequantized().count == tensor.elementCount) }
        for value in opened.metadata.values { try read(value) }
      }
      folder.remove("\(seed).gguf")
    }
    tally.report("GGUF")
  }

  @Test("200 copies of a safetensors file")
  func safetensors() throws {
    let file = SafetensorsBuilder([
      ("embed", "F32", [8, 4], 128), ("norm", "BF16", [4], 8), ("q", "F16", [4, 4], 32), ("scalar", "F32", [], 4),
    ])
    let whole = file.build()
    var tally = Tally()
    for seed in 0..<200 {
      var mutation = FileMutation(seed: UInt64(seed), focus: [0..<file.headerBytes, 0..<10])
      var (bytes, what) = mutation.mutate(whole)
      // Digits of the header blown up, in a third of the copies.
      if seed % 3 == 0 { (bytes, what) = digits(whole, in: 8..<file.headerBytes, seed: seed) }
      let path = try folder.write(bytes, to: "\(seed).safetensors")
      use(path, "seed \(seed), \(what)", &tally) {
        for tensor in try SafetensorsFile.open(path).tensors.values {
          #expect(tensor.dequantized().count == tensor.elementCount)
        }
      }
      folder.remove("\(seed).safetensors")
    }
    tally.report("safetensors")
  }

  /// A number of the header replaced by another; the length before the header stays right.
  private func digits(_ whole: [UInt8], in header: Range<Int>, seed: Int) -> ([UInt8], String) {
    var random = SplitMix(seed: UInt64(seed) + 1000)
    let places = header.filter { (48...57).contains(whole[$0]) && !(48...57).contains(whole[$0 - 1]) }
    let values = ["0", "-1", "7", "4294967296", "9223372036854775807", "18446744073709551615", "1e3", "128", "null"]
    guard let at = places.randomElement(using: &random), let value = values.randomElement(using: &random) else {
      return (whole, "nothing")
    }
    let end = whole[at...].firstIndex { !(48...57).contains($0) } ?? at
    let text = whole[8..<at] + Array(value.utf8) + whole[end..<header.upperBound]
    return (little(UInt64(text.count)) + text + whole[header.upperBound...], "byte \(at) became \(value)")
  }

  @Test("50 copies of the default model's header", .enabled(if: Fixtures.defaultModel != nil))
  func defaultModel() throws {
    let model = try #require(Fixtures.defaultModel)
    let original = try GGUFFile.open(model)
    let dataStart = try #require(original.tensors.values.map(\.fileOffset).min())
    let header = original.file.withBytes { Array($0[..<dataStart]) }
    let vocabulary = try #require(original.metadata["tokenizer.ggml.tokens"]?.array?.range)
    let merges = try #require(original.metadata["tokenizer.ggml.merges"]?.array?.range)
    var tally = Tally()
    for seed in 0..<50 {
      // The small keys before the vocabulary, its beginning, and what comes after the merges: most of it tensors.
      let focus = [0..<vocabulary.lowerBound + 64, merges.upperBound..<dataStart, merges.lowerBound..<dataStart]
      var mutation = FileMutation(seed: UInt64(seed), focus: focus)
      let (bytes, what) = mutation.mutate(header)
      // The weights are a hole of the right size: zeros that take no room.
      let tail = bytes.count < dataStart - 64 ? 0 : original.file.byteCount - bytes.count
      let path = try folder.write(bytes, to: "model.gguf", holeBytes: tail)
      use(path, "seed \(seed), \(what)", &tally) {
        let opened = try GGUFFile.open(path)
        for tensor in opened.tensors.values {
          #expect(tensor.dequantizedRow(0).count == tensor.rowElements)
          #expect(tensor.dequantizedRow(tensor.rowCount - 1).count == tensor.rowElements)
        }
        for value in opened.metadata.values { try read(value) }
      }
      folder.remove("model.gguf")
    }
    tally.report("the default model's header")
  }

  /// Reads an array with all that is in it, and checks that it holds what it says.
  private func read(_ value: GGUFValue) throws {
    guard let array = value.array else { return }
    if let strings = try array.strings() {
      #expect(strings.count == array.count)
      return
    }
    if let integers = try array.integers() { #expect(integers.count == array.count) }
    if array.count > 10_000 { return }
    let values = try array.values()
    #expect(values.count == array.count)
    for value in values { try read(value) }
  }
}

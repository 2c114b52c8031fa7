import Checkpoints
import JSONText
import TestSupport
import Testing

@testable import Models

@Suite("Mutated models are opened whole or refused")
struct MutatedModelTests {
  struct Tally {
    var opened = 0, refused = 0
    func report(_ what: String) {
      print("\(what): \(opened) mutated copies opened, \(refused) refused")
      #expect(opened > 0 && refused > 0, "\(what): the mutations are too weak or too strong")
    }
  }

  /// Opens a model and reads every weight that its configuration names; a refusal must name a file below `path`.
  private func use(_ path: String, _ what: String, _ tally: inout Tally) {
    do {
      let files = try ModelFiles.open(path)
      for role in WeightRole.all(files.configuration) {
        let weight = try files.weight(role)
        #expect(weight.shape == role.shape(files.configuration), "\(what): \(role)")
        #expect(weight.dequantized().count == weight.elementCount, "\(what): \(role)")
      }
      #expect(files.stopTokenIDs.allSatisfy { (0..<files.configuration.vocabularySize).contains(Int($0)) })
      tally.opened += 1
    } catch {
      #expect(error.file.hasPrefix(path) && !error.reason.isEmpty, "\(what): \(error)")
      tally.refused += 1
    }
  }

  @Test("200 copies of a GGUF model")
  func gguf() throws {
    let folder = try TemporaryFolder()
    let (header, data) = GGUFBuilder.smallLlama().sections()
    var tally = Tally()
    for seed in 0..<200 {
      var mutation = FileMutation(seed: UInt64(seed) + 5000, focus: [0..<header.count, 24..<700])
      let (bytes, what) = mutation.mutate(header + data)
      use(try folder.write(bytes, to: "\(seed).gguf"), "seed \(seed), \(what)", &tally)
      folder.remove("\(seed).gguf")
    }
    tally.report("a GGUF model")
  }

  @Test("300 copies of a Hugging Face folder")
  func huggingFace() throws {
    let folder = try ModelFolder()
    var tally = Tally()
    let files = ["config.json", "config.json", "generation_config.json", "tokenizer_config.json", "model.safetensors"]
    for seed in 0..<300 {
      let file = files[seed % files.count]
      let what: String
      if file != "model.safetensors", seed % 3 > 0 {
        what = try changeMember(of: file, in: folder, seed: seed)
      } else {
        let original = try Fixtures.bytes("families/llama/" + file)
        // The header of this safetensors file is 2.4 kB long.
        let focus = [0..<10, 0..<min(original.count, 2400)]
        var mutation = FileMutation(seed: UInt64(seed), focus: file == "model.safetensors" ? focus : [focus[1]])
        let (bytes, change) = mutation.mutate(original)
        try folder.folder.write(bytes, to: file)
        what = change
      }
      use(folder.path, "seed \(seed), \(file): \(what)", &tally)
      try folder.restore(file)
    }
    tally.report("a Hugging Face folder")
  }

  private static let values: [JSONValue] = [
    .null, .bool(true), .bool(false), .int(0), .int(-1), .int(1), .int(3), .int(Int.max), .int(Int.min), .double(0.5),
    .double(1e300), .double(-1e300), .double(.nan), .double(.infinity), .string(""), .string("x\u{1}\u{202E}"),
    .string(String(repeating: "y", count: 100_000)), .array([]), .array([.int(1), .string("2")]), .object(JSONObject()),
    .number(JSONNumber(text: "123456789012345678901234567890")), .array([.array([.array([])])]),
  ]

  /// Gives one member of a JSON file a value that may not belong there, or removes it.
  private func changeMember(of file: String, in folder: ModelFolder, seed: Int) throws -> String {
    var random = SplitMix(seed: UInt64(seed) + 9000)
    var keys = try #require(try Fixtures.json("families/llama/" + file).object).keys
    if file == "config.json" { keys += ["head_dim", "rope_parameters", "sliding_window", "quantization_config"] }
    if file == "generation_config.json" { keys += ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"] }
    let key = try #require(keys.randomElement(using: &random))
    let value = seed % 7 == 0 ? nil : Self.values.randomElement(using: &random)
    try folder.set(key, value, in: file)
    return "\(key) became \((value?.compact ?? "absent").prefix(60))"
  }
}

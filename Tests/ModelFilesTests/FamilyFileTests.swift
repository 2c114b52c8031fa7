import TestSupport
import Testing

@testable import Models

@Suite("Model folders of each family")
struct FamilyFileTests {
  struct Expected: Sendable, CustomTestStringConvertible {
    let folder: String
    let family: String
    /// Hidden, intermediate, layers, query heads, key-value heads, head dimension, vocabulary, context.
    let sizes: [Int]
    let theta: Double
    let epsilon: Float
    var scaling: RopeScaling?
    var window: Int?
    var hasBias = false, hasNorm = false, ties = true
    let stops: [Int32]
    var testDescription: String { folder }
  }

  static let expected = [
    Expected(
      folder: "llama", family: "llama", sizes: [32, 32, 2, 2, 2, 16, 288, 128], theta: 10000, epsilon: 1e-5,
      ties: false, stops: [2]),
    Expected(
      folder: "llama31", family: "llama", sizes: [48, 40, 2, 3, 1, 16, 256, 256], theta: 10000, epsilon: 1e-5,
      scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 32),
      stops: [250, 252, 253]),
    Expected(
      folder: "llama-linear", family: "llama", sizes: [48, 40, 2, 3, 1, 16, 256, 256], theta: 10000, epsilon: 1e-5,
      scaling: .linear(factor: 4), stops: [250]),
    Expected(
      folder: "mistral", family: "mistral", sizes: [32, 48, 2, 4, 2, 16, 256, 128], theta: 10000, epsilon: 1e-5,
      window: 10, stops: [2]),
    Expected(
      folder: "qwen2", family: "qwen2", sizes: [32, 48, 2, 2, 1, 16, 256, 128], theta: 1_000_000, epsilon: 1e-6,
      hasBias: true, stops: [255]),
    Expected(
      folder: "qwen3", family: "qwen3", sizes: [32, 48, 2, 4, 2, 16, 256, 128], theta: 1_000_000, epsilon: 1e-6,
      hasNorm: true, stops: [255, 254]),
  ]

  @Test("Configuration, weights and end tokens are those of the files", arguments: expected)
  func opens(_ expected: Expected) throws {
    let files = try ModelFiles.open(Fixtures.path("families/" + expected.folder))
    let c = files.configuration
    #expect(c.family == expected.family)
    let sizes = [
      c.hiddenSize, c.intermediateSize, c.layerCount, c.queryHeadCount, c.keyValueHeadCount, c.headDimension,
      c.vocabularySize, c.contextLength,
    ]
    #expect(sizes == expected.sizes)
    #expect(c.ropeTheta == expected.theta && c.rmsNormEpsilon == expected.epsilon && c.ropeStyle == .neox)
    #expect(c.ropeScaling == expected.scaling && c.slidingWindow == expected.window)
    #expect(c.hasQueryKeyValueBias == expected.hasBias && c.hasQueryKeyNorm == expected.hasNorm)
    #expect(c.tiesEmbeddings == expected.ties)
    #expect(files.stopTokenIDs == expected.stops)
    #expect(try files.weight(.embedding).shape == [c.vocabularySize, c.hiddenSize])
    #expect(try files.weight(.query(layer: 1)).shape == [c.queryHeadCount * c.headDimension, c.hiddenSize])
    #expect(try files.weight(.down(layer: 1)).shape == [c.hiddenSize, c.intermediateSize])
    let optional: [(WeightRole, Bool)] = [
      (.outputHead, !c.tiesEmbeddings), (.queryBias(layer: 1), c.hasQueryKeyValueBias),
      (.keyNorm(layer: 0), c.hasQueryKeyNorm), (.gate(layer: 2), false),
    ]
    for (role, isThere) in optional {
      if isThere {
        #expect(try files.weight(role).elementCount > 0)
      } else {
        #expect(throws: ModelLoadingError.self) { _ = try files.weight(role) }
      }
    }
  }

  @Test("A folder's tokenizer and template are handed on")
  func tokenizer() throws {
    let files = try ModelFiles.open(Fixtures.path("families/llama"))
    guard case .huggingFace(let json, let configuration) = files.tokenizer else {
      Issue.record("no tokenizer")
      return
    }
    #expect(json == (try Fixtures.bytes("families/llama/tokenizer.json")))
    #expect(configuration?["eos_token"]?.string == "<|im_end|>")
    #expect(files.chatTemplate?.contains("add_generation_prompt") == true)
    let bare = try ModelFiles.open(Fixtures.path("families/mistral"))
    #expect(bare.chatTemplate == nil)
    if case .absent = bare.tokenizer {} else { Issue.record("a tokenizer out of nothing") }
  }

  @Test("A template file comes before the one in tokenizer_config.json")
  func templateFile() throws {
    let folder = try ModelFolder()
    try folder.folder.write("from the file", to: "chat_template.jinja")
    #expect(try ModelFiles.open(folder.path).chatTemplate == "from the file")
  }

  @Test("Recommended sampling is read from generation_config.json")
  func sampling() throws {
    let folder = try ModelFolder()
    try folder.folder.write(
      #"{"do_sample":true,"temperature":0.5,"top_k":20,"top_p":0.75,"eos_token_id":[7,2]}"#,
      to: "generation_config.json")
    let files = try ModelFiles.open(folder.path)
    #expect(files.generationDefaults.temperature == 0.5 && files.generationDefaults.topK == 20)
    #expect(files.generationDefaults.topP == 0.75 && files.generationDefaults.minP == nil)
    #expect(files.stopTokenIDs == [7, 2])
  }
}

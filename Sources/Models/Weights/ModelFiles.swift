import Checkpoints
import JSONText

/// A model on disk, opened and checked: its configuration, weights, and what its tokenizer and template are made from.
///
///     let files = try ModelFiles.open("SmolLM2-135M-Instruct.Q4_1.gguf")     // or a Hugging Face folder
///     let weight = try files.weight(.query(layer: 0))
///
/// Invariant: every weight that the configuration needs is there, in the right shape and in a format that its rows
/// divide into; nothing else is there but a short list of tensors that are known to be useless.
public final class ModelFiles: Sendable {
  /// As it was given to `open`.
  public let path: String
  /// What the model calls itself, else the file's name.
  public let name: String
  public let configuration: DecoderConfiguration
  public let tokenizer: TokenizerSource
  /// The model's chat template in Jinja, if it has one.
  public let chatTemplate: String?
  /// All tokens that end an answer.
  public let stopTokenIDs: [Int32]
  public let generationDefaults: GenerationDefaults
  private let weights: [WeightRole: WeightTensor]

  init(_ contents: ModelContents, path: String) throws(ModelLoadingError) {
    self.path = path
    (name, configuration, tokenizer) = (contents.name, contents.configuration, contents.tokenizer)
    (chatTemplate, generationDefaults) = (contents.chatTemplate, contents.generationDefaults)
    stopTokenIDs = contents.stopTokenIDs
    weights = try WeightChecks.assign(contents)
  }

  /// Opens a .gguf file, a folder with one .gguf file, or a Hugging Face folder (config.json and safetensors).
  /// - Throws: `ModelLoadingError` naming the file, the key or tensor, what was found and what was expected.
  public static func open(_ path: String) throws(ModelLoadingError) -> ModelFiles {
    switch try ModelLocation.find(path) {
    case .gguf(let file): try ModelFiles(try GGUFModel.read(file), path: path)
    case .huggingFace(let folder): try ModelFiles(try HuggingFaceModel.read(folder), path: path)
    }
  }

  /// A weight that the configuration has.
  /// - Throws: `badWeight` when it has none for that role.
  public func weight(_ role: WeightRole) throws(ModelLoadingError) -> WeightTensor {
    guard let weight = weights[role] else {
      throw ModelLoadingError(.badWeight, file: path, subject: "\(role)", "the model has no such weight")
    }
    return weight
  }

  /// Every weight by its role.
  public var allWeights: [WeightRole: WeightTensor] { weights }

  public func optionalWeight(_ role: WeightRole) -> WeightTensor? { weights[role] }
}

/// What a tokenizer is made from, as plain data.
public enum TokenizerSource: Sendable {
  case gguf(GGUFTokenizer)
  /// `tokenizer.json`, and `tokenizer_config.json` if there is one.
  case huggingFace(tokenizerJSON: [UInt8], configuration: JSONValue?)
  /// The model has no tokenizer: it can be run on token ids only.
  case absent
}

/// The `tokenizer.ggml.*` keys of a GGUF file.
public struct GGUFTokenizer: Sendable {
  public var model: String
  public var pre: String?
  public var tokens: [String]
  public var types: [Int]?
  public var merges: [String]
  public var bos: Int?, eos: Int?, unk: Int?, pad: Int?
  public var addsBOS: Bool?, addsEOS: Bool?, addsSpacePrefix: Bool?
}

/// What the model's authors recommend for sampling; nil where they say nothing.
public struct GenerationDefaults: Sendable, Hashable {
  public var temperature: Float?
  public var topK: Int?
  public var topP: Float?
  public var minP: Float?
  public var repetitionPenalty: Float?
  public init() {}
}

/// What a reader found, before the weights are assigned to their roles.
struct ModelContents {
  var name: String
  /// For messages about weights.
  var file: String
  var configuration: DecoderConfiguration
  var tensors: [String: WeightTensor]
  /// What this format calls a weight.
  var weightName: @Sendable (WeightRole) -> String
  /// Tensors that may be there and are not weights of any role.
  var isIgnorable: @Sendable (String) -> Bool
  var tokenizer: TokenizerSource
  var chatTemplate: String?
  var stopTokenIDs: [Int32]
  var generationDefaults = GenerationDefaults()
}

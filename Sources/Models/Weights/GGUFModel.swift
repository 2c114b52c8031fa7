import Checkpoints

/// Reads a model out of a GGUF file: llama.cpp's key names (gguf.md).
enum GGUFModel {
  static func read(_ path: String) throws(ModelLoadingError) -> ModelContents {
    let file: GGUFFile
    do { file = try GGUFFile.open(path) } catch { throw ModelLoadingError(error) }
    let keys = GGUFKeys(path: path, metadata: file.metadata)
    let architecture = try keys.string("general.architecture")
    guard let family = ModelCatalog.family(ggufArchitecture: architecture) else {
      throw ModelLoadingError(
        .unknownArchitecture, file: path, subject: "general.architecture",
        "is \"\(printable(architecture))\"; supported are \(ModelCatalog.ggufArchitectures)")
    }
    let configuration = try configuration(family, architecture, keys, file.tensors)
    var stops: [StopToken] = []
    for name in ["eos_token_id", "eot_token_id", "eom_token_id"] {
      let key = "tokenizer.ggml.\(name)"
      if let id = try keys.optionalInt(key) { stops.append(StopToken(file: path, key: key, id: id)) }
    }
    return ModelContents(
      name: try keys.optionalString("general.name") ?? String(path.split(separator: "/").last ?? "model"), file: path,
      configuration: configuration, tensors: file.tensors, weightName: { $0.ggufName },
      isIgnorable: { $0 == "rope_freqs.weight" }, tokenizer: try tokenizer(keys),
      chatTemplate: try keys.optionalString("tokenizer.chat_template"),
      stopTokenIDs: try ConfigurationChecks.stopTokens(
        stops, vocabularySize: configuration.vocabularySize))
  }

  private static func configuration(
    _ family: Family, _ architecture: String, _ keys: GGUFKeys, _ tensors: [String: WeightTensor]
  ) throws(ModelLoadingError) -> DecoderConfiguration {
    func key(_ name: String) -> String { "\(architecture).\(name)" }
    guard let table = tensors[WeightRole.embedding.ggufName], table.shape.count == 2 else {
      throw ModelLoadingError(
        .badWeight, file: keys.path, subject: "tensor token_embd.weight", "missing, or not of two dimensions")
    }
    let hidden = try keys.int(key("embedding_length"))
    let heads = try keys.int(key("attention.head_count"))
    let keyLength = try keys.optionalInt(key("attention.key_length"))
    guard heads > 0, keyLength != nil || hidden.isMultiple(of: heads) else {
      throw ModelLoadingError(
        .badConfiguration, file: keys.path, subject: key("attention.head_count"),
        "is \(heads), expected a divisor of \(key("embedding_length")), which is \(hidden)")
    }
    let headDimension = keyLength ?? hidden / heads
    for (name, why) in [
      ("attention.value_length", "values of another size than keys"), ("rope.dimension_count", "partial rotation"),
    ] {
      if let value = try keys.optionalInt(key(name)), value != headDimension {
        throw ModelLoadingError(
          .unsupported, file: keys.path, subject: key(name),
          "is \(value), the head dimension is \(headDimension): \(why) is not supported")
      }
    }
    let configuration = DecoderConfiguration(
      family: family.name, vocabularySize: table.shape[0], hiddenSize: hidden,
      intermediateSize: try keys.int(key("feed_forward_length")), layerCount: try keys.int(key("block_count")),
      queryHeadCount: heads, keyValueHeadCount: try keys.optionalInt(key("attention.head_count_kv")) ?? heads,
      headDimension: headDimension, contextLength: try keys.int(key("context_length")),
      rmsNormEpsilon: Float(try keys.double(key("attention.layer_norm_rms_epsilon"))),
      ropeTheta: try keys.optionalDouble(key("rope.freq_base")) ?? 10000, ropeStyle: family.ggufRopeStyle,
      ropeScaling: try scaling(architecture, keys, tensors),
      hasQueryKeyValueBias: family.bias == .always || tensors[WeightRole.queryBias(layer: 0).ggufName] != nil,
      hasQueryKeyNorm: family.hasQueryKeyNorm,
      tiesEmbeddings: tensors[WeightRole.outputHead.ggufName] == nil,
      slidingWindow: try keys.optionalInt(key("attention.sliding_window")).flatMap { $0 == 0 ? nil : $0 })
    try ConfigurationChecks.check(configuration, file: keys.path) { $0.ggufKey(architecture) }
    return configuration
  }

  private static func scaling(
    _ architecture: String, _ keys: GGUFKeys, _ tensors: [String: WeightTensor]
  ) throws(ModelLoadingError) -> RopeScaling? {
    if let divisors = tensors["rope_freqs.weight"] {
      guard divisors.format == .f32, divisors.shape.count == 1 else {
        throw ModelLoadingError(
          .badWeight, file: keys.path, subject: "tensor rope_freqs.weight", "expected a vector of F32")
      }
      return .perFrequency(divisors.dequantized())
    }
    let type = try keys.optionalString("\(architecture).rope.scaling.type")
    switch type {
    case nil, "none": return nil
    case "linear": return .linear(factor: try keys.double("\(architecture).rope.scaling.factor"))
    default:
      throw ModelLoadingError(
        .unsupported, file: keys.path, subject: "\(architecture).rope.scaling.type",
        "is \"\(printable(type ?? ""))\"; supported are none and linear")
    }
  }

  private static func tokenizer(_ keys: GGUFKeys) throws(ModelLoadingError) -> TokenizerSource {
    func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
    guard let model = try keys.optionalString(key("model")), model != "none" else { return .absent }
    return .gguf(
      GGUFTokenizer(
        model: model, pre: try keys.optionalString(key("pre")), tokens: try keys.strings(key("tokens")) ?? [],
        types: try keys.integers(key("token_type")), merges: try keys.strings(key("merges")) ?? [],
        bos: try keys.optionalInt(key("bos_token_id")), eos: try keys.optionalInt(key("eos_token_id")),
        unk: try keys.optionalInt(key("unknown_token_id")), pad: try keys.optionalInt(key("padding_token_id")),
        addsBOS: try keys.optionalBool(key("add_bos_token")), addsEOS: try keys.optionalBool(key("add_eos_token")),
        addsSpacePrefix: try keys.optionalBool(key("add_space_prefix"))))
  }
}

extension ModelLoadingError {
  init(_ error: CheckpointError) {
    self.init(
      error.code == .unreadable ? .unreadable : .badCheckpoint, file: error.file, subject: error.subject, error.reason)
  }
}

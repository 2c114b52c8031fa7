import Checkpoints
import JSONText

/// `config.json` of the supported families.
enum HuggingFaceConfiguration {
  static func read(_ fields: JSONFields) throws(ModelLoadingError) -> DecoderConfiguration {
    let architectures = try fields.optionalStrings("architectures") ?? []
    let modelType = try fields.optionalString("model_type")
    guard let family = ModelCatalog.family(architectures: architectures, modelType: modelType) else {
      throw ModelLoadingError(
        .unknownArchitecture, file: fields.file, subject: "architectures",
        "is \(architectures.isEmpty ? "missing" : architectures.map(printable).joined(separator: ", ")); supported are "
          + ModelCatalog.architectures)
    }
    try refuseUnsupported(fields, family)
    let hidden = try fields.int("hidden_size"), heads = try fields.int("num_attention_heads")
    let headDimension = try fields.optionalInt("head_dim")
    guard heads > 0, headDimension != nil || hidden.isMultiple(of: heads) else {
      throw fields.failure("num_attention_heads", "is \(heads), expected a divisor of hidden_size, which is \(hidden)")
    }
    let layers = try fields.int("num_hidden_layers")
    let (theta, scaling) = try rope(fields)
    let configuration = DecoderConfiguration(
      family: family.name, vocabularySize: try fields.int("vocab_size"), hiddenSize: hidden,
      intermediateSize: try fields.int("intermediate_size"), layerCount: layers, queryHeadCount: heads,
      keyValueHeadCount: try fields.optionalInt("num_key_value_heads") ?? heads,
      headDimension: headDimension ?? hidden / heads,
      contextLength: try fields.int("max_position_embeddings"),
      rmsNormEpsilon: Float(try fields.double("rms_norm_eps")), ropeTheta: theta, ropeStyle: .neox,
      ropeScaling: scaling, hasQueryKeyValueBias: try bias(fields, family), hasQueryKeyNorm: family.hasQueryKeyNorm,
      tiesEmbeddings: try fields.optionalBool("tie_word_embeddings") ?? family.tiesEmbeddingsByDefault,
      slidingWindow: try window(fields, family, layers: layers))
    try ConfigurationChecks.check(configuration, file: fields.file) { $0.huggingFaceKey }
    return configuration
  }

  private static func refuseUnsupported(_ fields: JSONFields, _ family: Family) throws(ModelLoadingError) {
    func unsupported(_ key: String, _ reason: String) -> ModelLoadingError {
      ModelLoadingError(.unsupported, file: fields.file, subject: key, reason)
    }
    if let activation = try fields.optionalString("hidden_act"), activation != "silu" {
      throw unsupported("hidden_act", "is \"\(printable(activation))\"; supported is silu")
    }
    if try fields.optionalBool("mlp_bias") == true { throw unsupported("mlp_bias", "is true; supported is false") }
    if let part = try fields.optionalDouble("partial_rotary_factor"), part != 1 {
      throw unsupported("partial_rotary_factor", "is \(part); supported is 1")
    }
    if let quantization = fields.object["quantization_config"], !quantization.isNull {
      throw unsupported("quantization_config", "quantised safetensors are not supported; use GGUF")
    }
  }

  private static func bias(_ fields: JSONFields, _ family: Family) throws(ModelLoadingError) -> Bool {
    switch family.bias {
    case .always: return true
    case .never: return false
    case .configured:
      guard try fields.optionalBool("attention_bias") == true else { return false }
      throw ModelLoadingError(
        .unsupported, file: fields.file, subject: "attention_bias",
        "is true: \(family.name) then has a bias on the output projection too, which is not supported")
    }
  }

  private static func window(
    _ fields: JSONFields, _ family: Family, layers: Int
  ) throws(ModelLoadingError) -> Int? {
    switch family.window {
    case .never: return nil
    case .always: return try fields.optionalInt("sliding_window")
    case .ifSwitchedOn:
      guard try fields.optionalBool("use_sliding_window") == true,
        let window = try fields.optionalInt("sliding_window")
      else { return nil }
      // Layers from max_window_layers on have the window: all of them or none is supported.
      let first = try fields.optionalInt("max_window_layers") ?? 0
      if first >= layers { return nil }
      if first == 0 { return window }
      throw ModelLoadingError(
        .unsupported, file: fields.file, subject: "max_window_layers",
        "is \(first) of \(layers) layers: a window on some layers only is not supported")
    }
  }

  /// `rope_theta` and `rope_scaling`, or both inside `rope_parameters`.
  private static func rope(_ fields: JSONFields) throws(ModelLoadingError) -> (Double, RopeScaling?) {
    let inner = try fields.optionalObject("rope_parameters")
    let outer = try fields.optionalObject("rope_scaling")
    let scalingObject = inner ?? outer
    let innerFields = JSONFields(file: fields.file, object: inner ?? JSONObject())
    let innerTheta = try innerFields.optionalDouble("rope_theta"), outerTheta = try fields.optionalDouble("rope_theta")
    let theta = innerTheta ?? outerTheta ?? 10000
    guard let scalingObject else { return (theta, nil) }
    let scaling = JSONFields(file: fields.file, object: scalingObject)
    let newType = try scaling.optionalString("rope_type"), oldType = try scaling.optionalString("type")
    let type = newType ?? oldType ?? "default"
    switch type {
    case "default": return (theta, nil)
    case "linear": return (theta, .linear(factor: try scaling.double("factor")))
    case "llama3":
      return (
        theta,
        .llama3(
          factor: try scaling.double("factor"), lowFrequencyFactor: try scaling.double("low_freq_factor"),
          highFrequencyFactor: try scaling.double("high_freq_factor"),
          originalContextLength: try scaling.int("original_max_position_embeddings"))
      )
    default:
      throw ModelLoadingError(
        .unsupported, file: fields.file, subject: "rope_scaling",
        "is of type \"\(printable(type))\"; supported are linear and llama3")
    }
  }
}

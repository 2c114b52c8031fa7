/// The numbers of a configuration that are checked, so that an error can name the key that holds one.
enum ConfigurationNumber {
  case vocabularySize, hiddenSize, intermediateSize, layerCount, queryHeadCount, keyValueHeadCount, headDimension
  case contextLength, normEpsilon, ropeTheta, ropeScaling, slidingWindow

  /// Its key in `config.json`.
  var huggingFaceKey: String {
    switch self {
    case .vocabularySize: "vocab_size"
    case .hiddenSize: "hidden_size"
    case .intermediateSize: "intermediate_size"
    case .layerCount: "num_hidden_layers"
    case .queryHeadCount: "num_attention_heads"
    case .keyValueHeadCount: "num_key_value_heads"
    case .headDimension: "head_dim"
    case .contextLength: "max_position_embeddings"
    case .normEpsilon: "rms_norm_eps"
    case .ropeTheta: "rope_theta"
    case .ropeScaling: "rope_scaling"
    case .slidingWindow: "sliding_window"
    }
  }

  /// Its key in a GGUF file.
  func ggufKey(_ architecture: String) -> String {
    switch self {
    case .vocabularySize: "tensor token_embd.weight"
    case .hiddenSize: "\(architecture).embedding_length"
    case .intermediateSize: "\(architecture).feed_forward_length"
    case .layerCount: "\(architecture).block_count"
    case .queryHeadCount: "\(architecture).attention.head_count"
    case .keyValueHeadCount: "\(architecture).attention.head_count_kv"
    case .headDimension: "\(architecture).attention.key_length"
    case .contextLength: "\(architecture).context_length"
    case .normEpsilon: "\(architecture).attention.layer_norm_rms_epsilon"
    case .ropeTheta: "\(architecture).rope.freq_base"
    case .ropeScaling: "\(architecture).rope.scaling.factor"
    case .slidingWindow: "\(architecture).attention.sliding_window"
    }
  }
}

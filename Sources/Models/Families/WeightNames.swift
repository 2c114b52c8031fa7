extension WeightRole {
  /// Its tensor in Hugging Face files; the same for all families.
  var huggingFaceName: String {
    switch self {
    case .embedding: "model.embed_tokens.weight"
    case .finalNorm: "model.norm.weight"
    case .outputHead: "lm_head.weight"
    case .attentionNorm(let i): "model.layers.\(i).input_layernorm.weight"
    case .query(let i): "model.layers.\(i).self_attn.q_proj.weight"
    case .key(let i): "model.layers.\(i).self_attn.k_proj.weight"
    case .value(let i): "model.layers.\(i).self_attn.v_proj.weight"
    case .queryBias(let i): "model.layers.\(i).self_attn.q_proj.bias"
    case .keyBias(let i): "model.layers.\(i).self_attn.k_proj.bias"
    case .valueBias(let i): "model.layers.\(i).self_attn.v_proj.bias"
    case .queryNorm(let i): "model.layers.\(i).self_attn.q_norm.weight"
    case .keyNorm(let i): "model.layers.\(i).self_attn.k_norm.weight"
    case .attentionOutput(let i): "model.layers.\(i).self_attn.o_proj.weight"
    case .feedForwardNorm(let i): "model.layers.\(i).post_attention_layernorm.weight"
    case .gate(let i): "model.layers.\(i).mlp.gate_proj.weight"
    case .up(let i): "model.layers.\(i).mlp.up_proj.weight"
    case .down(let i): "model.layers.\(i).mlp.down_proj.weight"
    }
  }

  /// Its tensor in GGUF files; the same for all families.
  var ggufName: String {
    switch self {
    case .embedding: "token_embd.weight"
    case .finalNorm: "output_norm.weight"
    case .outputHead: "output.weight"
    case .attentionNorm(let i): "blk.\(i).attn_norm.weight"
    case .query(let i): "blk.\(i).attn_q.weight"
    case .key(let i): "blk.\(i).attn_k.weight"
    case .value(let i): "blk.\(i).attn_v.weight"
    case .queryBias(let i): "blk.\(i).attn_q.bias"
    case .keyBias(let i): "blk.\(i).attn_k.bias"
    case .valueBias(let i): "blk.\(i).attn_v.bias"
    case .queryNorm(let i): "blk.\(i).attn_q_norm.weight"
    case .keyNorm(let i): "blk.\(i).attn_k_norm.weight"
    case .attentionOutput(let i): "blk.\(i).attn_output.weight"
    case .feedForwardNorm(let i): "blk.\(i).ffn_norm.weight"
    case .gate(let i): "blk.\(i).ffn_gate.weight"
    case .up(let i): "blk.\(i).ffn_up.weight"
    case .down(let i): "blk.\(i).ffn_down.weight"
    }
  }

  /// Norms and biases: kept in float32, never quantised.
  var isVector: Bool {
    switch self {
    case .finalNorm, .attentionNorm, .queryBias, .keyBias, .valueBias, .queryNorm, .keyNorm, .feedForwardNorm: true
    default: false
    }
  }

  /// The shape that a configuration gives it, outermost first.
  func shape(_ c: DecoderConfiguration) -> [Int] {
    let queries = c.queryHeadCount * c.headDimension, keys = c.keyValueHeadCount * c.headDimension
    return switch self {
    case .embedding, .outputHead: [c.vocabularySize, c.hiddenSize]
    case .finalNorm, .attentionNorm, .feedForwardNorm: [c.hiddenSize]
    case .query: [queries, c.hiddenSize]
    case .key, .value: [keys, c.hiddenSize]
    case .queryBias: [queries]
    case .keyBias, .valueBias: [keys]
    case .queryNorm, .keyNorm: [c.headDimension]
    case .attentionOutput: [c.hiddenSize, queries]
    case .gate, .up: [c.intermediateSize, c.hiddenSize]
    case .down: [c.hiddenSize, c.intermediateSize]
    }
  }

  /// Every weight that a configuration needs.
  static func all(_ c: DecoderConfiguration) -> [WeightRole] {
    var roles: [WeightRole] = [.embedding, .finalNorm]
    if !c.tiesEmbeddings { roles.append(.outputHead) }
    for i in 0..<c.layerCount {
      roles += [
        .attentionNorm(layer: i), .query(layer: i), .key(layer: i), .value(layer: i), .attentionOutput(layer: i),
        .feedForwardNorm(layer: i), .gate(layer: i), .up(layer: i), .down(layer: i),
      ]
      if c.hasQueryKeyValueBias { roles += [.queryBias(layer: i), .keyBias(layer: i), .valueBias(layer: i)] }
      if c.hasQueryKeyNorm { roles += [.queryNorm(layer: i), .keyNorm(layer: i)] }
    }
    return roles
  }
}

import KernelRuntime
import Kernels
import Tensors
import Traces

extension Decoder {
  /// Every definition that loading a model binds, each once, with what is known at bind: for listing how kernels are
  /// chosen without loading.
  public static func definitions(
    _ files: ModelFiles, pageSize: Int, cacheType: DType
  ) -> [(definition: Definition, context: BindContext)] {
    let c = files.configuration, hidden = c.hiddenSize
    var found: [(definition: Definition, context: BindContext)] = []
    func add(_ definition: Definition, constants: [String: Tensor] = [:]) {
      guard !found.contains(where: { $0.definition.name == definition.name }) else { return }
      found.append((definition, BindContext(device: .cpu, constants: constants)))
    }
    let loader = WeightLoader(files: files)
    if let table = try? files.weight(.embedding) {
      add(
        Embedding.definition(format: table.format, vocabularySize: c.vocabularySize, hiddenSize: hidden),
        constants: ["weight": loader.raw(table)])
    }
    add(RMSNorm.definition(hiddenSize: hidden))
    add(FusedAddRMSNorm.definition(hiddenSize: hidden))
    if c.hasQueryKeyNorm { add(RMSNorm.definition(hiddenSize: c.headDimension)) }
    let roles: [(WeightRole, WeightRole?)] =
      (0..<c.layerCount).flatMap { i -> [(WeightRole, WeightRole?)] in
        [
          (.query(layer: i), .queryBias(layer: i)), (.key(layer: i), .keyBias(layer: i)),
          (.value(layer: i), .valueBias(layer: i)), (.attentionOutput(layer: i), nil), (.gate(layer: i), nil),
          (.up(layer: i), nil), (.down(layer: i), nil),
        ]
      } + [(c.tiesEmbeddings ? .embedding : .outputHead, nil)]
    for (role, biasRole) in roles {
      guard let weight = try? files.weight(role) else { continue }
      let bias = c.hasQueryKeyValueBias ? biasRole : nil
      var constants = ["B": loader.raw(weight)]
      if bias != nil { constants["bias"] = Tensor(.float32, [weight.shape[0]]) }
      add(
        Gemm.definition(
          format: weight.format, features: weight.shape[0], inputs: weight.shape[1], hasBias: bias != nil),
        constants: constants)
    }
    add(
      RotaryEmbedding.definition(
        queryHeads: c.queryHeadCount, keyValueHeads: c.keyValueHeadCount, headDimension: c.headDimension,
        rotaryDimension: c.headDimension, style: c.ropeStyle == .neox ? .neox : .interleaved))
    add(
      KeyValueStore.definition(
        keyValueHeads: c.keyValueHeadCount, headDimension: c.headDimension, pageSize: pageSize, cacheType: cacheType))
    add(
      PagedAttention.definition(
        queryHeads: c.queryHeadCount, keyValueHeads: c.keyValueHeadCount, headDimension: c.headDimension,
        pageSize: pageSize, cacheType: cacheType, window: c.slidingWindow))
    add(SiluAndMul.definition(intermediateSize: c.intermediateSize))
    add(Sampler.definition(vocabularySize: c.vocabularySize))
    return found
  }
}

import Models
import Scheduling

extension StepCosts {
  /// What steps of a model may cost on a processor, from its sizes: within a factor of three or so, which is all that is
  /// asked of a first guess.
  ///
  /// Weights are read at 15 GB/s and take a byte each; a thread does 80 · 10⁹ operations a second in matrix products and 30
  /// · 10⁹ in attention.
  static func guess(for model: DecoderConfiguration, threads: Int) -> StepCosts {
    let hidden = model.hiddenSize, heads = model.queryHeadCount * model.headDimension
    let keys = model.keyValueHeadCount * model.headDimension
    let layer = hidden * (2 * heads + 2 * keys) + 3 * hidden * model.intermediateSize
    let (weights, head) = (Double(model.layerCount * layer), Double(model.vocabularySize * hidden))
    let threads = Double(max(1, threads))
    return StepCosts(
      fixed: (weights + head) / 15e9, perToken: 2 * weights / (80e9 * threads),
      perPair: Double(4 * model.layerCount * heads) / (30e9 * threads), perRow: 2 * head / (80e9 * threads))
  }
}

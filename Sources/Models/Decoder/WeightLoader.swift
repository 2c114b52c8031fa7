import Checkpoints
import KernelRuntime
import Kernels
import Tensors

/// Weights by role, as kernels want them.
struct WeightLoader {
  let files: ModelFiles

  /// The tensor's bytes where they lie in the file: dense, or int8 [rows, bytes of a row] for block formats.
  func raw(_ weight: WeightTensor) -> Tensor {
    let (owner, pointer) = weight.retainedBytes
    let storage = Storage(
      borrowing: UnsafeMutableRawPointer(mutating: pointer), byteCount: weight.byteCount, owner: owner)
    if let dtype = weight.format.denseType { return Tensor(viewing: storage, dtype, Shape(weight.shape)) }
    return Tensor(viewing: storage, .int8, [weight.rowCount, weight.rowBytes])
  }

  /// A small tensor as float32: norms and biases.
  func floats(_ role: WeightRole) throws -> Tensor {
    let weight = try files.weight(role)
    return Tensor(weight.dequantized(), Shape(weight.shape))
  }

  func gemm(_ role: WeightRole, bias: WeightRole? = nil, _ library: KernelLibrary) throws -> Gemm {
    let weight = try files.weight(role)
    let gemm = try Gemm(
      library, weight: raw(weight), format: weight.format, features: weight.shape[0], inputs: weight.shape[1],
      bias: try bias.map(floats))
    weight.releasePages()  // repacked, or read again when needed
    return gemm
  }

  func layer(_ i: Int, _ library: KernelLibrary, _ kernels: LayerKernels) throws -> DecoderLayer {
    let c = files.configuration, hasBias = c.hasQueryKeyValueBias
    return DecoderLayer(
      attentionNorm: try floats(.attentionNorm(layer: i)),
      query: try gemm(.query(layer: i), bias: hasBias ? .queryBias(layer: i) : nil, library),
      key: try gemm(.key(layer: i), bias: hasBias ? .keyBias(layer: i) : nil, library),
      value: try gemm(.value(layer: i), bias: hasBias ? .valueBias(layer: i) : nil, library),
      output: try gemm(.attentionOutput(layer: i), library),
      queryNorm: c.hasQueryKeyNorm ? try floats(.queryNorm(layer: i)) : nil,
      keyNorm: c.hasQueryKeyNorm ? try floats(.keyNorm(layer: i)) : nil,
      feedForwardNorm: try floats(.feedForwardNorm(layer: i)), gate: try gemm(.gate(layer: i), library),
      up: try gemm(.up(layer: i), library), down: try gemm(.down(layer: i), library), kernels: kernels)
  }
}

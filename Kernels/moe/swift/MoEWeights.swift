import Tensors
import Traces

/// The activations and weight rows of a call as float32, whatever they are stored as.
struct MoEWeights {
  enum Projection { case first, second }

  let hidden: Int, intermediate: Int
  /// Experts whose weights are here.
  let experts: Int

  private let form: MoEForm
  private let states: Tensor
  private let matrices: (Tensor, Tensor)
  /// Block scales of states, first and second projection; nil in the other forms.
  private let blockScales: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>)?
  /// Scales of up, gate and down by expert; nil in the other forms.
  private let expertScales: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>)?

  init(_ call: ReferenceCall, _ form: MoEForm) {
    self.form = form
    hidden = call.definition.constant("hidden_size")
    intermediate = call.definition.constant("intermediate_size")
    experts = call.definition.constant(form.localAxis)
    states = call.tensor("hidden_states")
    matrices = (call.tensor("gemm1_weights"), call.tensor("gemm2_weights"))
    blockScales =
      form.weights == .blockScaled
      ? (
        UnsafePointer(call.floats("hidden_states_scale")), UnsafePointer(call.floats("gemm1_weights_scale")),
        UnsafePointer(call.floats("gemm2_weights_scale"))
      ) : nil
    expertScales =
      form.weights == .expertScaled
      ? (
        UnsafePointer(call.floats("output1_scales_scalar")), UnsafePointer(call.floats("output1_scales_gate_scalar")),
        UnsafePointer(call.floats("output2_scales_scalar"))
      ) : nil
  }

  /// All activations, [tokens, hidden]; a block's scale is hidden_states_scale[block, token].
  func loadStates(into x: UnsafeMutablePointer<Float>, tokens: Int) {
    if states.dtype == .bfloat16 {
      ReferenceElements.widen(bfloat16: states.elements(as: UInt16.self), x, tokens * hidden)
      return
    }
    let bytes = states.elements(as: UInt8.self)
    guard let scales = blockScales?.0 else {
      ReferenceElements.widen(float8: bytes, scale: 1, x, tokens * hidden)
      return
    }
    for token in 0..<tokens {
      for block in 0..<(hidden / MoEForm.block) {
        let start = token * hidden + block * MoEForm.block
        ReferenceElements.widen(float8: bytes + start, scale: scales[block * tokens + token], x + start, MoEForm.block)
      }
    }
  }

  /// Row `n` of an expert's projection: `hidden` or `intermediate` elements.
  func load(_ projection: Projection, _ expert: Int, _ n: Int, into row: UnsafeMutablePointer<Float>) {
    let rows = projection == .first ? 2 * intermediate : hidden
    let width = projection == .first ? hidden : intermediate
    let matrix = projection == .first ? matrices.0 : matrices.1, start = (expert * rows + n) * width
    switch form.weights {
    case .plain: row.update(from: matrix.elements(as: Float.self) + start, count: width)
    case .expertScaled:
      ReferenceElements.widen(float8: matrix.elements(as: UInt8.self) + start, scale: 1, row, width)
    case .blockScaled:
      guard let blockScales else { return }
      let blocks = width / MoEForm.block
      let scales =
        (projection == .first ? blockScales.1 : blockScales.2)
        + (expert * (rows / MoEForm.block) + n / MoEForm.block) * blocks
      for block in 0..<blocks {
        let offset = block * MoEForm.block
        ReferenceElements.widen(
          float8: matrix.elements(as: UInt8.self) + start + offset, scale: scales[block], row + offset, MoEForm.block)
      }
    }
  }

  /// What multiplies output `n` of an expert's projection.
  func scale(_ projection: Projection, _ expert: Int, _ n: Int) -> Float {
    guard let expertScales else { return 1 }
    switch projection {
    case .first: return n < intermediate ? expertScales.0[expert] : expertScales.1[expert]
    case .second: return expertScales.2[expert]
    }
  }
}

import KernelRuntime
import Tensors
import Traces

/// The public mixture-of-experts definitions: `moe_fp8_block_scale_…`, `trtllm_fp8_per_tensor_scale_moe_…`,
/// `trtllm_fp4_block_scale_moe_…` and `trtllm_fp4_block_scale_routed_moe_…`.
///
///     g      = x · W1ᵀ                              W1: [2 · intermediate, hidden] of an expert
///     c      = silu(g[intermediate...]) * g[..<intermediate]
///     output = Σ over the token's experts of weight * (c · W2ᵀ)
///
/// All arithmetic in float32, experts in ascending order, the sum as bfloat16.
enum PublicMoE {
  static let solutions: [KernelSolution] = [
    .reference(operation: "moe", room: "moe", supports: { MoEForm.refusal(of: $0) }) { definition in
      guard let form = MoEForm(definition) else { preconditionFailure("\(definition.name): availability was checked") }
      return { call throws(KernelError) in try compute(call, form) }
    }
  ]

  private static func compute(_ call: ReferenceCall, _ form: MoEForm) throws(KernelError) {
    let assignments = try MoERouting(call, form).assignments
    let weights = MoEWeights(call, form)
    let tokens = call.tensor("hidden_states").shape[0], hidden = weights.hidden
    var states = [Float](repeating: 0, count: tokens * hidden), sums = states
    states.withUnsafeMutableBufferPointer { states in
      sums.withUnsafeMutableBufferPointer { sums in
        guard let x = states.baseAddress, let total = sums.baseAddress else { return }
        weights.loadStates(into: x, tokens: tokens)
        for expert in 0..<weights.experts where !assignments[expert].isEmpty {
          run(expert, assignments[expert], weights, form, x, total, call.pool)
        }
        let output = call.halves("output")
        for i in 0..<(tokens * hidden) { output[i] = ReferenceElements.bfloat16(total[i]) }
      }
    }
  }

  /// Features of a projection that one chunk computes.
  private static let chunk = 64

  /// One expert's feed-forward for the tokens assigned to it, added to their sums.
  private static func run(
    _ expert: Int, _ assigned: [MoERouting.Assignment], _ weights: MoEWeights, _ form: MoEForm,
    _ x: UnsafePointer<Float>, _ total: UnsafeMutablePointer<Float>, _ pool: WorkerPool
  ) {
    let hidden = weights.hidden, intermediate = weights.intermediate, count = assigned.count
    let sizes = (count * hidden, count * 2 * intermediate)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: sizes.0 + sizes.1) { buffer in
      guard let input = buffer.baseAddress else { return }
      let projected = input + sizes.0
      // gather
      for (i, assignment) in assigned.enumerated() {
        let factor = form.scalesInput ? assignment.weight : 1
        for j in 0..<hidden { input[i * hidden + j] = x[assignment.token * hidden + j] * factor }
      }
      // up and gate
      pool.parallel((2 * intermediate + chunk - 1) / chunk) { index in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: hidden) { row in
          guard let row = row.baseAddress else { return }
          for n in (index * chunk)..<min(2 * intermediate, (index + 1) * chunk) {
            weights.load(.first, expert, n, into: row)
            let scale = weights.scale(.first, expert, n)
            for i in 0..<count {
              projected[i * 2 * intermediate + n] = ReferenceElements.dot(input + i * hidden, row, hidden) * scale
            }
          }
        }
      }
      // activation, into the place of up
      for i in 0..<count {
        let up = projected + i * 2 * intermediate, gate = up + intermediate
        for j in 0..<intermediate { up[j] *= MoERouting.sigmoid(gate[j]) * gate[j] }
      }
      // down, and sum
      pool.parallel((hidden + chunk - 1) / chunk) { index in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: intermediate) { row in
          guard let row = row.baseAddress else { return }
          for n in (index * chunk)..<min(hidden, (index + 1) * chunk) {
            weights.load(.second, expert, n, into: row)
            let scale = weights.scale(.second, expert, n)
            for (i, assignment) in assigned.enumerated() {
              let value = ReferenceElements.dot(projected + i * 2 * intermediate, row, intermediate) * scale
              total[assignment.token * hidden + n] += value * (form.scalesInput ? 1 : assignment.weight)
            }
          }
        }
      }
    }
  }
}

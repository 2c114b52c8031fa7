import Glibc
import KernelRuntime
import Tensors

/// What was made of a batch's tables: all layers of a step attend by the same ones, so that they are checked and cut into
/// units once a step, not once a layer. A class, so that a layer takes it up without copying its references.
final class KeptAttentionPlan {
  let sequences: [PagedAttentionCall.Sequence]
  let plan: AttentionPlan
  let work: AttentionPlan.Assignment
  private let shape: Shape
  /// Copies of the four tables.
  private let tables: [[Int32]]

  /// Everything but the tables that a plan depends on.
  struct Shape: Equatable {
    var queries: Int, queryHeads: Int, keyValueHeads: Int, pageSize: Int, pageCount: Int, window: Int, sharing: Bool
  }

  init(_ call: PagedAttentionCall, _ shape: Shape, threads: Int) {
    plan = AttentionPlan(call, window: shape.window, threads: threads, sharing: shape.sharing)
    work = plan.assignment(threads: threads)
    (sequences, self.shape, tables) = (call.sequences, shape, call.tables.all.map(\.int32s))
  }

  /// Whether it was made of the same numbers.
  func serves(_ shape: Shape, _ tables: PagedAttentionCall.Tables) -> Bool {
    guard self.shape == shape else { return false }
    return zip(self.tables, tables.all).allSatisfy { kept, table in
      kept.count == table.count && memcmp(kept, table.pointer, kept.count * 4) == 0
    }
  }
}

/// The plans that a stream keeps: of the last few kinds of layer, since layers with and without a window may take turns.
final class KeptAttentionPlans {
  private var plans: [KeptAttentionPlan] = []
  private static let most = 4

  func find(_ shape: KeptAttentionPlan.Shape, _ tables: PagedAttentionCall.Tables) -> KeptAttentionPlan? {
    plans.first { $0.serves(shape, tables) }
  }

  func keep(_ plan: KeptAttentionPlan) {
    if plans.count == Self.most { plans.removeFirst() }
    plans.append(plan)
  }
}

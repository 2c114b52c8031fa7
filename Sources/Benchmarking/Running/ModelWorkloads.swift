import Traces

/// The shapes that a model calls its kernels with: one token each of 1, 4 and 16 sequences (decoding), and prompts of 64 and
/// 256 tokens (prefill).
public enum ModelWorkloads {
  /// Tokens in the cache of each sequence that decodes.
  public static let context = 512
  private static let decode = [1, 4, 16], prefill = [64, 256]
  /// Features from which a gemm is taken for the output head, which is computed for a prompt's last token only.
  private static let headFeatures = 16_384

  /// - isQuick: one shape of decoding and one of prefill.
  /// - Returns: nothing for a definition whose axes are not those of a model's own operations.
  public static func workloads(for definition: Definition, isQuick: Bool = false) -> [Workload] {
    let batches = isQuick ? [4] : decode, prompts = isQuick ? [64] : prefill
    func make(_ kind: String, _ count: Int, _ axes: OrderedMap<Int>) -> Workload? {
      guard Set(axes.names) == Set(definition.varAxes) else { return nil }
      return Workload(
        uuid: "\(definition.name)_\(kind)_\(count)", axes: axes,
        inputs: OrderedMap(definition.inputs.filter { !$0.value.isScalar }.map { ($0.name, .random) }))
    }
    if definition.opType == "gqa_paged" {
      let page = max(1, definition.axes["page_size"]?.value ?? 1), pages = (context + page - 1) / page
      func attention(_ queries: Int, _ sequences: Int, _ pages: Int) -> OrderedMap<Int> {
        [
          "total_q": queries, "num_pages": pages * sequences, "len_indptr": sequences + 1, "batch_size": sequences,
          "num_kv_indices": pages * sequences,
        ]
      }
      return batches.compactMap { make("decode", $0, attention($0, $0, pages)) }
        + prompts.compactMap { make("prefill", $0, attention($0, 1, ($0 + page - 1) / page)) }
    }
    let names = ["num_tokens", "batch_size", "M"]
    guard let rows = definition.varAxes.first(where: names.contains) else { return [] }
    let lastTokenOnly = definition.opType == "sampling" || definition.axes["N"]?.value ?? 0 >= headFeatures
    let room = 2048, page = max(1, definition.axes["page_size"]?.value ?? 1)
    func simple(_ count: Int) -> OrderedMap<Int> {
      OrderedMap(
        definition.varAxes.map { axis in
          switch axis {
          case rows: (axis, count)
          case "num_pages": (axis, room / page)
          default: (axis, room)
          }
        })
    }
    return batches.compactMap { make("decode", $0, simple($0)) }
      + (lastTokenOnly ? [] : prompts.compactMap { make("prefill", $0, simple($0)) })
  }
}

import Tensors

/// The Python reference of a definition of paged or ragged attention.
struct AttentionReference {
  var scores = PagedAttention.Scores()
  var dtype = DType.float32
  var stage = PagedAttention.Stage.prefill
  /// nil for keys and values in rows, without pages.
  var cacheType: DType?

  private var isScaled: Bool { cacheType == .int8 || cacheType == .float8_e4m3fn }

  /// In bits and pieces: a feature that a definition lacks leaves no trace in its text.
  var python: String {
    let arguments =
      (cacheType == nil ? ["q", "k", "v"] : ["q", "k_cache", "v_cache"]) + (isScaled ? ["k_scale", "v_scale"] : [])
      + (stage == .prefill ? ["qo_indptr"] : []) + ["kv_indptr"]
      + (cacheType == nil ? [] : ["kv_indices", "kv_last_page_len"]) + (scores.hasAlibi ? ["alibi_slopes"] : [])
      + ["sm_scale"]
    return """
      import math
      import torch

      WINDOW = \(scores.window.map(String.init) ?? "None")

      @torch.no_grad()
      def run(\(arguments.joined(separator: ", "))):
          total_q, heads, dim = q.shape
          \(cacheType == nil ? "kv_heads = k.shape[1]" : "page_size, kv_heads = k_cache.shape[1], k_cache.shape[2]")
          output = torch.zeros((total_q, heads, dim), dtype=torch.\(dtype.rawValue))
          lse = torch.full((total_q, heads), -math.inf, dtype=torch.float32)
          for i in range(len(\(stage == .prefill ? "qo" : "kv")_indptr) - 1):
      \(indented(sequence))
              scores = torch.einsum("qhd,khd->hqk", q[q0:q1].float(), \(cacheType == nil ? "keys" : "k")) * sm_scale
              position = torch.arange(length - (q1 - q0), length).unsqueeze(1)
              seen = torch.arange(length).unsqueeze(0)
      \(changes.map { "        \($0)\n" }.joined())        hidden = seen > position
              if WINDOW is not None:
                  hidden |= seen <= position - WINDOW
              scores.masked_fill_(hidden, -math.inf)
              lse[q0:q1] = (torch.logsumexp(scores, dim=-1) / math.log(2)).T
              \(weighted)
          return output, lse
      """
  }

  private var weighted: String {
    let values = cacheType == nil ? "values" : "v"
    if dtype == .float32 && cacheType != nil {
      return "output[q0:q1] = torch.einsum(\"hqk,khd->qhd\", torch.softmax(scores, dim=-1), \(values))"
    }
    // A query before the first position sees nothing: its softmax is NaN.
    return "weights = torch.softmax(scores, dim=-1).nan_to_num(0)\n        "
      + "output[q0:q1] = torch.einsum(\"hqk,khd->qhd\", weights, \(values)).to(output.dtype)"
  }

  /// Lines that are there with a tag only.
  private var changes: [String] {
    (scores.softCap.map { ["scores = \($0) * torch.tanh(scores / \($0))"] } ?? [])
      + (scores.hasAlibi ? ["scores = scores + alibi_slopes.reshape(-1, 1, 1) * (seen - position)"] : [])
  }

  /// One sequence's queries, keys and values.
  private var sequence: [String] {
    let repeated = "repeat_interleave(heads // kv_heads, dim=1)"
    let queries =
      stage == .prefill ? "q0, q1 = int(qo_indptr[i]), int(qo_indptr[i + 1])" : "q0, q1 = i, i + 1"
    guard cacheType != nil else {
      return [
        queries, "k0, k1 = int(kv_indptr[i]), int(kv_indptr[i + 1])", "length = k1 - k0",
        "if q0 == q1 or length == 0:", "    continue", "keys = k[k0:k1].float().\(repeated)",
        "values = v[k0:k1].float().\(repeated)",
      ]
    }
    return [
      queries, "pages = kv_indices[int(kv_indptr[i]):int(kv_indptr[i + 1])].long()",
      "if q0 == q1 or len(pages) == 0:", "    continue",
      "length = (len(pages) - 1) * page_size + int(kv_last_page_len[i])",
    ]
      + ["k", "v"].map { name in
        "\(name) = \(rows(name)).reshape(-1, kv_heads, dim)[:length].\(repeated)"
      }
  }

  private func rows(_ name: String) -> String {
    switch cacheType {
    case .int8: "(\(name)_cache[pages].float() * \(name)_scale[pages].unsqueeze(-1))"
    case .float8_e4m3fn: "(\(name)_cache.view(torch.uint8)[pages].view(torch.float8_e4m3fn).float() * \(name)_scale)"
    default: "\(name)_cache[pages].float()"
    }
  }

  private func indented(_ lines: [String]) -> String { lines.map { "        " + $0 }.joined(separator: "\n") }
}

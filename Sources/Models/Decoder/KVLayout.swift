/// How the keys and values of all layers lie in memory. Results are the same bits in both.
public enum KVLayout: String, Sendable, CaseIterable {
  /// For each layer one run of memory for keys and one for values: [pages, page size, kv heads, head dim].
  case layerFirst = "layer-first"
  /// One run of memory, a page's bytes of all layers together: one copy moves a page elsewhere.
  case pageFirst = "page-first"
}

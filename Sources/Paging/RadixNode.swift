/// Names a node of a `RadixTree`, as long as somebody holds a lock on it.
public struct RadixNodeID: Sendable, Hashable {
  let index: Int32
}

/// A run of whole pages that follows its parent's run. A root has none.
///
/// Invariant: tokens.count = pages.count × page size; the lock count of a node is at least that of any child.
struct RadixNode {
  /// -1 for a root.
  var parent: Int32
  /// What a root's tokens are kept apart by; empty in other nodes.
  var salt = ""
  /// The hash of the first page of tokens and the parent, by which the table finds this node.
  var hash = 0
  var tokens: [Int32] = []
  var pages: [PageID] = []
  var childCount = 0
  /// Another one whenever the node is made, split or cut, so that what was noted of it can be told to be old.
  var stamp = 0
  /// Locks on this node and on the nodes below it.
  var lockCount = 0
  /// Times are the caller's counter.
  var lastUse = 0
  var created = 0
  /// How many locks there ever were.
  var uses = 0
  var priority = Int.min

  var isRoot: Bool { parent < 0 }
}

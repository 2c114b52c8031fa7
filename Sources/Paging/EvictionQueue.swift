/// A binary heap of nodes from which any node can be taken: the leaf to be evicted first is on top.
///
/// Equal keys go in the order of the node numbers, so the order of eviction depends on nothing but the calls made.
///
/// Invariant: no node is smaller than its parent at half its index, and `places` says where each node is. Insertion and
/// removal take O(log n), looking at the top O(1).
struct EvictionQueue {
  private struct Entry {
    var key: EvictionKey
    var node: Int32
    static func < (a: Self, b: Self) -> Bool { a.key != b.key ? a.key < b.key : a.node < b.node }
  }
  private var heap: [Entry] = []
  /// Where each node is in `heap`, or -1.   [nodes seen so far]
  private var places: [Int32] = []

  var count: Int { heap.count }
  /// The node to be evicted first.
  var first: Int32? { heap.first?.node }

  func contains(_ node: Int32) -> Bool { Int(node) < places.count && places[Int(node)] >= 0 }

  /// The key that a node was inserted with.
  func key(of node: Int32) -> EvictionKey? { contains(node) ? heap[Int(places[Int(node)])].key : nil }

  mutating func insert(_ node: Int32, _ key: EvictionKey) {
    precondition(!contains(node), "node \(node) is in the queue already")
    while places.count <= Int(node) { places.append(-1) }
    heap.append(Entry(key: key, node: node))
    rise(heap.count - 1)
  }

  /// Takes a node out; one that is not in the queue is passed over.
  mutating func remove(_ node: Int32) {
    guard contains(node) else { return }
    let index = Int(places[Int(node)])
    places[Int(node)] = -1
    let last = heap.removeLast()
    guard index < heap.count else { return }
    heap[index] = last
    if index > 0, last < heap[(index - 1) / 2] { rise(index) } else { sink(index) }
  }

  private mutating func rise(_ start: Int) {
    let entry = heap[start]
    var index = start
    while index > 0, entry < heap[(index - 1) / 2] {
      put(heap[(index - 1) / 2], at: index)
      index = (index - 1) / 2
    }
    put(entry, at: index)
  }

  private mutating func sink(_ start: Int) {
    let entry = heap[start]
    var index = start
    while true {
      var child = 2 * index + 1
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard child < heap.count, heap[child] < entry else { break }
      put(heap[child], at: index)
      index = child
    }
    put(entry, at: index)
  }

  private mutating func put(_ entry: Entry, at index: Int) {
    heap[index] = entry
    places[Int(entry.node)] = Int32(index)
  }

  /// Whether the order and the places hold. O(nodes).
  var isConsistent: Bool {
    for index in heap.indices {
      if index > 0, heap[index] < heap[(index - 1) / 2] { return false }
      if places[Int(heap[index].node)] != Int32(index) { return false }
    }
    return places.count { $0 >= 0 } == heap.count
  }
}

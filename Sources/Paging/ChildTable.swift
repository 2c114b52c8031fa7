/// Finds a child by its parent and the hash of its first page of tokens: one open-addressing table for a whole tree.
///
/// It holds node numbers and hashes only; whoever looks one up compares the tokens themselves, so two children with
/// equal hashes are merely two places to look at.
///
/// Invariant: at most half of the places are taken, and none between a node's home and its place is empty. Every
/// operation takes constant expected time.
struct ChildTable {
  private struct Place {
    var node: Int32 = -1
    var hash = 0
  }
  private var places = [Place](repeating: Place(), count: 16)
  private(set) var count = 0

  /// The first child filed under `hash` for which `isWanted` holds.
  @inline(__always)
  func first(_ hash: Int, where isWanted: (Int32) -> Bool) -> Int32? {
    let mask = places.count &- 1
    var index = hash & mask
    while places[index].node >= 0 {
      if places[index].hash == hash, isWanted(places[index].node) { return places[index].node }
      index = (index &+ 1) & mask
    }
    return nil
  }

  mutating func insert(_ node: Int32, _ hash: Int) {
    if (count + 1) * 2 > places.count { grow() }
    let mask = places.count - 1
    var index = hash & mask
    while places[index].node >= 0 { index = (index + 1) & mask }
    places[index] = Place(node: node, hash: hash)
    count += 1
  }

  /// Takes a node out that was filed under this hash. What stood behind it moves up, so there are no tombstones.
  mutating func remove(_ node: Int32, _ hash: Int) {
    let mask = places.count - 1
    var hole = place(of: node, hash)
    var index = hole
    while true {
      index = (index + 1) & mask
      guard places[index].node >= 0 else { break }
      // It may move into the hole unless its home lies after the hole.
      let distanceFromHome = (index - places[index].hash) & mask
      if distanceFromHome >= (index - hole) & mask {
        places[hole] = places[index]
        hole = index
      }
    }
    places[hole] = Place()
    count -= 1
  }

  /// Puts another node in the place of one that was filed under this hash.
  mutating func replace(_ node: Int32, with other: Int32, _ hash: Int) { places[place(of: node, hash)].node = other }

  private func place(of node: Int32, _ hash: Int) -> Int {
    let mask = places.count - 1
    var index = hash & mask
    while places[index].node != node {
      precondition(places[index].node >= 0, "node \(node) is not in the table")
      index = (index + 1) & mask
    }
    return index
  }

  private mutating func grow() {
    let old = places
    places = Array(repeating: Place(), count: old.count * 2)
    count = 0
    for place in old where place.node >= 0 { insert(place.node, place.hash) }
  }
}

import ModelContests
import Testing

@testable import Paging

@Suite struct RadixPartsTests {
  @Test func theVectorisedComparisonFindsTheFirstDifferenceAtEveryPlace() {
    for count in 0...70 {
      let tokens = (0..<Int32(count) + 3).map { $0 &* 77 }
      for shift in 0..<3 {
        // The same tokens at another alignment.
        let other = [Int32](repeating: -1, count: shift) + tokens[..<count]
        #expect(TokenRun.commonPrefix(tokens, from: 0, other, from: shift, count: count) == count)
        for place in 0..<count {
          var changed = other
          changed[shift + place] ^= 1 << Int32.random(in: 0..<32)
          #expect(TokenRun.commonPrefix(tokens, from: 0, changed, from: shift, count: count) == place)
        }
      }
    }
  }

  @Test(arguments: 0..<10 as Range<UInt64>)
  func theQueueGivesTheSmallestKeyWhateverWasTakenOut(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var queue = EvictionQueue()
    var known: [Int32: EvictionKey] = [:]
    for _ in 0..<3000 {
      let node = Int32.random(in: 0..<60, using: &random)
      if known[node] != nil {
        queue.remove(node)
        known[node] = nil
      } else {
        let key = EvictionKey(
          first: Int.random(in: 0..<9, using: &random), second: Int.random(in: 0..<3, using: &random))
        queue.insert(node, key)
        known[node] = key
      }
      let smallest = known.min { a, b in a.value != b.value ? a.value < b.value : a.key < b.key }
      #expect(queue.first == smallest?.key && queue.count == known.count && queue.isConsistent)
    }
  }

  @Test(arguments: 0..<10 as Range<UInt64>)
  func theTableFindsEveryChildAlsoAmongEqualHashes(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var table = ChildTable()
    var known: [Int32: Int] = [:]
    for step in 0..<3000 {
      let node = Int32.random(in: 0..<200, using: &random)
      if let hash = known[node] {
        if Bool.random(using: &random) {
          table.remove(node, hash)
          known[node] = nil
        } else if known[node + 1000] == nil {
          table.replace(node, with: node + 1000, hash)
          (known[node], known[node + 1000]) = (nil, hash)
        }
      } else {
        // Few different hashes, near the end of the table too, so that runs collide and wrap around.
        let hash = Int.random(in: -8..<8, using: &random) &* 3
        table.insert(node, hash)
        known[node] = hash
      }
      #expect(table.count == known.count)
      if step % 50 == 0 {
        for (node, hash) in known { #expect(table.first(hash) { $0 == node } == node) }
        #expect(table.first(1) { _ in true } == nil)
      }
    }
  }
}

/// Handles in ascending order, that is in the order of arrival.
extension [Int] {
  /// The index of the first element that is not smaller. O(log n).
  private func place(of element: Int) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Puts a handle in that is not there yet.
  mutating func insertSorted(_ element: Int) { insert(element, at: place(of: element)) }

  /// Takes a handle out, if it is there.
  mutating func removeSorted(_ element: Int) {
    let index = place(of: element)
    if index < count, self[index] == element { remove(at: index) }
  }
}

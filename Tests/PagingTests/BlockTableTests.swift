import Paging
import Testing

@Suite struct BlockTableTests {
  @Test(arguments: [1, 2, 16, 64])
  func everyPositionHasTheSlotOfItsPage(pageSize: Int) {
    var table = BlockTable(pageSize: pageSize)
    #expect(table.lastPageLength == 0 && table.capacity == 0 && table.missingPages(for: 0) == 0)
    let pages: [PageID] = [9, 4, 7]
    table.append(pages)
    for position in 0..<table.capacity {
      #expect(table.slot(of: position) == Int(pages[position / pageSize]) * pageSize + position % pageSize)
      table.advance(by: 1)
      #expect(table.lastPageLength == position % pageSize + 1)
      #expect(table.tokenCount == position + 1)
    }
    #expect(table.missingPages(for: table.capacity) == 0)
    #expect(table.missingPages(for: table.capacity + 1) == 1)
    #expect(table.missingPages(for: table.capacity + pageSize + 1) == 2)
  }

  @Test(arguments: [1, 4, 16])
  func truncationReturnsExactlyThePagesThatAreNoLongerNeeded(pageSize: Int) {
    for filled in 0...pageSize * 3 {
      for kept in 0...filled {
        var table = BlockTable(pageSize: pageSize)
        table.append([5, 3, 8])
        table.advance(by: filled)
        let returned = table.truncate(to: kept)
        let needed = (kept + pageSize - 1) / pageSize
        #expect(table.pages + returned == [5, 3, 8])
        #expect(table.pages.count == needed)
        #expect(table.tokenCount == kept)
      }
    }
  }

  @Test func emptyingReturnsAllPagesAlsoThoseNotYetFilled() {
    var table = BlockTable(pageSize: 4)
    table.append([1, 2])
    #expect(table.removeAll() == [1, 2])
    #expect(table.pages.isEmpty && table.tokenCount == 0)
  }
}

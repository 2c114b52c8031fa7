import KernelRuntime
import Models
import Tensors
import TestSupport
import Testing

/// The memory of keys and values: where a page's bytes are, and that the layout changes no result.
struct KVStoreTests {
  static let types: [DType] = [.float32, .float16, .bfloat16, .int8]
  static let prompt: [Int32] = (0..<70).map { 1 + ($0 * 7919) % 200 }

  private func files(_ family: String = "qwen3") throws -> ModelFiles {
    try ModelFiles.open(Fixtures.path("families/\(family)"))
  }

  private func runner(_ type: DType, _ layout: KVLayout, pageSize: Int = 16, family: String = "qwen3") throws
    -> SequenceRunner
  {
    try SequenceRunner(
      try files(family), kernels: KernelPolicy.auto.preferred, cacheType: type, pageSize: pageSize, tokens: 128,
      layout: layout)
  }

  private func bytes(_ store: KVStore, page: Int) -> [UInt8] { store.regions(ofPage: page).flatMap { Array($0) } }

  @Test("Both layouts give the same logits and the same bytes of each page", arguments: types, [1, 3, 16])
  func layouts(_ type: DType, _ pageSize: Int) throws {
    for family in ["llama", "qwen2"] {
      let layerFirst = try runner(type, .layerFirst, pageSize: pageSize, family: family)
      let pageFirst = try runner(type, .pageFirst, pageSize: pageSize, family: family)
      // In two chunks beside another sequence, then one token further.
      let other = SequenceRunner.Piece(tokens: Array(Self.prompt.suffix(20)), slot: 2)
      for piece in [
        SequenceRunner.Piece(tokens: Array(Self.prompt[..<30]), allRows: true),
        .init(tokens: Array(Self.prompt[30...]), start: 30, allRows: true), .init(tokens: [7], start: 70),
      ] {
        #expect(try layerFirst.step([piece, other]) == pageFirst.step([piece, other]), "\(family)")
      }
      var written = 0
      for page in 0..<layerFirst.kv.pageCount {
        let expected = bytes(layerFirst.kv, page: page)
        try #require(expected == bytes(pageFirst.kv, page: page), "\(family), page \(page)")
        if expected.contains(where: { $0 != 0 }) { written += 1 }
      }
      #expect(written == (71 + pageSize - 1) / pageSize + (20 + pageSize - 1) / pageSize)
    }
  }

  @Test("A page's regions are all of its bytes: one page first, two a layer and two more for scales layer first")
  func regions() throws {
    let configuration = try files().configuration, layers = configuration.layerCount
    for type in Self.types {
      let bytesPerPage = 5 * KVStore.bytesPerToken(configuration, dtype: type)
      let pageFirst = KVStore(configuration, pageCount: 3, pageSize: 5, dtype: type, layout: .pageFirst)
      let layerFirst = KVStore(configuration, pageCount: 3, pageSize: 5, dtype: type)
      #expect(pageFirst.bytesPerPage == bytesPerPage && layerFirst.bytesPerPage == bytesPerPage)
      for page in 0..<3 {
        #expect(pageFirst.regions(ofPage: page).map(\.count) == [bytesPerPage])
        let regions = layerFirst.regions(ofPage: page)
        #expect(regions.count == (type == .int8 ? 4 : 2) * layers)
        #expect(regions.map(\.count).reduce(0, +) == bytesPerPage)
      }
      for store in [pageFirst, layerFirst] {
        let places = (0..<3).flatMap { store.regions(ofPage: $0) }.sorted { $0.baseAddress! < $1.baseAddress! }
        for (a, b) in zip(places, places.dropFirst()) { #expect(a.baseAddress! + a.count <= b.baseAddress!) }
      }
    }
  }

  @Test("A page whose bytes were moved into another store is read there as here", arguments: types)
  func movedPages(_ type: DType) throws {
    let source = try runner(type, .layerFirst), target = try runner(type, .pageFirst)
    _ = try source.step([.init(tokens: Self.prompt)])
    for page in 0..<source.kv.pageCount {
      var moved = bytes(source.kv, page: page)[...]
      for region in target.kv.regions(ofPage: page) {
        region.copyBytes(from: moved.prefix(region.count))
        moved = moved.dropFirst(region.count)
      }
      #expect(moved.isEmpty)
    }
    let next = SequenceRunner.Piece(tokens: [11, 12, 13], start: 70, allRows: true)
    #expect(try source.step([next]) == target.step([next]))
  }

  @Test("A token takes its elements, and with int8 a scale for each head")
  func sizes() throws {
    let configuration = try files().configuration
    let heads = 2 * configuration.layerCount * configuration.keyValueHeadCount
    let elements = heads * configuration.headDimension
    let sizes = Self.types.map { KVStore.bytesPerToken(configuration, dtype: $0) }
    #expect(sizes == [4 * elements, 2 * elements, 2 * elements, elements + 4 * heads])
  }
}

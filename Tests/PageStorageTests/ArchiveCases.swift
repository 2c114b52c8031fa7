import TestSupport

@testable import PageStorage

/// Archives as tests need them: right ones through the writer, wrong ones byte by byte, all with right checksums.
enum ArchiveCases {
  static let header = CacheArchiveHeader(
    fingerprint: [.init("model", "sha256:aa"), .init("layout", "layers 2 × heads 3"), .init("kernels", "π\n")],
    pageTokens: 4, pageBytes: 40)

  struct Page: Equatable {
    var parent: Int?
    var salt: String
    let tokens: [Int32], bytes: [UInt8]
  }

  /// Pages of two salts; some parents have several children.
  static func pages(_ count: Int, header: CacheArchiveHeader = header, seed: UInt64 = 5) -> [Page] {
    var random = SplitMix(seed: seed), pages: [Page] = []
    for i in 0..<count {
      let isRoot = i == 0 || Int.random(in: 0..<4, using: &random) == 0
      let parent = isRoot ? nil : Int.random(in: max(0, i - 3)..<i, using: &random)
      pages.append(
        Page(
          parent: parent, salt: isRoot ? ["", "tenant é", "\0"].randomElement(using: &random)! : "",
          tokens: (0..<header.pageTokens).map { _ in Int32.random(in: .min ... .max, using: &random) },
          bytes: (0..<header.pageBytes).map { _ in UInt8.random(in: 0...255, using: &random) }))
    }
    return pages
  }

  /// Writes the pages, their bytes in `regions` pieces.
  static func append(_ pages: [Page], to writer: CacheArchiveWriter, regions: Int = 3) throws {
    for (i, page) in pages.enumerated() {
      let index = try page.bytes.withUnsafeBytes { bytes in
        let cuts = (0...regions).map { bytes.count * $0 / regions }
        let regions = zip(cuts, cuts.dropFirst()).map { UnsafeRawBufferPointer(rebasing: bytes[$0..<$1]) }
        return try writer.append(parent: page.parent, salt: page.salt, tokens: page.tokens, regions: regions)
      }
      if index != i { throw UnexpectedState("record \(i) got the number \(index)") }
    }
  }

  @discardableResult
  static func write(
    _ pages: [Page], to path: String, header: CacheArchiveHeader = header, way: UnnamedFile.Way = .tryUnnamedFirst
  ) throws -> Int {
    let writer = try CacheArchiveWriter(path: path, header: header, way: way)
    try append(pages, to: writer)
    try writer.finish()
    return writer.byteCount
  }

  static func read(_ path: String, expecting header: CacheArchiveHeader = header) throws -> [Page] {
    let reader = try CacheArchiveReader(path: path)
    try reader.verify(expecting: header)
    var pages: [Page] = []
    try reader.forEachRecord { page in
      guard page.index == pages.count else { throw UnexpectedState("number \(page.index)") }
      pages.append(Page(parent: page.parent, salt: page.salt, tokens: Array(page.tokens), bytes: Array(page.bytes)))
      return true
    }
    return pages
  }
}

/// The bytes of an archive with right checksums, whatever else is in it.
struct ArchiveBytes {
  private(set) var bytes: [UInt8]
  private var chain = PageChecksum()
  private var count = 0

  init(magic: String = "SWLCACHE", version: UInt32 = 1, header: String, claimedHeaderBytes: UInt32? = nil) {
    bytes = Array(magic.utf8) + CacheArchiveFormat.bytes(version)
    bytes += CacheArchiveFormat.bytes(claimedHeaderBytes ?? UInt32(header.utf8.count)) + Array(header.utf8)
    seal(bytes)
  }

  mutating func append(
    mark: String = "PAGE", saltBytes: UInt32? = nil, parent: Int64, salt: [UInt8] = [], rest: [UInt8]
  ) {
    let part =
      Array(mark.utf8) + CacheArchiveFormat.bytes(saltBytes ?? UInt32(salt.count)) + CacheArchiveFormat.bytes(parent)
      + salt + rest
    bytes += part
    seal(part)
    count += 1
  }

  mutating func end(mark: String = "LAST", count claimed: UInt64? = nil, zero: UInt32 = 0) {
    let number = claimed ?? UInt64(count)
    chain.update(number)
    bytes += Array(mark.utf8) + CacheArchiveFormat.bytes(zero) + CacheArchiveFormat.bytes(number)
    bytes += CacheArchiveFormat.bytes(chain.value)
  }

  private mutating func seal(_ part: [UInt8]) {
    let checksum = part.withUnsafeBytes { PageChecksum.of($0) }
    bytes += CacheArchiveFormat.bytes(checksum)
    chain.update(checksum)
  }
}

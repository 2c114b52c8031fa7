import JSONText

/// The bytes of a cache archive. Numbers are little-endian.
///
///     magic "SWLCACHE" · version u32 · header bytes u32 · header (JSON) · checksum u64 of all these
///     for each page, parents before their children:
///       "PAGE" · salt bytes u32 · parent i64 (-1: none) · salt (UTF-8; only without parent)
///       · token ids i32 [page_tokens] · page [page_bytes] · checksum u64 of all these
///     "LAST" · 0 u32 · number of pages u64 · checksum u64 of the checksums before, in their order, and this number
///
///     header: {"fingerprint": {"model": "…", …}, "page_tokens": 16, "page_bytes": 368640}
///
/// Each byte is under a checksum, and each of these under the last one, behind which the file ends: a byte that
/// differs, is missing, or is too many is noticed.
enum CacheArchiveFormat {
  static let magic: [UInt8] = Array("SWLCACHE".utf8)
  static let version: UInt32 = 1
  static let page: [UInt8] = Array("PAGE".utf8), last: [UInt8] = Array("LAST".utf8)
  /// Bytes of: the head before the JSON, what opens a page or ends the file, a checksum.
  static let headBytes = 16, markBytes = 16, checksumBytes = 8

  enum Limit {
    static let headerBytes = 1 << 16
    static let saltBytes = 1 << 16
    static let pageTokens = 1 << 20
    static let pageBytes = 1 << 40
    static let fields = 1000
  }

  static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
  }

  /// A number at an offset of bytes that reach far enough.
  static func number<N: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, as type: N.Type) -> N {
    var value: N = 0
    for i in (0..<MemoryLayout<N>.size).reversed() { value = value << 8 | N(truncatingIfNeeded: bytes[offset + i]) }
    return value
  }

  /// Why the numbers or names of a header cannot be: the field, what would be right, what was found.
  static func flaw(of header: CacheArchiveHeader) -> (field: String, expected: String, found: String)? {
    if !(1...Limit.pageTokens).contains(header.pageTokens) {
      return ("page_tokens", "1 to \(Limit.pageTokens)", "\(header.pageTokens)")
    }
    if !(1...Limit.pageBytes).contains(header.pageBytes) {
      return ("page_bytes", "1 to \(Limit.pageBytes)", "\(header.pageBytes)")
    }
    if header.fingerprint.count > Limit.fields {
      return ("fingerprint", "at most \(Limit.fields) fields", "\(header.fingerprint.count)")
    }
    var names: Set<[UInt8]> = []
    for field in header.fingerprint where !names.insert(Array(field.name.utf8)).inserted {
      return (field.name, "each name once", "it twice")
    }
    return nil
  }

  /// The header as JSON.
  static func text(of header: CacheArchiveHeader) -> [UInt8] {
    let fields = JSONObject(header.fingerprint.map { ($0.name, .string($0.value)) })
    let members = JSONObject([
      ("fingerprint", .object(fields)), ("page_tokens", .int(header.pageTokens)),
      ("page_bytes", .int(header.pageBytes)),
    ])
    return Array(JSONValue.object(members).compact.utf8)
  }

  /// Reads a header's JSON: these three members, each once, and nothing else.
  static func header(parsing text: [UInt8]) throws(JSONError) -> CacheArchiveHeader {
    try text.withUnsafeBufferPointer { buffer throws(JSONError) in
      var reader = JSONReader(buffer)
      reader.refusesDuplicateKeys = true
      reader.acceptsNonFinite = false
      var fingerprint: [CacheArchiveHeader.Field]?, pageTokens: Int?, pageBytes: Int?
      try reader.readObject { reader, key throws(JSONError) in
        switch key {
        case "fingerprint":
          var fields: [CacheArchiveHeader.Field] = []
          try reader.readObject { reader, name throws(JSONError) in
            fields.append(.init(name, try reader.readString()))
          }
          fingerprint = fields
        case "page_tokens": pageTokens = try reader.readInt()
        case "page_bytes": pageBytes = try reader.readInt()
        default:
          throw reader.error("expected fingerprint, page_tokens or page_bytes, found \"\(printable(key))\"")
        }
      }
      try reader.expectEnd()
      guard let fingerprint, let pageTokens, let pageBytes else {
        throw reader.error("fingerprint, page_tokens or page_bytes is missing")
      }
      return CacheArchiveHeader(fingerprint: fingerprint, pageTokens: pageTokens, pageBytes: pageBytes)
    }
  }
}

/// A 64-bit checksum of bytes that come in pieces: finds damage, not forgery.
///
///     var checksum = PageChecksum()
///     for region in regions { checksum.update(region) }
///     let value = checksum.value
///
/// Bytes are taken in blocks of 64, read as eight little-endian words w. Each of four lanes takes two of them:
///
///     lanes 0 and 2:   lane ← fold((lane ^ w₀) · (w₁ ^ key))        fold(128-bit product) = high half ^ low half
///     lanes 1 and 3:   lane ← fold((lane + w₀) · (w₁ + key))        modulo 2^64
///
/// A multiplication carries each bit of one factor into many of the product; folding keeps both of its ends. The four
/// lanes do not wait for each other, so that a block costs about one multiplication's latency. Neighbours differ in ^ and
/// +: were they alike, the compiler would pack them into vectors, which have no such multiplication, at half the speed.
///
/// A last, shorter block is filled up with zeros; the number of bytes and the lanes are folded into the result.
///
/// Invariant: the value depends on the bytes and their number, not on how they were cut into pieces.
struct PageChecksum {
  static let blockBytes = 64

  // The first 64 bits of the fractional parts of the square roots of 2, 3, 5, 7 (keys) and 11, 13, 17, 19 (lanes).
  private static let keys: (UInt64, UInt64, UInt64, UInt64) = (
    0x6A09_E667_F3BC_C908, 0xBB67_AE85_84CA_A73B, 0x3C6E_F372_FE94_F82B, 0xA54F_F53A_5F1D_36F1
  )
  private var lanes: (UInt64, UInt64, UInt64, UInt64) = (
    0x510E_527F_ADE6_82D1, 0x9B05_688C_2B3E_6C1F, 0x1F83_D9AB_FB41_BD6B, 0x5BE0_CD19_137E_2179
  )
  /// The bytes of a block that is not full yet; zeros behind them.
  private var pending: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
  private var pendingCount = 0
  private var byteCount: UInt64 = 0

  init() {}

  /// The checksum of one piece.
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var checksum = PageChecksum()
    checksum.update(bytes)
    return checksum.value
  }

  /// Takes the next bytes.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard var next = bytes.baseAddress else { return }
    var left = bytes.count
    byteCount &+= UInt64(left)
    if pendingCount > 0 {
      let taken = min(left, Self.blockBytes - pendingCount)
      keep(UnsafeRawBufferPointer(start: next, count: taken))
      (next, left) = (next + taken, left - taken)
      if pendingCount == Self.blockBytes { absorbPending() }
    }
    let blocks = left / Self.blockBytes
    Self.absorb(next, blocks, into: &lanes)
    (next, left) = (next + blocks * Self.blockBytes, left % Self.blockBytes)
    if left > 0 { keep(UnsafeRawBufferPointer(start: next, count: left)) }
  }

  /// Takes a number as its eight bytes.
  mutating func update(_ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { update($0) }
  }

  /// The checksum of all bytes taken so far.
  var value: UInt64 {
    var end = self
    if end.pendingCount > 0 { end.absorbPending() }
    var result = Self.fold(byteCount ^ end.lanes.0, Self.keys.0)
    result = Self.fold(result ^ end.lanes.1, Self.keys.1)
    result = Self.fold(result ^ end.lanes.2, Self.keys.2)
    return Self.fold(result ^ end.lanes.3, Self.keys.3)
  }

  private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
    let start = pendingCount
    withUnsafeMutableBytes(of: &pending) {
      UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyMemory(from: bytes)
    }
    pendingCount += bytes.count
  }

  private mutating func absorbPending() {
    withUnsafeBytes(of: pending) { block in
      if let base = block.baseAddress { Self.absorb(base, 1, into: &lanes) }
    }
    pending = (0, 0, 0, 0, 0, 0, 0, 0)
    pendingCount = 0
  }

  private static func absorb(
    _ bytes: UnsafeRawPointer, _ blocks: Int, into lanes: inout (UInt64, UInt64, UInt64, UInt64)
  ) {
    @inline(__always) func word(_ block: UnsafeRawPointer, _ i: Int) -> UInt64 {
      UInt64(littleEndian: block.loadUnaligned(fromByteOffset: i &* 8, as: UInt64.self))
    }
    var (a, b, c, d) = lanes
    var block = bytes
    for _ in 0..<blocks {
      a = fold(a ^ word(block, 0), word(block, 1) ^ keys.0)
      b = fold(b &+ word(block, 2), word(block, 3) &+ keys.1)
      c = fold(c ^ word(block, 4), word(block, 5) ^ keys.2)
      d = fold(d &+ word(block, 6), word(block, 7) &+ keys.3)
      block += blockBytes
    }
    lanes = (a, b, c, d)
  }

  @inline(__always) private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}

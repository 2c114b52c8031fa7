// Rows of a table by token, widened to float32. Bytes per element: 1 to 4 read, 4 written; tokens are independent.

/// How the table's elements are kept. The raw value is shared with the caller.
public enum TableKind: Int, Sendable {
  case float32, float16, bfloat16
  /// Blocks of 32: scale (f16), then 32 signed bytes.
  case q8
}

/// - table: [vocabulary, hidden]; ids: [tokens]; out: [tokens, hidden] float32.
@inline(never)
public func lookUp(
  _ kind: TableKind, _ table: UnsafeRawPointer, _ ids: UnsafePointer<Int32>, _ out: UnsafeMutablePointer<Float>,
  tokens: Range<Int>, hidden: Int
) {
  for token in tokens {
    let row = Int(ids[token]), target = out + token &* hidden
    switch kind {
    case .float32: UnsafeMutableRawPointer(target).copyMemory(from: table + row &* hidden &* 4, byteCount: hidden &* 4)
    case .float16: widen(table + row &* hidden &* 2, target, hidden, loadFloat16)
    case .bfloat16: widen(table + row &* hidden &* 2, target, hidden, loadBFloat16)
    case .q8:
      for b in 0..<hidden / 32 {
        let block = table + (row &* (hidden / 32) &+ b) &* 34
        // The scale's sixteen-lane reader reads 32 bytes: inside the block, which has 34.
        let scale = loadFloat16(block)[0]
        for i in 0..<32 {
          target[b &* 32 &+ i] = scale * Float(block.load(fromByteOffset: 2 &+ i, as: Int8.self))
        }
      }
    }
  }
}

/// Sixteen at a time; the last ones overlap those before, or come one by one in a row shorter than sixteen.
@inline(__always)
private func widen(
  _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>, _ count: Int,
  _ read: (UnsafeRawPointer) -> Lanes
) {
  var i = 0
  while i &+ 16 <= count {
    store(read(source + i &* 2), target + i)
    i &+= 16
  }
  if i == count { return }
  if count >= 16 {
    store(read(source + (count &- 16) &* 2), target + (count &- 16))
    return
  }
  var words = SIMD16<UInt16>()
  for j in 0..<count { words[j] = source.load(fromByteOffset: 2 &* j, as: UInt16.self) }
  let lanes = withUnsafeBytes(of: &words) { read($0.baseAddress!) }
  for j in 0..<count { target[j] = lanes[j] }
}

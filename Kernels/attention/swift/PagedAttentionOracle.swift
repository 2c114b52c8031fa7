import Glibc
import Tensors

/// The definition of paged attention in plain Swift: scores, softmax and weighted sum in double precision, one query and
/// one head at a time.
func pagedAttentionOracle(_ call: PagedAttentionCall, window: Int) {
  let group = call.queryHeads / call.keyValueHeads, D = call.headDimension
  let q = call.query.elements(as: Float.self), output = call.output.elements(as: Float.self)
  let lse = call.lse.elements(as: Float.self)
  for sequence in call.sequences {
    for token in sequence.tokens {
      let own = sequence.length - sequence.tokens.count + (token - sequence.tokens.lowerBound)
      let visible = max(0, own - window + 1)...own
      for head in 0..<call.queryHeads {
        let row = (token * call.queryHeads + head) * D
        // Element of the cache at a position of this sequence, for this head's group.
        func element(_ cache: Tensor, _ position: Int, _ i: Int) -> Double {
          let page = Int(call.pages[sequence.firstPage + position / call.pageSize])
          let slot = page * call.pageSize + position % call.pageSize
          return cacheElement(cache, (slot * call.keyValueHeads + head / group) * D + i)
        }
        let scores = visible.map { position in
          (0..<D).reduce(0.0) { $0 + Double(q[row + $1]) * element(call.keys, position, $1) } * Double(call.scale)
        }
        let highest = scores.max()!
        let weights = scores.map { exp($0 - highest) }
        let total = weights.reduce(0, +)
        for i in 0..<D {
          var sum = 0.0
          for (weight, position) in zip(weights, visible) { sum += weight * element(call.values, position, i) }
          output[row + i] = Float(sum / total)
        }
        lse[token * call.queryHeads + head] = Float((highest + log(total)) / log(2))
      }
    }
  }
}

private func cacheElement(_ cache: Tensor, _ index: Int) -> Double {
  switch cache.dtype {
  case .float16: Double(cache.elements(as: Float16.self)[index])
  case .bfloat16: Double(Float(bitPattern: UInt32(cache.elements(as: UInt16.self)[index]) << 16))
  default: Double(cache.elements(as: Float.self)[index])
  }
}

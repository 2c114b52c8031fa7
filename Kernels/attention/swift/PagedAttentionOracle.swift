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
        func element(_ cache: Tensor, _ scales: Tensor?, _ position: Int, _ i: Int) -> Double {
          let page = Int(call.pages[sequence.firstPage + position / call.pageSize])
          let row = position % call.pageSize * call.keyValueHeads + head / group
          let value = cacheElement(cache, page * cache.strides[0] + row * D + i)
          guard let scales else { return Double(value) }
          return Double(value * scales.elements(as: Float.self)[page * scales.strides[0] + row])
        }
        let scores = visible.map { position in
          (0..<D).reduce(0.0) { $0 + Double(q[row + $1]) * element(call.keys, call.keyScales, position, $1) }
            * Double(call.scale)
        }
        let highest = scores.max()!
        let weights = scores.map { exp($0 - highest) }
        let total = weights.reduce(0, +)
        for i in 0..<D {
          var sum = 0.0
          for (weight, position) in zip(weights, visible) {
            sum += weight * element(call.values, call.valueScales, position, i)
          }
          output[row + i] = Float(sum / total)
        }
        lse[token * call.queryHeads + head] = Float((highest + log(total)) / log(2))
      }
    }
  }
}

private func cacheElement(_ cache: Tensor, _ index: Int) -> Float {
  switch cache.dtype {
  case .float16: Float(cache.elements(as: Float16.self)[index])
  case .bfloat16: Float(bitPattern: UInt32(cache.elements(as: UInt16.self)[index]) << 16)
  case .int8: Float(cache.elements(as: Int8.self)[index])
  default: cache.elements(as: Float.self)[index]
  }
}

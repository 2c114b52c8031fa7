import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

/// Sampling without sorting the row: only tokens near the top are collected and sorted; the net is widened when the draw
/// falls outside of it.
struct FastSampling: Sendable {
  let set: InstructionSet

  /// How far below the largest logit tokens are collected, in units of the temperature: e^-8 is 1/3000.
  private static let nets: [Float] = [8, 16, .infinity]
  /// More than the relative error of `exponentials`: 2e-7 for e^x, and as much for each unit of its argument.
  private static let totalError = 1e-5

  /// - Returns: the token, or nil for a row with a NaN or without a finite largest logit.
  func sample(_ logits: UnsafeBufferPointer<Float>, _ row: SamplingRow) -> Int32? {
    guard let base = logits.baseAddress else { return nil }
    let (largest, first) = largest(base, logits.count)
    guard first >= 0 else { return nil }
    if row.temperature <= 0 || row.topK == 1 { return Int32(first) }
    // With top-k the share that top-p takes is of the k tokens, not of all.
    let total = row.topK > 0 ? 0 : exponentials(base, logits.count, largest, 1 / row.temperature)
    return withUnsafeTemporaryAllocation(of: Int32.self, capacity: logits.count) { places in
      for net in Self.nets {
        let count = collect(base, logits.count, largest - net * row.temperature, places.baseAddress!)
        let isComplete = count == logits.count || net == .infinity
        if row.topK > count && !isComplete { continue }
        let order = places[..<count].sorted { (logits[Int($0)], $1) > (logits[Int($1)], $0) }
        let weights = order.map {
          SortedDraw.weight(logits[Int($0)], largest: largest, temperature: row.temperature)
        }
        if let draw = choose(weights, isComplete: isComplete, total: total, row) { return order[draw] }
      }
      return Int32(first)
    }
  }

  /// `total` is a sum in float32. When the draw is the same for any sum that it may stand for, it is the right one; else
  /// the net is widened, and with the whole row the sum is exact.
  private func choose(_ weights: [Double], isComplete: Bool, total: Double, _ row: SamplingRow) -> Int? {
    let draw = SortedDraw(row: row)
    if isComplete { return draw.choose(weights, isComplete: true, total: weights.reduce(0, +)) }
    let least = draw.choose(weights, isComplete: false, total: total * (1 - Self.totalError))
    let most = draw.choose(weights, isComplete: false, total: total * (1 + Self.totalError))
    return least == most ? least : nil
  }

  private func largest(_ row: UnsafePointer<Float>, _ count: Int) -> (Float, Int) {
    switch set {
    case .avx512: KernelsAVX512.largestLogit(row, count)
    case .avx2: KernelsAVX2.largestLogit(row, count)
    case .baseline: KernelsBaseline.largestLogit(row, count)
    }
  }

  private func exponentials(_ row: UnsafePointer<Float>, _ count: Int, _ largest: Float, _ scale: Float) -> Double {
    switch set {
    case .avx512: KernelsAVX512.sumOfExponentials(row, count, largest: largest, scale: scale)
    case .avx2: KernelsAVX2.sumOfExponentials(row, count, largest: largest, scale: scale)
    case .baseline: KernelsBaseline.sumOfExponentials(row, count, largest: largest, scale: scale)
    }
  }

  private func collect(
    _ row: UnsafePointer<Float>, _ count: Int, _ threshold: Float, _ out: UnsafeMutablePointer<Int32>
  ) -> Int {
    switch set {
    case .avx512: KernelsAVX512.collectLogits(row, count, threshold: threshold, out)
    case .avx2: KernelsAVX2.collectLogits(row, count, threshold: threshold, out)
    case .baseline: KernelsBaseline.collectLogits(row, count, threshold: threshold, out)
    }
  }
}

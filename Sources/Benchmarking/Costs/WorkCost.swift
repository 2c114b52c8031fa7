import Traces

/// The least memory traffic and arithmetic that any implementation of a call needs: what its time is measured against.
///
/// From the definition's tags `cost:bytes=<expression>` and `cost:flops=<expression>` over its axes; else from formulas
/// for known operations; else from the sizes of the tensors. A lower bound throughout: of a table or a cache only the rows
/// count that the indices reach, each once.
public struct WorkCost: Sendable, Hashable {
  /// Bytes read and written once each.
  public let bytes: Double
  /// Additions and multiplications; a multiply-add is two.
  public let operations: Double

  public init(bytes: Double, operations: Double) { (self.bytes, self.operations) = (bytes, operations) }

  /// - inputs: with them index arrays are read; without them they count as if they reached as little as can be.
  public init(_ definition: Definition, axes: OrderedMap<Int>, inputs: WorkloadInputs?) {
    let formulas = CostFormulas(definition, axes, inputs)
    let known = formulas.known ?? WorkCost(bytes: formulas.tensorBytes, operations: 0)
    self.init(
      bytes: Self.tagged("cost:bytes=", definition, axes) ?? known.bytes,
      operations: Self.tagged("cost:flops=", definition, axes) ?? known.operations)
  }

  /// The value of a cost tag; nil when there is none, or none that can be computed.
  private static func tagged(_ mark: String, _ definition: Definition, _ axes: OrderedMap<Int>) -> Double? {
    guard let tag = definition.tags.first(where: { $0.hasPrefix(mark) }),
      let value = try? AxisExpression.value(String(tag.dropFirst(mark.count)), definition, axes), value >= 0
    else { return nil }
    return Double(value)
  }

  /// The least time by the machine's measured ceilings: what a report calls 100 %. Data that fits into caches can be
  /// faster than that.
  public func rooflineSeconds(_ ceilings: MachineCeilings) -> Double {
    max(bytes / positive(ceilings.readGigabytes * 1e9), operations / positive(peakOperations(ceilings)))
  }

  /// A time below which a measurement is refused, because no honest kernel can be that fast.
  ///
  /// Generous on purpose. Arithmetic: twice the higher of the float and integer peaks. Memory: twice the measured
  /// bandwidth for calls that touch more than the set it was measured with; for smaller ones, which caches may hold,
  /// four times 64 bytes a cycle and core, the cycles estimated from the float peak.
  public func floorSeconds(_ ceilings: MachineCeilings) -> Double {
    let perCycle: Double =
      switch ceilings.instructionSet {
      case .avx512: 64
      case .avx2: 32
      case .baseline: 8
      }
    let cache = 4 * 64 * ceilings.floatGigaflops * 1e9 / perCycle, memory = 2 * ceilings.readGigabytes * 1e9
    let bandwidth = bytes > 2 * Double(ceilings.readSetBytes) ? memory : max(cache, 2 * memory)
    return max(bytes / positive(bandwidth), operations / positive(2 * peakOperations(ceilings)))
  }

  /// Operations a second.
  private func peakOperations(_ ceilings: MachineCeilings) -> Double {
    max(ceilings.floatGigaflops, ceilings.integerGigaops) * 1e9
  }

  /// Ceilings that were not measured bound nothing.
  private func positive(_ value: Double) -> Double { value > 0 && value.isFinite ? value : .infinity }
}

import Checkpoints
import KernelRuntime
import Tensors
import Traces

/// Makes the inputs of one call that nobody gave. Each depends on the seed, the input's name, the axes and, for offsets,
/// on the offsets that were given.
struct InputGenerator {
  let definition: Definition
  let axes: OrderedMap<Int>
  let seed: UInt64
  private let layout: SequenceLayout

  init(
    _ definition: Definition, axes: OrderedMap<Int>, shapes: CallShapes, given: [String: KernelArgument], seed: UInt64
  ) {
    (self.definition, self.axes, self.seed) = (definition, axes, seed)
    layout = Self.layout(definition, axes, shapes, given, seed)
  }

  /// - Throws: `invalidRule` and `signature` when the recipe cannot be followed.
  func tensor(_ name: String, _ dtype: DType, _ shape: Shape) throws(WorkloadError) -> Tensor {
    let recipe = try InputRecipe.recipe(for: name, in: definition)
    let tensor = Tensor(dtype, shape), random = CounterRandom(seed: seed, name: name)
    if tensor.count == 0 { return tensor }
    func refuse(_ reason: String) -> WorkloadError {
      WorkloadError(.signature, definition: definition.name, subject: name, reason)
    }
    func bound(_ expression: String) throws(WorkloadError) -> Int {
      let value = try size(expression, of: name)
      guard value > 0, value <= 1 << 32 else {
        throw refuse("has \(tensor.count) indices below \(expression) = \(value), expected 1 to 2^32")
      }
      return value
    }
    let width = shape.rank == 0 ? 1 : shape[shape.rank - 1]
    switch recipe {
    case .normal(let scale): FloatFilling.normal(tensor, random, scale: scale)
    case .uniform(let low, let high): FloatFilling.fill(tensor) { low + (high - low) * random.uniform($0) }
    case .choice(let values):
      if values.isEmpty { throw refuse("its recipe has nothing to choose from") }
      FloatFilling.fill(tensor) { values[random.below(values.count, $0)] }
    case .normWeight: FloatFilling.fill(tensor) { 1 + 0.125 * random.normal($0) }
    case .scales: FloatFilling.fill(tensor) { 0.0078125 + 0.0234375 * random.uniform($0) }
    case .probabilities: FloatFilling.probabilities(tensor, random, width: width)
    case .topP: FloatFilling.fill(tensor) { [0.1, 0.5, 0.9, 0.95, 0.99, 1][random.below(6, $0)] }
    case .rotaryTable: FloatFilling.rotaryTable(tensor, width: width)
    case .topK(let expression):
      let limit = try bound(expression)
      IntegerFilling.fill(tensor) { i in
        let choices = [1, 2, 20, 40, 50, limit / 2, limit, 0]
        return min(choices[random.below(choices.count, i)], limit)
      }
    case .below(let expression):
      let limit = try bound(expression)
      IntegerFilling.fill(tensor) { random.below(limit, $0) }
    case .lengths(let expression):
      let limit = try bound(expression)
      IntegerFilling.fill(tensor) { 1 + random.below(limit, $0) }
    case .integers(let low, let high): IntegerFilling.fill(tensor) { low + random.below(high - low + 1, $0) }
    case .distinct(let expression):
      let limit = try bound(expression), each = min(width, limit)
      // Sparse indices are padded with -1 where there are fewer candidates than places.
      if width > limit, name != "sparse_indices" {
        throw refuse("needs \(width) different indices, there are \(expression) = \(limit)")
      }
      IntegerFilling.distinct(tensor, random, each, below: limit, width: width, padding: -1)
    case .pages(let expression):
      let limit = try bound(expression)
      if tensor.count <= limit {
        IntegerFilling.distinct(tensor, random, tensor.count, below: limit, width: tensor.count, padding: -1)
      } else {
        IntegerFilling.fill(tensor) { random.below(limit, $0) }
      }
    case .packedExperts(let expression):
      let limit = try bound(expression)
      if width > limit { throw refuse("needs \(width) different experts, there are \(expression) = \(limit)") }
      IntegerFilling.distinct(tensor, random, width, below: limit, width: width, padding: 0)
      let weight = Int(DType.bfloat16.encode(1 / Float(width)))
      for i in 0..<tensor.count {
        let expert = tensor.dtype.decodeInteger(tensor.bits(at: i))
        tensor.setBits(UInt64(truncatingIfNeeded: expert << 16 | weight), at: i)
      }
    case .indptr(let expression):
      let end = try size(expression, of: name)
      let offsets = isQueryOffsets(name) ? layout.queryOffsets : layout.pageOffsets
      if offsets.count == tensor.count, offsets.last == end {
        IntegerFilling.fill(tensor) { offsets[$0] }
      } else {
        let alone = SequenceLayout(
          sequences: tensor.count - 1, queries: end, pages: 0, pageSize: 1, knownQueries: nil, knownPages: nil,
          random: random)
        IntegerFilling.fill(tensor) { alone.queryOffsets[$0] }
      }
    case .lastPageLength:
      let lengths = layout.lastPageLengths
      IntegerFilling.fill(tensor) { $0 < lengths.count ? lengths[$0] : 1 }
    case .blocks(let format): QuantisedBlocks.fill(tensor, format, random)
    case .scaledKeyPages: QuantisedBlocks.fillScaledKeyPages(tensor, random)
    case .bits: IntegerFilling.bits(tensor, random)
    }
    return tensor
  }

  private func size(_ expression: String, of name: String) throws(WorkloadError) -> Int {
    do { return try AxisExpression.value(expression, definition, axes) } catch {
      throw WorkloadError(.invalidRule, definition: definition.name, subject: name, error.reason)
    }
  }

  private func isQueryOffsets(_ name: String) -> Bool { name.hasPrefix("q") }

  private static func layout(
    _ definition: Definition, _ axes: OrderedMap<Int>, _ shapes: CallShapes, _ given: [String: KernelArgument],
    _ seed: UInt64
  ) -> SequenceLayout {
    func known(_ name: String) -> [Int]? {
      guard case .tensor(let tensor)? = given[name], tensor.shape.rank == 1 else { return nil }
      return tensor.integers
    }
    func axis(_ names: String...) -> Int? { names.lazy.compactMap { definition.axes[$0]?.value ?? axes[$0] }.first }
    let offsets = zip(definition.inputs.names, shapes.inputs).first { $0.0.contains("indptr") }?.1
    let sequences = max(0, (offsets?.count ?? 1) - 1)
    return SequenceLayout(
      sequences: sequences, queries: definition.inputs["qo_indptr"] == nil ? nil : axis("total_q") ?? 0,
      pages: axis("num_kv_indices", "total_kv") ?? 0, pageSize: axis("page_size") ?? 1,
      knownQueries: known("qo_indptr"), knownPages: known("kv_indptr"),
      random: CounterRandom(seed: seed, name: "sequences"))
  }
}

/// Expressions over a definition's axes, as recipes and costs use them.
enum AxisExpression {
  /// - Throws: `invalidRule`, saying what is wrong with the text.
  static func value(_ text: String, _ definition: Definition, _ axes: OrderedMap<Int>) throws(WorkloadError) -> Int {
    var values: [String: Int] = [:]
    for (name, axis) in definition.axes { values[name] = axis.value ?? axes[name] }
    do {
      return try PythonExpression(parsing: text).axisValue(axes: values)
    } catch {
      throw WorkloadError(.invalidRule, definition: definition.name, "\"\(text)\": \(error)")
    }
  }
}

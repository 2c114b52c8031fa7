import Synchronization
import Traces

/// How often one definition was called with which axes, and which calls are still wanted as workloads.
final class CallTally: Sendable {
  let definition: Definition
  let rule: RecordingPolicy.Rule
  private let axisNames: [String]
  private let maximumKeys: Int
  private let state = Mutex(State())

  /// Layers that are told apart; models have fewer.
  private static let layerLimit = 4096

  private struct State {
    /// Where a set of axes stands in `keys`, `calls` and `groups`.
    var positions: [[Int]: Int] = [:]
    var keys: [[Int]] = []
    /// Since the counts were last taken.
    var calls: [Int] = []
    /// The group of calls that are alike for the filter, by set of axes.
    var groups: [Int] = []
    /// Calls kept, by group.
    var kept: [Int] = []
    var buckets: [[Int]: Int] = [:]
    /// The last set of axes and its place: the layers of one step follow one another with the same.
    var lastKey: [Int] = [Int.min]
    var lastPosition = 0
    var others = 0
    var layers: [Int] = []
    var withoutLayer = 0
    /// Since the beginning.
    var total = 0
  }

  init(_ definition: Definition, _ rule: RecordingPolicy.Rule, maximumKeys: Int) {
    (self.definition, self.rule, self.maximumKeys) = (definition, rule, maximumKeys)
    axisNames = definition.varAxes
  }

  /// Counts a call.
  /// - wanting: whether calls are captured at all.
  /// - Returns: the group for which this call is to be captured (and has been counted as kept); nil if it is not wanted.
  @inline(__always)
  func count(_ axes: [Int], layer: Int?, wanting: Bool) -> Int? {
    state.withLock { state in
      let number = state.total
      state.total &+= 1
      if let layer, layer >= 0, layer < Self.layerLimit {
        while state.layers.count <= layer { state.layers.append(0) }
        state.layers[layer] &+= 1
      } else {
        state.withoutLayer &+= 1
      }
      let position: Int
      if state.lastKey == axes {
        position = state.lastPosition
      } else if let found = state.positions[axes] {
        position = found
        (state.lastKey, state.lastPosition) = (axes, found)
      } else if let new = insert(axes, &state) {
        position = new
      } else {
        state.others &+= 1
        return nil
      }
      state.calls[position] &+= 1
      return wanting ? wantedGroup(position, number, &state) : nil
    }
  }

  @inline(__always)
  private func wantedGroup(_ position: Int, _ number: Int, _ state: inout State) -> Int? {
    let quota: Int
    switch rule.filter {
    case .keepAll: quota = .max
    case .keepNone: quota = 0
    case .keepFirst(let k), .keepFirstByAxes(let k), .attention(let k): quota = k
    case .every(let n): quota = n > 0 && number % n == 0 ? .max : 0
    }
    let group = state.groups[position]
    guard state.kept[group] < quota else { return nil }
    state.kept[group] &+= 1
    return group
  }

  private func insert(_ axes: [Int], _ state: inout State) -> Int? {
    guard state.keys.count < maximumKeys else { return nil }
    let position = state.keys.count
    state.positions[axes] = position
    state.keys.append(axes)
    state.calls.append(0)
    var group = state.kept.count
    switch rule.filter {
    case .attention:
      if let bucket = AttentionBucket.key(axisNames, axes) {
        group = state.buckets[bucket] ?? group
        state.buckets[bucket] = group
      }
    case .keepFirstByAxes: break
    case .keepAll, .keepNone, .keepFirst, .every: group = 0
    }
    if group == state.kept.count { state.kept.append(0) }
    state.groups.append(group)
    return position
  }

  /// A call that was counted as kept could not be captured: a later one may take its place.
  func giveBack(_ group: Int) { state.withLock { $0.kept[group] -= 1 } }

  var totalCalls: Int { state.withLock { $0.total } }

  /// The counts since the last time; they begin at nothing again.
  func take() -> RecordedFrequencies {
    let taken = state.withLock { state in
      let taken = (state.keys, state.calls, state.others, state.layers, state.withoutLayer)
      state.calls = [Int](repeating: 0, count: state.keys.count)
      state.layers = [Int](repeating: 0, count: state.layers.count)
      (state.others, state.withoutLayer) = (0, 0)
      return taken
    }
    var frequencies = RecordedFrequencies(definition: definition)
    let (keys, calls, others, layers, withoutLayer) = taken
    for (key, count) in zip(keys, calls) where count > 0 { frequencies.add(count, sizes: key) }
    frequencies.others = others
    for (layer, count) in layers.enumerated() where count > 0 { frequencies.layers[layer] = count }
    frequencies.withoutLayer = withoutLayer
    return frequencies
  }
}

/// The tallies of all definitions, by name.
final class TallyTable: Sendable {
  private let tallies = Mutex<[String: CallTally]>([:])
  private let policy: RecordingPolicy

  init(_ policy: RecordingPolicy) { self.policy = policy }

  /// The tally of a definition; nil when there are too many.
  @inline(__always)
  func tally(of definition: Definition) -> CallTally? {
    let name = definition.name
    if let known = tallies.withLock({ $0[name] }) { return known }
    return insert(definition)
  }

  private func insert(_ definition: Definition) -> CallTally? {
    tallies.withLock { tallies in
      if let known = tallies[definition.name] { return known }
      guard tallies.count < policy.maximumDefinitions else { return nil }
      let tally = CallTally(definition, policy.rule(for: definition), maximumKeys: max(0, policy.maximumKeys))
      tallies[definition.name] = tally
      return tally
    }
  }

  /// In the order of their names.
  var all: [CallTally] {
    tallies.withLock { Array($0.values) }.sorted { $0.definition.name < $1.definition.name }
  }
}

import Traces

/// What of a running program's kernel calls is kept as workloads.
///
///     var policy = RecordingPolicy.standard
///     policy.definitions["sampling_from_logits_v49152"] = .init(inputs: ["temperature": .dump], filter: .every(100))
///
/// A definition's own rule comes first, then its operation's, then the general one. Names of filters follow
/// FlashInfer-Bench.
public struct RecordingPolicy: Sendable, Hashable {
  /// What becomes of one tensor.
  public enum Capture: String, Sendable, Hashable, CaseIterable {
    /// Shape and type are kept; the values are made anew when the workload is run.
    case random
    /// The values are kept.
    case dump
  }

  /// Which calls become workloads. All count by call, so that the same calls give the same workloads.
  public enum Filter: Sendable, Hashable {
    /// Every call; equal ones are written once.
    case keepAll
    case keepNone
    /// The first `k` calls of the definition.
    case keepFirst(Int)
    /// The first `k` calls with each set of axes.
    case keepFirstByAxes(Int)
    /// The first `k` calls of each bucket of average lengths, see ``AttentionBucket``; by axes where a definition has
    /// none of these axes.
    case attention(Int)
    /// Calls 0, n, 2n … of the definition. Choose an `n` that has no divisor in common with the number of layers, or it is
    /// always the same layers' calls.
    case every(Int)
  }

  /// What is kept of one definition's calls. Host scalars always keep their values.
  public struct Rule: Sendable, Hashable {
    /// Of integer and boolean tensors: index arrays decide what a kernel has to do.
    public var integers: Capture
    public var floats: Capture
    /// By the input's name, before the two above.
    public var inputs: [String: Capture]
    public var filter: Filter

    public init(
      integers: Capture = .dump, floats: Capture = .random, inputs: [String: Capture] = [:],
      filter: Filter = .keepFirstByAxes(1)
    ) {
      (self.integers, self.floats, self.inputs, self.filter) = (integers, floats, inputs, filter)
    }
  }

  public var general = Rule()
  /// By `op_type`.
  public var operations: [String: Rule] = [:]
  /// By name.
  public var definitions: [String: Rule] = [:]

  /// Bytes that the recorded workloads and their tensors may take on disk, those of earlier runs included. Beyond that,
  /// calls are counted only.
  public var maximumBytes = 256 << 20
  /// Bytes of captured calls that may wait to be written; beyond that, calls are not captured.
  public var queueBytes = 32 << 20
  /// Sets of axes that are told apart for one definition; calls beyond are counted as others and not captured.
  public var maximumKeys = 4096
  /// Definitions that are told apart; calls of others are ignored.
  public var maximumDefinitions = 1024
  /// Seconds from one writing of the frequencies to the next.
  public var frequencyInterval = 60

  public init() {}

  /// For a server. Attention is kept by average lengths, everything else once for each set of axes. Token ids are not
  /// kept: they are what users wrote.
  public static var standard: RecordingPolicy {
    var policy = RecordingPolicy()
    for operation in ["gqa_paged", "gqa_ragged", "mla_paged", "mla_ragged", "dsa_paged"] {
      policy.operations[operation] = Rule(filter: .attention(1))
    }
    policy.operations["embedding"] = Rule(integers: .random)
    return policy
  }

  public func rule(for definition: Definition) -> Rule {
    definitions[definition.name] ?? operations[definition.opType] ?? general
  }
}

/// Calls of attention whose sequences have the same average lengths count as alike.
///
/// `num_pages`, `len_indptr`, the number of keys (`num_kv_indices`, `total_kv` for ragged ones) and `total_q` leave the key;
/// their averages over the `len_indptr - 1` sequences, rounded to even, enter it. Source: FlashInfer-Bench's `attention`
/// filter, which does not know `total_kv` and so never keeps ragged attention.
public struct AttentionBucket: Sendable {
  /// Sizes of the other axes in the definition's order, then the average lengths of keys and of queries.
  public static func key(_ names: [String], _ sizes: [Int]) -> [Int]? {
    func size(_ name: String) -> Int? { names.firstIndex(of: name).map { sizes[$0] } }
    guard names.count == sizes.count, let length = size("len_indptr"),
      let keys = size("num_kv_indices") ?? size("total_kv")
    else { return nil }
    let left: Set<String> = ["num_pages", "len_indptr", "num_kv_indices", "total_kv", "total_q"]
    var key = zip(names, sizes).filter { !left.contains($0.0) }.map(\.1)
    let sequences = length - 1
    func average(_ total: Int) -> Int {
      sequences <= 0 ? 0 : Int((Double(total) / Double(sequences)).rounded(.toNearestOrEven))
    }
    key.append(average(keys))
    key.append(size("total_q").map(average) ?? 1)
    return key
  }
}

import KernelRuntime
import Tensors
import Traces

@testable import Kernels

/// A batch whose block tables are those of a radix tree: sequences begin with pages of others.
struct PrefixTree {
  var sequences: [Sequence] = []
  let pageSize: Int
  private(set) var pageCount = 0

  struct Sequence {
    var pages: [Int32]
    /// Positions, the queries' own included.
    var length: Int
    var queries: Int
  }

  init(pageSize: Int) { self.pageSize = pageSize }

  /// Adds a sequence that begins with the first `common` pages of another.
  /// - length: of the sequence, at least one position behind the common pages.
  mutating func add(after other: Int? = nil, common: Int = 0, length: Int, queries: Int = 1) {
    var pages = other.map { Array(sequences[$0].pages.prefix(common)) } ?? []
    while pages.count * pageSize < length {
      // Not in ascending order, as in a pool that has been in use.
      pages.append(Int32(pageCount ^ 1))
      pageCount += 1
    }
    sequences.append(Sequence(pages: pages, length: length, queries: queries))
  }

  /// Prefixes of prefixes, sequences that share nothing, whole tables twice, queries that begin in common pages,
  /// decodes and extends, in any order.
  static func random(pageSize: Int, count: Int, longest: Int, _ random: inout SeededGenerator) -> PrefixTree {
    var tree = PrefixTree(pageSize: pageSize)
    for i in 0..<count {
      let queries = [1, 1, 1, 2, 7, 30][random.below(6)]
      let other = i > 0 && random.below(4) > 0 ? random.below(i) : nil
      if let other, random.below(8) == 0 {
        var twin = tree.sequences[other]
        twin.queries = min(queries, twin.length)
        tree.sequences.append(twin)
        continue
      }
      let common = other.map { random.below(tree.sequences[$0].length / pageSize + 1) } ?? 0
      let length = common * pageSize + 1 + random.below(max(1, longest - common * pageSize))
      tree.add(after: other, common: common, length: length, queries: min(length, queries))
    }
    tree.sequences.shuffle(using: &random)
    return tree
  }

  /// The batch as a problem; slots of the cache that no sequence uses are not numbers.
  func problem(_ definition: Definition, seed: UInt64) throws -> Problem {
    var problem = try Problem(definition, .ragged(of: definition), seed: seed)
    var random = SeededGenerator(seed: seed)
    let size = { (name: String) in definition.axes[name]?.value ?? 0 }
    let pages = (pageCount + 1) & ~1, heads = size("num_kv_heads"), dimension = size("head_dim")
    var used = Set<Int>()
    for sequence in sequences {
      for i in 0..<sequence.length { used.insert(Int(sequence.pages[i / pageSize]) * pageSize + i % pageSize) }
    }
    for name in ["k_cache", "v_cache"] {
      guard let dtype = definition.inputs[name]?.dtype else { continue }
      let cache = Tensor(dtype, [pages, pageSize, heads, dimension])
      for i in 0..<cache.count {
        let value = used.contains(i / (heads * dimension)) ? random.value() : Float.nan
        switch dtype {
        case .float16: cache.elements(as: Float16.self)[i] = Float16(value)
        case .bfloat16: cache.elements(as: UInt16.self)[i] = UInt16(value.bitPattern >> 16)
        case .float32: cache.elements(as: Float.self)[i] = value
        default: preconditionFailure("no cache of \(dtype) is filled here")
        }
      }
      problem.tensors[name] = cache
    }
    let total = sequences.reduce(0) { $0 + $1.queries }
    let query = Tensor(.float32, [total, size("num_qo_heads"), dimension])
    for i in 0..<query.count { query.elements(as: Float.self)[i] = 2 * random.value() }
    problem.tensors["q"] = query
    problem.axes["num_pages"] = pages
    problem.axes["total_q"] = total
    problem.setTables(sequences, pageSize: pageSize)
    return problem
  }

  /// What sequence i would be computed from if it came alone, and its first query in the batch.
  func alone(_ i: Int, of whole: Problem) -> (problem: Problem, firstQuery: Int) {
    var problem = whole
    let first = sequences[..<i].reduce(0) { $0 + $1.queries }
    problem.tensors["q"] = whole.tensors["q"]?.narrow(0, from: first, count: sequences[i].queries)
    problem.axes["total_q"] = sequences[i].queries
    problem.setTables([sequences[i]], pageSize: pageSize)
    return (problem, first)
  }
}

extension PrefixTree {
  /// How the batch would be cut into units.
  func plan(_ form: SharedPrefixTests.Form, threads: Int, sharing: Bool = true) throws -> AttentionPlan {
    let call = try problem(form.definition, seed: 1).pagedAttentionCall()
    return AttentionPlan(call, window: form.window ?? .max / 2, threads: threads, sharing: sharing)
  }
}

extension Problem {
  /// The call of paged attention that it is, with outputs of its own.
  func pagedAttentionCall() throws -> PagedAttentionCall {
    var arguments = definition.inputs.names.map { name in
      tensors[name].map { KernelArgument.tensor($0) } ?? .scalar(scalars[name] ?? 1)
    }
    arguments += try definition.outputShapes(axes: axes).compactMap { $0 }.map { .tensor(Tensor(.float32, Shape($0))) }
    return try PagedAttentionCall(arguments, definition)
  }
}

extension AttentionPlan {
  /// What each thread has to do when each unit goes to the one that has least.
  func busy(threads: Int) -> [Int] {
    var busy = [Int](repeating: 0, count: threads)
    for unit in units {
      guard let least = busy.indices.min(by: { busy[$0] < busy[$1] }) else { continue }
      busy[least] += unit.cost
    }
    return busy
  }
}

extension Problem {
  fileprivate mutating func setTables(_ sequences: [PrefixTree.Sequence], pageSize: Int) {
    var queries: [Int32] = [0], table: [Int32] = [0], last: [Int32] = []
    for sequence in sequences {
      queries.append(queries[queries.count - 1] + Int32(sequence.queries))
      table.append(table[table.count - 1] + Int32(sequence.pages.count))
      last.append(Int32(sequence.length - (sequence.pages.count - 1) * pageSize))
    }
    let indices = sequences.flatMap(\.pages)
    tensors["qo_indptr"] = Tensor(queries, [queries.count])
    tensors["kv_indptr"] = Tensor(table, [table.count])
    tensors["kv_indices"] = Tensor(indices, [indices.count])
    tensors["kv_last_page_len"] = Tensor(last, [last.count])
    axes["len_indptr"] = queries.count
    axes["batch_size"] = sequences.count
    axes["num_kv_indices"] = indices.count
  }
}

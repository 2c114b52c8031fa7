import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Pages of caches and of their scales may lie apart: a store may keep a page's bytes of all layers together.
@Suite struct StridedCacheTests {
  /// A tensor's pages, each `gap` elements after the end of the one before, between guard bytes that read as NaN.
  private struct PagesApart {
    private let whole: GuardedTensor, source: Tensor, gap: Int
    let view: Tensor

    init(_ source: Tensor, gap: Int) {
      (self.source, self.gap) = (source, gap)
      let pages = source.shape[0], page = pages == 0 ? 0 : source.count / pages
      whole = GuardedTensor(poisoned: source.dtype, [pages * (page + gap)])
      view = Tensor(
        viewing: whole.tensor.storage, source.dtype, source.shape, byteOffset: whole.tensor.byteOffset,
        outerStride: page + gap)
      let bytes = source.dtype.byteCount(of: page), stride = source.dtype.byteCount(of: page + gap)
      for i in 0..<pages {
        (view.pointer + i * stride).copyMemory(from: source.pointer + i * bytes, byteCount: bytes)
      }
    }

    /// The pages without gaps.
    var compact: Tensor {
      let copy = Tensor(source.dtype, source.shape), pages = source.shape[0]
      let bytes = pages == 0 ? 0 : source.byteCount / pages, stride = bytes + source.dtype.byteCount(of: gap)
      for i in 0..<pages {
        (copy.pointer + i * bytes).copyMemory(from: view.pointer + i * stride, byteCount: bytes)
      }
      return copy
    }

    /// Whether what lies between the pages is as it was.
    var isIntact: Bool {
      let fresh = PagesApart(compact, gap: gap)
      return whole.isIntact && sameBits(whole.tensor, fresh.whole.tensor)
    }
  }

  @Test(
    "pages that lie apart give the same bits, and nothing between them is read or written",
    arguments: ConformanceCase.all.filter { ["kv_store", "gqa_paged"].contains($0.definition.opType) })
  func pagesApart(_ pair: ConformanceCase) throws {
    let definition = pair.definition, stream = CPUStream(threads: 2)
    let problem = try Problem(definition, .ragged(of: definition), seed: 31)
    let dense = try Execution(pair.solution, problem, on: stream)
    let aliases = Execution.aliases(of: definition)
    var caches: [String: PagesApart] = [:]
    for (i, name) in ["k_cache", "v_cache", "k_scale", "v_scale"].enumerated() {
      // Each with a gap of its own.
      if let tensor = problem.tensors[name] { caches[name] = PagesApart(tensor, gap: 5 + 2 * i) }
    }
    var outputs: [String: Tensor] = [:]
    for ((name, spec), shape) in zip(definition.outputs, try definition.outputShapes(axes: problem.axes)) {
      outputs[name] = aliases[name].flatMap { caches[$0]?.view } ?? shape.map { Tensor(spec.dtype, Shape($0)) }
    }
    var arguments: [KernelArgument] = []
    for name in definition.inputs.names {
      if let tensor = caches[name]?.view ?? problem.tensors[name] {
        arguments.append(.tensor(tensor))
      } else if let scalar = problem.scalars[name] {
        arguments.append(.scalar(scalar))
      }
    }
    arguments += try definition.outputs.names.map { .tensor(try #require(outputs[$0])) }
    let library = KernelLibrary(solutions: [pair.solution], policy: KernelPolicy(preferred: [pair.solution.flavor]))
    try library.bind(definition).apply(arguments, on: stream)

    for name in definition.outputs.names {
      let found = try #require(aliases[name].flatMap { caches[$0]?.compact } ?? outputs[name])
      let expected = try #require(dense.outputs[name])
      #expect(sameBits(found, expected), "\(name): \(pair)")
    }
    for (name, cache) in caches { #expect(cache.isIntact, "between the pages of \(name): \(pair)") }
  }

  @Test(
    "caches that are not written in place are copied page by page",
    arguments: ConformanceCase.all.filter { $0.definition.opType == "kv_store" })
  func copiesPages(_ pair: ConformanceCase) throws {
    let definition = pair.definition, stream = CPUStream(threads: 1)
    let problem = try Problem(definition, .rows(5), seed: 32)
    let dense = try Execution(pair.solution, problem, on: stream)
    let inputs = definition.inputs.names.compactMap { name in
      problem.tensors[name].map { $0.shape.rank > 2 && name.contains("_") ? PagesApart($0, gap: 3).view : $0 }
    }
    let outputs = definition.outputs.names.compactMap { name in
      dense.outputs[name].map { PagesApart(Tensor($0.dtype, $0.shape), gap: 9) }
    }
    let library = KernelLibrary(solutions: [pair.solution], policy: KernelPolicy(preferred: [pair.solution.flavor]))
    try library.bind(definition).apply((inputs + outputs.map(\.view)).map { .tensor($0) }, on: stream)
    for (name, output) in zip(definition.outputs.names, outputs) {
      let expected = try #require(dense.outputs[name])
      #expect(sameBits(output.compact, expected), "\(name): \(pair)")
      #expect(output.isIntact)
    }
  }
}

import JSONText
import Traces

/// A trace set made in code, with one of everything that its documents can hold. What the writer makes of it is
/// `Tests/Fixtures/interchange/set`, which `Tests/Interchange/run.sh` gives to FlashInfer-Bench.
enum InterchangeSet {
  /// Writes the set below `folder`.
  static func write(to folder: String) throws {
    var set = TraceSet(root: folder)
    for definition in try definitions() { try set.add(definition) }
    for solution in try solutions() { try set.add(solution) }
    try set.addWorkloads(workloads())
    try set.addTraces(traces())
  }

  static func definitions() throws -> [Definition] {
    [
      try Definition(
        name: "scale_n64", opType: "elementwise",
        axes: ["rows": .var(description: "Zeilen, ≥ 1"), "n": .const(64, description: "columns"), "batch": .var],
        inputs: [
          "x": .tensor("rows", "n", dtype: .float32, description: "was skaliert wird"),
          "factor": .scalar(.float32), "flag": .scalar(.bool), "power": .scalar(.int32),
          "lengths": .tensor("batch", dtype: .int64),
        ],
        outputs: ["y": .tensor("rows", "n", dtype: .float32)],
        reference: """
          import torch

          def run(x, factor, flag, power, lengths):
              \"\"\"Größe × factor\"\"\"
              return x * factor ** power if flag else x
          """,
        description: "y = x · factorᵖ — \"quoted\", \\ and\ttab", tags: ["stage:prefill", "model:größe-1"],
        constraints: ["rows >= 1", "batch == lengths.shape[0]"]),
      try Definition(
        name: "gemm_n32_k64", opType: "gemm", axes: ["M": .var, "N": .const(32), "K": .const(64)],
        inputs: ["A": .tensor("M", "K", dtype: .bfloat16), "B": .tensor("N", "K", dtype: .bfloat16)],
        outputs: ["C": .tensor("M", "N", dtype: .float16)],
        reference: "import torch\n\ndef run(A, B):\n    return (A.float() @ B.float().T).half()\n"),
      try Definition(
        name: "every_type", opType: "gallery", axes: ["zero": .const(0), "m": .var],
        inputs: [
          "a": .tensor("m", dtype: .float32), "b": .tensor("m", dtype: .float16), "c": .tensor("m", dtype: .bfloat16),
          "d": .tensor("m", dtype: .float8_e4m3fn), "e": .tensor("m", dtype: .float8_e5m2),
          "f": .tensor("m", dtype: .float4_e2m1), "g": .tensor("m", dtype: .int64), "h": .tensor("m", dtype: .int32),
          "i": .tensor("m", dtype: .int16), "j": .tensor("m", dtype: .int8), "k": .tensor("m", dtype: .bool),
          "l": TensorSpec(shape: [], dtype: .float32), "m": .tensor("zero", "m", dtype: .int8),
        ],
        outputs: ["none": .tensor("zero", dtype: .float32), "both": TensorSpec(shape: [], dtype: .int64)],
        reference: "def run(*arguments):\n    raise NotImplementedError\n"),
    ]
  }

  static func solutions() throws -> [Solution] {
    let scale = "def run(x, factor, flag, power, lengths):\n    return x * factor ** power if flag else x\n"
    let gemm = "def run(A, B):\n    return (A.float() @ B.float().T).half()\n"
    func python(_ name: String, _ definition: String, _ author: String, _ content: String) throws -> Solution {
      try Solution(
        name: name, definition: definition, author: author,
        spec: BuildSpec(
          language: .python, targetHardware: ["cpu"], entryPoint: "main.py::run", dependencies: ["torch"],
          destinationPassingStyle: false),
        sources: [SourceFile(path: "main.py", content: content)])
    }
    func compiled(_ name: String, _ author: String, _ language: Language, _ binding: Binding?) throws -> Solution {
      let file = language == .cuda ? "src/kernel.cu" : language == .cpp ? "kernel.cpp" : "kernel.py"
      return try Solution(
        name: name, definition: "gemm_n32_k64", author: author,
        spec: BuildSpec(
          language: language, targetHardware: ["cpu", "NVIDIA H100"], entryPoint: file + "::run",
          dependencies: ["cutlass", "cublas >= 12"], binding: binding),
        sources: [
          SourceFile(path: "include/größe.h", content: "// für alle: 漢字 🙂\r\n"),
          SourceFile(path: file, content: "// \(name)\n"),
        ], description: "in \(language)")
    }
    return [
      try python("baseline_scale", "scale_n64", "baseline", scale),
      try python("ann_scale_first", "scale_n64", "ann", scale + "# first\n"),
      try python("ann_scale_second", "scale_n64", "ann", scale + "# second\n"),
      try python("bob_scale", "scale_n64", "bob", scale + "# bob\n"),
      try python("dora_scale", "scale_n64", "dora", scale + "# never run\n"),
      try python("baseline_gemm", "gemm_n32_k64", "baseline", gemm),
      try python("ann_gemm", "gemm_n32_k64", "ann", gemm + "# ann\n"),
      try compiled("bob_gemm_cpp", "bob", .cpp, .tvmFFI), try compiled("bob_gemm_cuda", "bob", .cuda, nil),
      try compiled("carol_gemm_torch", "carol", .cuda, .torch),
      try compiled("carol_gemm_triton", "carol", .triton, nil),
      try compiled("carol_gemm_tilelang", "carol", .tilelang, nil),
      try python("baseline_every_type", "every_type", "baseline", "def run(*arguments):\n    pass\n"),
    ]
  }

  private static func scaleWorkload(_ rows: Int) -> Workload {
    Workload(
      uuid: "scale-\(rows)", axes: ["rows": rows, "batch": 2],
      inputs: [
        "x": .random, "factor": .scalar(.float(rows == 1 ? 0.1 : 1e-5)), "flag": .scalar(.bool(rows != 2)),
        "power": .scalar(.int(-3)),
        "lengths": .safetensors(path: "./blob/workloads/elementwise/scale_n64/scale.safetensors", tensorKey: "längen"),
      ])
  }

  private static func gemmWorkload(_ rows: Int) -> Workload { Workload(uuid: "gemm-\(rows)", axes: ["M": rows]) }

  static func workloads() throws -> [Trace] {
    try [1, 2, 300].map { try Trace(definition: "scale_n64", workload: scaleWorkload($0)) }
      + [0, 1, 17].map { try Trace(definition: "gemm_n32_k64", workload: gemmWorkload($0)) }
      + [
        try Trace(
          definition: "every_type",
          workload: Workload(uuid: "é-0", axes: ["m": 0], inputs: ["k": .random, "l": .scalar(.float(1e16))]))
      ]
  }

  private static func passed(
    _ solution: String, _ workload: Workload, _ latency: Double, speedup: Double, absolute: Double = 1e-3,
    relative: Double = 1e-6, hardware: String = "AMD EPYC 9654 96-Core Processor", extra: JSONObject? = nil
  ) throws -> Trace {
    try evaluated(
      solution, workload, .passed, hardware,
      correctness: Correctness(maxRelativeError: relative, maxAbsoluteError: absolute, extra: extra),
      performance: Performance(latencyMs: latency, referenceLatencyMs: latency * speedup, speedupFactor: speedup))
  }

  private static func evaluated(
    _ solution: String, _ workload: Workload, _ status: Evaluation.Status, _ hardware: String = "NVIDIA H100",
    log: String = "", correctness: Correctness? = nil, performance: Performance? = nil
  ) throws -> Trace {
    try Trace(
      definition: solution.contains("scale") ? "scale_n64" : "gemm_n32_k64", workload: workload, solution: solution,
      evaluation: Evaluation(
        status: status, environment: Environment(hardware: hardware, libs: ["torch": "2.13.0+cpu", "swift": "6.3.1"]),
        timestamp: "2026-11-21T09:36:01.250000", log: log, correctness: correctness, performance: performance))
  }

  static func traces() throws -> [Trace] {
    let (s1, s2, s300) = (scaleWorkload(1), scaleWorkload(2), scaleWorkload(300))
    let (g0, g1, g17) = (gemmWorkload(0), gemmWorkload(1), gemmWorkload(17))
    let nested = JSONObject([
      ("matched_ratio", .double(0.98765)), ("tvds", .array([.double(0.1), .null, .bool(true)])),
      ("größe", .string("é")),
    ])
    return [
      // The baseline, once repeated with a better time and once failed on a repetition.
      try passed("baseline_scale", s1, 0.25, speedup: 1), try passed("baseline_scale", s1, 0.2, speedup: 1.25),
      try passed("baseline_scale", s2, 0.3, speedup: 1), try evaluated("baseline_scale", s2, .timeout),
      try passed("baseline_scale", s300, 7.125, speedup: 1),
      // Ann's second is the better; a tie in speed-up with the first, in another file order.
      try passed("ann_scale_first", s1, 0.1, speedup: 2.5, extra: nested),
      try passed("ann_scale_first", s2, 0.3, speedup: 1),
      try passed("ann_scale_second", s1, 0.1, speedup: 2.5), try passed("ann_scale_second", s300, 0.7, speedup: 10.2),
      try passed("ann_scale_second", s300, 0.5, speedup: 14.25, absolute: 0.5, relative: 0.5),
      // Bob failed once and passed later: his score is 0.
      try evaluated("bob_scale", s1, .runtimeError, log: "Traceback:\n  \"é\" \u{1B}[31mred\u{1B}[0m \\ \u{7F}"),
      try passed("bob_scale", s1, 0.01, speedup: 25),
      try passed("bob_scale", s2, 0.01, speedup: 30, absolute: .nan, relative: .infinity),
      try passed("baseline_gemm", g1, 1e-5, speedup: 1), try passed("baseline_gemm", g17, 1e16, speedup: 1),
      try passed("ann_gemm", g1, 1e-7, speedup: 100, absolute: .leastNonzeroMagnitude, relative: 0.001),
      try passed("ann_gemm", g17, 3e15, speedup: 1e16 / 3e15, relative: 0.001),
      try passed("bob_gemm_cpp", g1, 2e-5, speedup: 0.5, relative: 0),
      try passed("bob_gemm_cpp", g17, 2e16, speedup: 0.5),
      try passed("bob_gemm_cuda", g0, 0.125, speedup: 3, hardware: "NVIDIA H100"),
      try evaluated("carol_gemm_torch", g1, .compileError), try evaluated("carol_gemm_torch", g17, .incorrectShape),
      try evaluated("carol_gemm_triton", g1, .incorrectDtype),
      try evaluated(
        "carol_gemm_tilelang", g17, .incorrectNumerical,
        correctness: Correctness(maxRelativeError: .infinity, maxAbsoluteError: .nan)),
      try passed("carol_gemm_tilelang", g1, 1e-6, speedup: 10, absolute: 0, relative: 0),
    ]
  }
}

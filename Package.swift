// swift-tools-version: 6.2
import PackageDescription

// One word per operation: a folder under Kernels/ (literal: SwiftPM caches the manifest, so a list read from the file
// system would miss a new room).
let rooms = [
  "attention", "embedding", "gemm", "kv_store", "mla", "moe", "rmsnorm", "rope", "sampling", "silu_and_mul",
]
// Rooms without kernels in swift/fast: so far they hold plain Swift only.
let plainRooms = ["mla", "moe"]
// Rooms that hold only measuring code.
let leafRooms = ["ceilings", "include"]

// Kernels run at full speed in debug builds too, so that tests on a real model are quick: as whole modules, since what one
// file has of another is not inlined otherwise. More than one thread, or the index of a debug build is not written.
let wholeModule = ["-Ounchecked", "-wmo", "-num-threads", "2", "-disable-batch-mode"]
let leaf: [SwiftSetting] = [.unsafeFlags(wholeModule)]
let fast: [SwiftSetting] = [.unsafeFlags(["-O"])]
#if arch(x86_64)
  let avx2: [SwiftSetting] = [
    .unsafeFlags(wholeModule + ["-Xcc", "-march=x86-64-v3"]), .define("ISA_AVX2"),
  ]
  // Not -march=znver5: its tuning unrolls until accumulators spill. Of tunings only that pairs of integers are multiplied
  // and added by one instruction, which every processor that has it does at full speed.
  let avx512: [SwiftSetting] = [
    .unsafeFlags(
      wholeModule + [
        "-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512vnni", "-Xcc", "-mprefer-vector-width=512", "-Xcc", "-Xclang",
        "-Xcc", "-target-feature", "-Xcc", "-Xclang", "-Xcc", "+fast-dpwssd",
      ]), .define("ISA_AVX512"),
  ]
#else
  let avx2 = leaf, avx512 = leaf
#endif

let package = Package(
  name: "swiftlet",
  products: [
    .executable(name: "swiftlet", targets: ["swiftlet"]),
    .library(name: "SwiftletKernels", targets: ["KernelRuntime", "Kernels", "Traces", "Tensors"]),
    .library(name: "SwiftletEngine", targets: ["Generation", "Models", "Scheduling", "Tokenization"]),
  ],
  dependencies: [
    // Without its default traits, which bring in full Foundation.
    .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
  ],
  targets: [
    // level 0
    .target(name: "JSONText", swiftSettings: fast),
    .target(name: "Tensors"),
    .target(name: "Templates", dependencies: ["JSONText"]),
    .target(name: "Tokenization", dependencies: ["JSONText"], swiftSettings: fast),
    .target(name: "Paging", swiftSettings: fast),
    .target(name: "CPUIntrinsics"),
    .target(name: "CProcesses"),
    .target(name: "CTensorABI"),
    .target(name: "CCUDA"),
    .target(name: "CConfinement"),
    // level 1
    .target(name: "CUDADriver", dependencies: ["CCUDA", "Tensors"]),
    .target(name: "Traces", dependencies: ["JSONText", "Tensors"]),
    .target(name: "Checkpoints", dependencies: ["JSONText"], swiftSettings: fast),
    .target(name: "PageStorage", dependencies: ["JSONText"], swiftSettings: fast),
    .target(name: "Scheduling", dependencies: ["Paging", "Tokenization"], swiftSettings: fast),
    // level 2
    .target(
      name: "Simulation", dependencies: ["Scheduling", "Paging", "Tokenization", "JSONText"], swiftSettings: fast),
    .target(
      name: "KernelRuntime",
      dependencies: ["Tensors", "Traces", "JSONText", "CUDADriver", "CPUIntrinsics", "CProcesses", "CTensorABI"],
      resources: [
        "Builders/Python/worker.py", "Builders/Swift/tensor_abi.h", "Builders/GPU/Toolchain/kernels-toolchain.txt",
      ]
      .map { .embedInCode($0) }
        + ["", "_plan", "_cubin", "_triton", "_interpreter", "_tilelang", "_torch"]
        .map { .embedInCode("Builders/GPU/tool/kernel_tool\($0).py") }),
    // level 3: the same sources, linked from Kernels/<room>/swift/fast, for each instruction set
    .target(name: "KernelsBaseline", dependencies: ["CPUIntrinsics"], swiftSettings: leaf),
    .target(name: "KernelsAVX2", dependencies: ["CPUIntrinsics"], swiftSettings: avx2),
    .target(name: "KernelsAVX512", dependencies: ["CPUIntrinsics"], swiftSettings: avx512),
    .target(name: "CKernels", cxxSettings: [.unsafeFlags(["-O3"])]),
    .target(
      name: "Kernels",
      dependencies: [
        "KernelRuntime", "Tensors", "Traces", "Checkpoints", "CPUIntrinsics", "KernelsBaseline", "KernelsAVX2",
        "KernelsAVX512", "CKernels",
      ],
      path: "Kernels",
      exclude: leafRooms
        + rooms.flatMap { ["\($0)/README.md", "\($0)/workloads.jsonl"] }
        + rooms.filter { !plainRooms.contains($0) }.map { "\($0)/swift/fast" }
        + roomsWithCPP.map { "\($0)/cpp" }
        + gpuLanguages.flatMap { room, languages in languages.map { "\(room)/\($0)" } }
        + roomsWithSolutions.flatMap { ["\($0)/definitions", "\($0)/solutions"] },
      swiftSettings: fast),
    // level 4
    .target(
      name: "Models", dependencies: ["Kernels", "KernelRuntime", "Checkpoints", "Tensors", "Traces", "JSONText"]),
    .target(
      name: "Benchmarking",
      dependencies: [
        "KernelRuntime", "Kernels", "CUDADriver", "Traces", "Tensors", "Checkpoints", "JSONText", "CProcesses",
        "CConfinement",
        "KernelsBaseline", "KernelsAVX2", "KernelsAVX512",
      ], swiftSettings: fast),
    // level 5
    .target(
      name: "Generation",
      dependencies: [
        "Models", "KernelRuntime", "Checkpoints", "PageStorage", "Scheduling", "Paging", "Tokenization", "Tensors",
      ]),
    // level 6
    .target(
      name: "Serving",
      dependencies: [
        "Generation", "Scheduling", "Tokenization", "Templates", "JSONText",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    // level 7
    .executableTarget(
      name: "swiftlet",
      dependencies: [
        "Serving", "Generation", "Models", "Scheduling", "Simulation", "Paging", "Tokenization", "Templates", "Kernels",
        "KernelRuntime", "CUDADriver",
        "Benchmarking", "Tensors", "Traces", "JSONText", "CConfinement",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      resources: [.embedInCode("fetch_model.py"), .embedInCode("swiftlet_kernel.h")]),
  ] + tests,
  cxxLanguageStandard: .cxx17
)

var roomsWithCPP: [String] { ["embedding", "kv_store", "rmsnorm", "rope", "silu_and_mul"] }
// Folders with kernels for GPUs, found and built at run time.
var gpuLanguages: [(room: String, languages: [String])] {
  ["attention", "embedding", "kv_store", "rmsnorm", "rope", "sampling", "silu_and_mul"].map {
    ($0, ["cuda", "triton", "tilelang"])
  } + [("gemm", ["triton", "tilelang"])]
}
// Rooms whose kernels are also Solution documents (Scripts/make_solutions.py).
var roomsWithSolutions: [String] { ["embedding", "rmsnorm", "rope", "silu_and_mul"] }

var tests: [Target] {
  [
    .target(name: "TestSupport", dependencies: ["JSONText"], path: "Tests/TestSupport"),
    .testTarget(name: "JSONTextTests", dependencies: ["JSONText"]),
    .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "JSONText", "TestSupport"]),
    .testTarget(name: "ModelFilesTests", dependencies: ["Models", "Checkpoints", "JSONText", "TestSupport"]),
    .testTarget(
      name: "KernelConformanceTests", dependencies: ["Kernels", "KernelRuntime", "Tensors", "Traces", "Checkpoints"]),
    .testTarget(
      name: "GPUConformanceTests",
      dependencies: ["Benchmarking", "Kernels", "KernelRuntime", "Tensors", "Traces", "JSONText"]),
    .testTarget(
      name: "KernelRuntimeTests", dependencies: ["Kernels", "KernelRuntime", "Tensors", "Traces", "JSONText"]),
    .testTarget(
      name: "GPUBuildersTests", dependencies: ["KernelRuntime", "Tensors", "Traces", "JSONText"]),
    .testTarget(name: "CUDADriverTests", dependencies: ["CUDADriver", "Tensors", "TestSupport"]),
    .testTarget(
      name: "LaunchTests",
      dependencies: ["KernelRuntime", "CUDADriver", "Tensors", "Traces", "JSONText", "TestSupport"]),
    .testTarget(
      name: "BenchmarkingTests",
      dependencies: [
        "Benchmarking", "CUDADriver", "Kernels", "KernelRuntime", "Checkpoints", "Tensors", "Traces", "JSONText",
        "TestSupport",
      ]),
    // Makes inputs of up to gigabytes: optimised in debug builds too.
    .target(name: "ReferenceInputs", dependencies: ["Tensors"], path: "Tests/ReferenceInputs", swiftSettings: fast),
    .testTarget(
      name: "ReferencesTests",
      dependencies: [
        "ReferenceInputs", "Benchmarking", "Kernels", "KernelRuntime", "Checkpoints", "Tensors", "Traces", "JSONText",
        "TestSupport",
      ]),
    .testTarget(name: "TemplatesTests", dependencies: ["Templates", "JSONText"]),
    .testTarget(name: "TokenizationTests", dependencies: ["Tokenization", "JSONText"]),
    // Naive models and what plays them against the real parts, optimised: the tests run a million operations.
    .target(
      name: "ModelContests", dependencies: ["Paging", "Scheduling", "Tokenization"], path: "Tests/ModelContests",
      swiftSettings: fast),
    .testTarget(name: "PagingTests", dependencies: ["Paging", "ModelContests"]),
    .testTarget(name: "PageStorageTests", dependencies: ["PageStorage", "JSONText", "TestSupport"]),
    .testTarget(name: "SchedulingTests", dependencies: ["Scheduling", "Paging", "Tokenization", "ModelContests"]),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Scheduling", "Paging", "JSONText"]),
    .testTarget(name: "InterchangeTests", dependencies: ["Traces", "JSONText"]),
    .testTarget(name: "TracesTests", dependencies: ["Traces", "JSONText", "Tensors"]),
    .testTarget(
      name: "GenerationTests",
      dependencies: [
        "Generation", "Models", "Kernels", "KernelRuntime", "PageStorage", "Scheduling", "Paging", "Tokenization",
        "Tensors", "TestSupport",
      ]),
    .testTarget(name: "ModelsTests", dependencies: ["Models", "Kernels", "KernelRuntime", "Tensors", "TestSupport"]),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "Serving", "Generation", "Scheduling", "Tokenization", "Templates", "JSONText",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdTesting", package: "hummingbird"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Logging", package: "swift-log"),
      ]),
  ]
}

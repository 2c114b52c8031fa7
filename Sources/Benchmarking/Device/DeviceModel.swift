import CUDADriver

/// What a kind of GPU can do, from its maker's data sheets: what a kernel should show before anything is measured.
public struct DeviceModel: Sendable, Hashable {
  public let name: String
  /// Bytes a second of its memory, and dense bfloat16 operations a second of its matrix units.
  public let memoryBandwidth: Double, matrixRate: Double
  public let multiprocessors: Int
  /// Of one multiprocessor.
  public let sharedBytes: Int, warps: Int, blocks: Int
  public static let registers = 65_536

  /// Known by compute capability: A100 (80 GB), H100 SXM, H200, B200.
  public static let known: [String: DeviceModel] = [
    "a100": DeviceModel(
      name: "NVIDIA A100 80GB", memoryBandwidth: 2.039e12, matrixRate: 312e12, multiprocessors: 108,
      sharedBytes: 164 << 10, warps: 64, blocks: 32),
    "h100": DeviceModel(
      name: "NVIDIA H100 SXM", memoryBandwidth: 3.35e12, matrixRate: 989e12, multiprocessors: 132,
      sharedBytes: 228 << 10, warps: 64, blocks: 32),
    "h200": DeviceModel(
      name: "NVIDIA H200", memoryBandwidth: 4.8e12, matrixRate: 989e12, multiprocessors: 132, sharedBytes: 228 << 10,
      warps: 64, blocks: 32),
    "b200": DeviceModel(
      name: "NVIDIA B200", memoryBandwidth: 8e12, matrixRate: 2250e12, multiprocessors: 148, sharedBytes: 228 << 10,
      warps: 64, blocks: 32),
  ]

  /// The one that a device of this machine is, by its name; nil for one that is not known.
  public init?(_ device: CUDADevice) {
    let name = device.name.lowercased()
    guard let found = Self.known.first(where: { name.contains($0.key) }) else { return nil }
    self = found.value
  }

  init(
    name: String, memoryBandwidth: Double, matrixRate: Double, multiprocessors: Int, sharedBytes: Int, warps: Int,
    blocks: Int
  ) {
    (self.name, self.memoryBandwidth, self.matrixRate) = (name, memoryBandwidth, matrixRate)
    (self.multiprocessors, self.sharedBytes, self.warps, self.blocks) = (multiprocessors, sharedBytes, warps, blocks)
  }

  /// The least time for a work, and whether memory bounds it.
  public func floor(_ cost: WorkCost) -> (seconds: Double, isMemory: Bool) {
    let memory = cost.bytes / memoryBandwidth, arithmetic = cost.operations / matrixRate
    return (max(memory, arithmetic), memory >= arithmetic)
  }

  /// Blocks of a function that one multiprocessor holds, and what limits them.
  /// - registers: of a thread; shared: bytes of a block, static and dynamic.
  public func occupancy(threads: Int, registers: Int, shared: Int) -> (blocks: Int, warps: Int, limit: String) {
    let warpsOfBlock = max(1, (threads + 31) / 32)
    // Registers are given to warps in units of 256, shared memory to blocks in units of 128 bytes, 1 KiB for the system.
    let ofWarp = max(256, (registers * 32 + 255) / 256 * 256), ofBlock = (shared + 127) / 128 * 128 + 1024
    let limits = [
      ("registers", Self.registers / ofWarp / warpsOfBlock), ("shared memory", sharedBytes / ofBlock),
      ("warps", warps / warpsOfBlock), ("blocks", blocks),
    ]
    let least = limits.min { $0.1 < $1.1 } ?? ("blocks", 0)
    return (least.1, least.1 * warpsOfBlock, least.0)
  }
}

import CCUDA

/// Sizes and attributes of one launch.
public struct LaunchConfiguration: Sendable, Hashable {
  /// Blocks, threads, and blocks of a cluster, in x, y, z.
  public var grid: SIMD3<UInt32>, block: SIMD3<UInt32>, cluster: SIMD3<UInt32>
  /// Bytes of dynamic shared memory.
  public var sharedBytes: UInt32
  /// Programmatic stream serialization: it may begin before what was queued before it has ended.
  public var isProgrammatic: Bool

  public init(
    grid: SIMD3<UInt32>, block: SIMD3<UInt32>, sharedBytes: UInt32 = 0, cluster: SIMD3<UInt32> = [1, 1, 1],
    isProgrammatic: Bool = false
  ) {
    (self.grid, self.block, self.cluster) = (grid, block, cluster)
    (self.sharedBytes, self.isProgrammatic) = (sharedBytes, isProgrammatic)
  }
}

extension DriverStream {
  /// Queues a function. The context must be current: call within `context.perform`, once for several launches.
  /// - parameters: for each parameter the address of its value; they are read before this returns.
  public func launch(
    _ function: CUDAFunction, _ configuration: LaunchConfiguration,
    parameters: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) throws(CUDAError) {
    let driver = context.driver, functions = driver.functions
    let isCluster = configuration.cluster != [1, 1, 1]
    let grid = configuration.grid, block = configuration.block
    guard isCluster || configuration.isProgrammatic else {
      return try driver.call(functions.launch) {
        $0(
          function.handle, grid.x, grid.y, grid.z, block.x, block.y, block.z, configuration.sharedBytes, handle,
          parameters, nil)
      }
    }
    var cluster = cu_launch_attribute(), programmatic = cu_launch_attribute()
    cluster.id = Int32(CU_ATTRIBUTE_CLUSTER_DIMENSION)
    cluster.value.cluster = (configuration.cluster.x, configuration.cluster.y, configuration.cluster.z)
    programmatic.id = Int32(CU_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION)
    programmatic.value.flag = 1
    var attributes =
      isCluster ? (cluster, programmatic) : (programmatic, cluster)
    let count: UInt32 = isCluster && configuration.isProgrammatic ? 2 : 1
    try withUnsafePointer(to: &attributes) { (pointer) throws(CUDAError) in
      try pointer.withMemoryRebound(to: cu_launch_attribute.self, capacity: 2) { (attributes) throws(CUDAError) in
        var config = cu_launch_config(
          grid: (grid.x, grid.y, grid.z), block: (block.x, block.y, block.z), shared_bytes: configuration.sharedBytes,
          stream: handle, attributes: attributes, attribute_count: count)
        try driver.call(functions.launchEx) { $0(&config, function.handle, parameters, nil) }
      }
    }
  }
}

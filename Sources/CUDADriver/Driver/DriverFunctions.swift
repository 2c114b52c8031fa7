import CCUDA

/// The driver's functions, looked up once. The spelling with a version is the one whose interface is in `cuda_abi.h`; a
/// library that lacks it may have the plain name, or know it by `cuGetProcAddress` only.
struct DriverFunctions: Sendable {
  let initialize: LibraryFunction<cu_init_fn>
  let version: LibraryFunction<cu_driver_version_fn>
  let errorName: LibraryFunction<cu_error_text_fn>
  let errorText: LibraryFunction<cu_error_text_fn>
  /// Of stand-ins only.
  let emulationFault: LibraryFunction<emulation_fault_fn>

  let deviceCount: LibraryFunction<cu_device_count_fn>
  let deviceGet: LibraryFunction<cu_device_get_fn>
  let deviceName: LibraryFunction<cu_device_name_fn>
  let deviceMemory: LibraryFunction<cu_device_memory_fn>
  let deviceAttribute: LibraryFunction<cu_device_attribute_fn>
  let devicePool: LibraryFunction<cu_device_pool_fn>
  let poolSet: LibraryFunction<cu_pool_set_fn>

  let contextRetain: LibraryFunction<cu_context_retain_fn>
  let contextRelease: LibraryFunction<cu_context_release_fn>
  let contextPush: LibraryFunction<cu_context_push_fn>
  let contextPop: LibraryFunction<cu_context_pop_fn>

  let memoryInfo: LibraryFunction<cu_memory_info_fn>
  let allocate: LibraryFunction<cu_allocate_fn>
  let free: LibraryFunction<cu_free_fn>
  let allocateAsync: LibraryFunction<cu_allocate_async_fn>
  let freeAsync: LibraryFunction<cu_free_async_fn>
  let allocateHost: LibraryFunction<cu_allocate_host_fn>
  let freeHost: LibraryFunction<cu_free_host_fn>
  let copyIn: LibraryFunction<cu_copy_in_fn>
  let copyOut: LibraryFunction<cu_copy_out_fn>
  let copyInAsync: LibraryFunction<cu_copy_in_async_fn>
  let copyOutAsync: LibraryFunction<cu_copy_out_async_fn>
  let copyAsync: LibraryFunction<cu_copy_async_fn>
  let fillAsync: LibraryFunction<cu_fill_async_fn>

  let streamCreate: LibraryFunction<cu_stream_create_fn>
  let streamDestroy: LibraryFunction<cu_stream_fn>
  let streamSynchronize: LibraryFunction<cu_stream_fn>
  let streamWait: LibraryFunction<cu_stream_wait_fn>
  let eventCreate: LibraryFunction<cu_event_create_fn>
  let eventDestroy: LibraryFunction<cu_event_fn>
  let eventRecord: LibraryFunction<cu_event_record_fn>
  let eventQuery: LibraryFunction<cu_event_fn>
  let eventSynchronize: LibraryFunction<cu_event_fn>
  let eventElapsed: LibraryFunction<cu_event_elapsed_fn>

  let moduleLoad: LibraryFunction<cu_module_load_fn>
  let moduleLoadData: LibraryFunction<cu_module_load_data_fn>
  let moduleUnload: LibraryFunction<cu_module_unload_fn>
  let moduleFunction: LibraryFunction<cu_module_function_fn>
  let functionAttribute: LibraryFunction<cu_function_attribute_fn>
  let functionSet: LibraryFunction<cu_function_set_fn>
  let launch: LibraryFunction<cu_launch_fn>
  let launchEx: LibraryFunction<cu_launch_ex_fn>

  let captureBegin: LibraryFunction<cu_capture_begin_fn>
  let captureEnd: LibraryFunction<cu_capture_end_fn>
  let graphInstantiate: LibraryFunction<cu_graph_instantiate_fn>
  let graphLaunch: LibraryFunction<cu_graph_launch_fn>
  let graphExecutableDestroy: LibraryFunction<cu_graph_exec_destroy_fn>
  let graphDestroy: LibraryFunction<cu_graph_destroy_fn>
  let tensorMapEncode: LibraryFunction<cu_tensor_map_encode_fn>

  init(_ library: DynamicLibrary) {
    let lookUp = DriverSymbols(library)
    initialize = lookUp("cuInit")
    version = lookUp("cuDriverGetVersion")
    errorName = lookUp("cuGetErrorName")
    errorText = lookUp("cuGetErrorString")
    emulationFault = library.function("swiftlet_emulation_last_fault")
    deviceCount = lookUp("cuDeviceGetCount")
    deviceGet = lookUp("cuDeviceGet")
    deviceName = lookUp("cuDeviceGetName")
    deviceMemory = lookUp("cuDeviceTotalMem", "_v2")
    deviceAttribute = lookUp("cuDeviceGetAttribute")
    devicePool = lookUp("cuDeviceGetDefaultMemPool")
    poolSet = lookUp("cuMemPoolSetAttribute")
    contextRetain = lookUp("cuDevicePrimaryCtxRetain")
    contextRelease = lookUp("cuDevicePrimaryCtxRelease", "_v2")
    contextPush = lookUp("cuCtxPushCurrent", "_v2")
    contextPop = lookUp("cuCtxPopCurrent", "_v2")
    memoryInfo = lookUp("cuMemGetInfo", "_v2")
    allocate = lookUp("cuMemAlloc", "_v2")
    free = lookUp("cuMemFree", "_v2")
    allocateAsync = lookUp("cuMemAllocAsync")
    freeAsync = lookUp("cuMemFreeAsync")
    allocateHost = lookUp("cuMemHostAlloc")
    freeHost = lookUp("cuMemFreeHost")
    copyIn = lookUp("cuMemcpyHtoD", "_v2")
    copyOut = lookUp("cuMemcpyDtoH", "_v2")
    copyInAsync = lookUp("cuMemcpyHtoDAsync", "_v2")
    copyOutAsync = lookUp("cuMemcpyDtoHAsync", "_v2")
    copyAsync = lookUp("cuMemcpyDtoDAsync", "_v2")
    fillAsync = lookUp("cuMemsetD8Async")
    streamCreate = lookUp("cuStreamCreate")
    streamDestroy = lookUp("cuStreamDestroy", "_v2")
    streamSynchronize = lookUp("cuStreamSynchronize")
    streamWait = lookUp("cuStreamWaitEvent")
    eventCreate = lookUp("cuEventCreate")
    eventDestroy = lookUp("cuEventDestroy", "_v2")
    eventRecord = lookUp("cuEventRecord")
    eventQuery = lookUp("cuEventQuery")
    eventSynchronize = lookUp("cuEventSynchronize")
    eventElapsed = lookUp("cuEventElapsedTime")
    moduleLoad = lookUp("cuModuleLoad")
    moduleLoadData = lookUp("cuModuleLoadData")
    moduleUnload = lookUp("cuModuleUnload")
    moduleFunction = lookUp("cuModuleGetFunction")
    functionAttribute = lookUp("cuFuncGetAttribute")
    functionSet = lookUp("cuFuncSetAttribute")
    launch = lookUp("cuLaunchKernel")
    launchEx = lookUp("cuLaunchKernelEx")
    captureBegin = lookUp("cuStreamBeginCapture", "_v2")
    captureEnd = lookUp("cuStreamEndCapture")
    graphInstantiate = lookUp("cuGraphInstantiateWithFlags")
    graphLaunch = lookUp("cuGraphLaunch")
    graphExecutableDestroy = lookUp("cuGraphExecDestroy")
    graphDestroy = lookUp("cuGraphDestroy")
    tensorMapEncode = lookUp("cuTensorMapEncodeTiled")
  }
}

/// Finds the driver's functions in its library.
private struct DriverSymbols {
  let library: DynamicLibrary
  private let byName: cu_proc_address_fn?
  /// CUDA 12.0: the interface whose types `cuda_abi.h` has.
  private static let interfaceVersion: Int32 = 12000

  init(_ library: DynamicLibrary) {
    self.library = library
    byName = library.function("cuGetProcAddress_v2", as: cu_proc_address_fn.self).pointer
  }

  /// A plain name with the suffix of its interface: a function of the plain name alone would be an older interface.
  func callAsFunction<F>(_ name: String, _ suffix: String = "") -> LibraryFunction<F> {
    let found = library.function(name + suffix, as: F.self)
    if found.pointer != nil { return found }
    var address: UnsafeMutableRawPointer?
    var state: Int32 = 0
    if let byName, byName(name, &address, Self.interfaceVersion, 0, &state) == 0, let address {
      return LibraryFunction(name: name + suffix, pointer: unsafeBitCast(address, to: F.self), library: library.path)
    }
    return found
  }
}

import KernelRuntime
import Tensors

extension KeyValueStore {
  /// Rows into slots of caches without scales of their own, whatever the element types. Negative slots are skipped.
  static let double = DoubleOracle(
    operation: "kv_store", room: "kv_store",
    forms: DoubleOracle.types.flatMap { dtype in
      [DType.float32, .float16, .bfloat16, .float8_e4m3fn].map {
        DefinitionForm(
          of: definition(keyValueHeads: 1, headDimension: 1, pageSize: 1, cacheType: $0, dtype: dtype))
      }
    }, float32Forms: forms
  ) { call throws(KernelError) in
    let slots = call.int32s("slots"), cache = call.tensor("k_cache"), count = cache.shape[0] * cache.shape[1]
    for (i, slot) in slots.enumerated() where Int(slot) >= count {
      throw call.failure("slots[\(i)] is \(slot), the cache has \(count) slots")
    }
    let isScaled = call.definition.inputs["k_scale"] != nil
    for name in ["k", "v"] {
      let rows = call.doubles(name), before = call.tensor("\(name)_cache"), after = call.tensor("\(name)_cache_out")
      let width = call.tensor(name).shape[1] * call.tensor(name).shape[2]
      let scale = isScaled ? call.scalar("\(name)_scale") : 1
      if before.pointer != after.pointer { after.pointer.copyMemory(from: before.pointer, byteCount: before.byteCount) }
      for (token, slot) in slots.enumerated() where slot >= 0 {
        for i in 0..<width {
          after.setBits(after.dtype.encode(rounding: rows[token * width + i] / scale), at: Int(slot) * width + i)
        }
      }
    }
  }
}

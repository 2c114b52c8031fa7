import Tensors
import Traces

extension KeyValueStore {
  /// - cacheType: float32, float16, bfloat16, int8 (then with a scale for each slot and head) or float8_e4m3fn (then with
  ///   one scale for all keys and one for all values, which are given).
  /// - dtype: of new keys and values: float32, bfloat16 or float16. Float8 caches and the narrow types skip negative slots.
  public static func definition(
    keyValueHeads: Int, headDimension: Int, pageSize: Int, cacheType: DType, dtype: DType = .float32
  ) -> Definition {
    .literal { () throws(SchemaError) in
      let isScaled = cacheType == .int8, isFloat8 = cacheType == .float8_e4m3fn
      let scalars: [(String, TensorSpec)] =
        isFloat8 ? [("k_scale", .scalar(.float32)), ("v_scale", .scalar(.float32))] : []
      let cache = TensorSpec.tensor("num_pages", "page_size", "num_kv_heads", "head_dim", dtype: cacheType)
      let scale = TensorSpec.tensor("num_pages", "page_size", "num_kv_heads", dtype: .float32)
      let written: [(String, TensorSpec)] =
        [("k_cache", cache), ("v_cache", cache)] + (isScaled ? [("k_scale", scale), ("v_scale", scale)] : [])
      let suffix = isScaled ? "kvint8" : cacheType.rawValue
      return try Definition(
        name: "kv_store_kv\(keyValueHeads)_d\(headDimension)_ps\(pageSize)_\(suffix)\(dtype.nameSuffix)",
        opType: "kv_store",
        axes: [
          "num_tokens": .var, "num_pages": .var, "page_size": .const(pageSize), "num_kv_heads": .const(keyValueHeads),
          "head_dim": .const(headDimension),
        ],
        inputs: OrderedMap(
          [
            ("k", .tensor("num_tokens", "num_kv_heads", "head_dim", dtype: dtype)),
            ("v", .tensor("num_tokens", "num_kv_heads", "head_dim", dtype: dtype)),
            ("slots", .tensor("num_tokens", dtype: .int32)),
          ] + written + scalars),
        outputs: OrderedMap(written.map { ($0.0 + "_out", $0.1) }),
        reference: isScaled
          ? quantisingReference
          : isFloat8 ? scalingReference : dtype == .float32 ? convertingReference : skippingReference,
        description: isScaled
          ? "Quantises keys and values of new tokens to int8, one scale a head, and scatters them into the paged cache."
          : "Scatters keys and values of new tokens into their slots of the paged cache.",
        tags: written.map { "in_place:\($0.0)_out=\($0.0)" }
          + written.flatMap { ["strided_pages:\($0.0)", "strided_pages:\($0.0)_out"] })
    }
  }

  private static let convertingReference = """
    import torch

    @torch.no_grad()
    def run(k, v, slots, k_cache, v_cache):
        def scatter(cache, rows):
            out = cache.clone()
            out.view(-1, *cache.shape[2:])[slots.long()] = rows.to(cache.dtype)
            return out

        return scatter(k_cache, k), scatter(v_cache, v)
    """

  private static let skippingReference = """
    import torch

    @torch.no_grad()
    def run(k, v, slots, k_cache, v_cache):
        def scatter(cache, rows):
            out, kept = cache.clone(), slots >= 0
            out.view(-1, *cache.shape[2:])[slots[kept].long()] = rows[kept].to(torch.float32).to(cache.dtype)
            return out

        return scatter(k_cache, k), scatter(v_cache, v)
    """

  private static let scalingReference = """
    import torch

    @torch.no_grad()
    def run(k, v, slots, k_cache, v_cache, k_scale, v_scale):
        def scatter(cache, rows, scale):
            out, kept = cache.clone().view(torch.uint8), slots >= 0
            units = (rows.to(torch.float32) / scale).clamp(-448, 448).to(cache.dtype).view(torch.uint8)
            out.view(-1, *cache.shape[2:])[slots[kept].long()] = units[kept]
            return out.view(cache.dtype)

        return scatter(k_cache, k, k_scale), scatter(v_cache, v, v_scale)
    """

  private static let quantisingReference = """
    import math
    import torch

    @torch.no_grad()
    def run(k, v, slots, k_cache, v_cache, k_scale, v_scale):
        def scatter(target, rows):
            out = target.clone()
            out.view(-1, *target.shape[2:])[slots.long()] = rows.to(target.dtype)
            return out

        def quantise(rows):
            largest = rows.abs().amax(dim=-1)
            scale = torch.where(largest.isfinite(), largest / torch.full_like(largest, 127), math.nan)
            units = torch.round(rows / scale.unsqueeze(-1)).clamp(-127, 127)
            return torch.where(scale.unsqueeze(-1) > 0, units, 0), scale

        k_units, k_scales = quantise(k)
        v_units, v_scales = quantise(v)
        return scatter(k_cache, k_units), scatter(v_cache, v_units), scatter(k_scale, k_scales), scatter(v_scale, v_scales)
    """
}

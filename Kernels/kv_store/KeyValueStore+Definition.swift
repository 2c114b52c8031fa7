import Tensors
import Traces

extension KeyValueStore {
  /// - cacheType: float32, float16, bfloat16 or int8.
  public static func definition(
    keyValueHeads: Int, headDimension: Int, pageSize: Int, cacheType: DType
  ) -> Definition {
    .literal { () throws(SchemaError) in
      let isScaled = cacheType == .int8
      let cache = TensorSpec.tensor("num_pages", "page_size", "num_kv_heads", "head_dim", dtype: cacheType)
      let scale = TensorSpec.tensor("num_pages", "page_size", "num_kv_heads", dtype: .float32)
      let written: [(String, TensorSpec)] =
        [("k_cache", cache), ("v_cache", cache)] + (isScaled ? [("k_scale", scale), ("v_scale", scale)] : [])
      let suffix = isScaled ? "kvint8" : cacheType.rawValue
      return try Definition(
        name: "kv_store_kv\(keyValueHeads)_d\(headDimension)_ps\(pageSize)_\(suffix)", opType: "kv_store",
        axes: [
          "num_tokens": .var, "num_pages": .var, "page_size": .const(pageSize), "num_kv_heads": .const(keyValueHeads),
          "head_dim": .const(headDimension),
        ],
        inputs: OrderedMap(
          [
            ("k", .tensor("num_tokens", "num_kv_heads", "head_dim", dtype: .float32)),
            ("v", .tensor("num_tokens", "num_kv_heads", "head_dim", dtype: .float32)),
            ("slots", .tensor("num_tokens", dtype: .int32)),
          ] + written),
        outputs: OrderedMap(written.map { ($0.0 + "_out", $0.1) }),
        reference: isScaled ? quantisingReference : convertingReference,
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

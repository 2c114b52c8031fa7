import Checkpoints
import Tensors

/// The Python reference of a gemm definition: block formats are unpacked first.
enum GemmReference {
  static func python(format: WeightFormat, hasBias: Bool, dtype: DType) -> String {
    let arguments = hasBias ? "A, B, bias" : "A, B"
    let body = hasBias ? "A.to(torch.float32) @ weight(B).T + bias" : "A.to(torch.float32) @ weight(B).T"
    return """
      import torch

      \(unpack(format))

      @torch.no_grad()
      def run(\(arguments)):
          return \(dtype.rounded(python: body))
      """
  }

  static func unpack(_ format: WeightFormat) -> String {
    switch format {
    case .f32, .f16, .bf16:
      """
      def weight(B):
          return B.to(torch.float32)
      """
    case .q8_0:
      """
      def weight(B):  # blocks of 32: f16 d, 32 x int8
          b = B.contiguous().view(torch.uint8).unflatten(1, (-1, 34))
          d = b[..., :2].contiguous().view(torch.float16).to(torch.float32)
          return (d * b[..., 2:].contiguous().view(torch.int8).to(torch.float32)).flatten(1)
      """
    case .q4_0:
      """
      def weight(B):  # blocks of 32: f16 d, 16 bytes of nibbles; d * (q - 8)
          b = B.contiguous().view(torch.uint8).unflatten(1, (-1, 18))
          d = b[..., :2].contiguous().view(torch.float16).to(torch.float32)
          q = torch.cat([b[..., 2:] & 15, b[..., 2:] >> 4], dim=-1).to(torch.float32)
          return (d * (q - 8)).flatten(1)
      """
    case .q4_1:
      """
      def weight(B):  # blocks of 32: f16 d, f16 m, 16 bytes of nibbles; d * q + m
          b = B.contiguous().view(torch.uint8).unflatten(1, (-1, 20))
          d = b[..., :2].contiguous().view(torch.float16).to(torch.float32)
          m = b[..., 2:4].contiguous().view(torch.float16).to(torch.float32)
          q = torch.cat([b[..., 4:] & 15, b[..., 4:] >> 4], dim=-1).to(torch.float32)
          return (d * q + m).flatten(1)
      """
    case .q4_k, .q5_k:
      """
      def weight(B):  # super-blocks of 256: f16 d, f16 dmin, 12 bytes of 6-bit scales and minima, codes
          size = \(format == .q4_k ? 144 : 176)
          b = B.contiguous().view(torch.uint8).unflatten(1, (-1, size))
          d = b[..., :2].contiguous().view(torch.float16).to(torch.float32)
          dmin = b[..., 2:4].contiguous().view(torch.float16).to(torch.float32)
          s = b[..., 4:16].to(torch.int32)
          low, high, mixed = s[..., 0:4], s[..., 4:8], s[..., 8:12]
          scale = torch.cat([low & 63, (mixed & 15) | ((low >> 6) << 4)], dim=-1).to(torch.float32)
          minimum = torch.cat([high & 63, (mixed >> 4) | ((high >> 6) << 4)], dim=-1).to(torch.float32)
          q = b[..., size - 128:].reshape(*b.shape[:2], 4, 1, 32)
          q = torch.cat([q & 15, q >> 4], dim=3).reshape(*b.shape[:2], 8, 32).to(torch.int32)
          if size == 176:
              bit = torch.arange(8).reshape(1, 1, 8, 1)
              q = q | (((b[..., 16:48].to(torch.int32).unsqueeze(2) >> bit) & 1) << 4)
          return ((d * scale).unsqueeze(-1) * q - (dmin * minimum).unsqueeze(-1)).flatten(1)
      """
    case .q6_k:
      """
      def weight(B):  # super-blocks of 256: 128 low nibbles, 64 x 2 high bits, 16 x int8 scales, f16 d; d * s * (q - 32)
          b = B.contiguous().view(torch.uint8).unflatten(1, (-1, 210))
          low = b[..., :128].reshape(*b.shape[:2], 2, 2, 32).to(torch.int32)
          high = b[..., 128:192].reshape(*b.shape[:2], 2, 1, 32).to(torch.int32)
          s = b[..., 192:208].contiguous().view(torch.int8).to(torch.float32)
          d = b[..., 208:].contiguous().view(torch.float16).to(torch.float32)
          q = torch.cat([low & 15, low >> 4], dim=3)
          q = q | (((high >> torch.tensor([0, 2, 4, 6]).reshape(1, 1, 1, 4, 1)) & 3) << 4)
          q = q.reshape(*b.shape[:2], 16, 16).to(torch.float32) - 32
          return ((d * s).unsqueeze(-1) * q).flatten(1)
      """
    }
  }
}

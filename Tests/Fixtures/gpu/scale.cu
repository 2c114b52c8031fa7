// Multiplies each element by a factor, and adds what a tensor map's address says: one parameter of each kind.
struct __align__(64) TensorMap { unsigned long long words[16]; };

extern "C" __global__ void __launch_bounds__(256) scale(
    float* output, const float* input, float factor, long long count, int repeats) {
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float value = input[i];
  for (int r = 0; r < repeats; ++r) value *= factor;
  output[i] = value;
}

extern "C" __global__ void first_word(const __grid_constant__ TensorMap map, unsigned long long* output, double unused) {
  __shared__ unsigned long long word;
  if (threadIdx.x == 0) word = map.words[0];
  __syncthreads();
  output[threadIdx.x] = word;
}

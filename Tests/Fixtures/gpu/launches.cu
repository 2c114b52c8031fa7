// What a launch can pass: strides, scalars, lets, scratch memory, outputs in place, descriptors; and what can go wrong.
// Executed by tests through the emulation.

extern "C" __global__ void scale_rows(
    float* output, const float* input, long long input_stride_0, int batch_size, int hidden_size, float factor) {
  for (int row = blockIdx.x; row < batch_size; row += gridDim.x)
    for (int i = threadIdx.x; i < hidden_size; i += blockDim.x)
      output[row * hidden_size + i] = input[row * input_stride_0 + i] * factor;
}

extern "C" __global__ void partial_sums(const float* input, float* partial, int hidden_size, int splits) {
  int row = blockIdx.x, split = blockIdx.y, width = (hidden_size + splits - 1) / splits;
  float sum = 0;
  for (int i = split * width; i < (split + 1) * width && i < hidden_size; ++i) sum += input[row * hidden_size + i];
  if (threadIdx.x == 0) partial[row * splits + split] = sum;
}

extern "C" __global__ void merge_sums(const float* partial, float* sums, int splits) {
  float sum = 0;
  for (int split = 0; split < splits; ++split) sum += partial[blockIdx.x * splits + split];
  sums[blockIdx.x] = sum;
}

extern "C" __global__ void double_sums(float* sums, void* global_scratch) {
  if (!global_scratch) sums[blockIdx.x] *= 2;
}

extern "C" __global__ void increment(int* counters_out, int num_counters, int amount) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < num_counters) counters_out[i] += amount;
}

struct alignas(64) Descriptor {
  unsigned long long words[16];
};

extern "C" __global__ void describe(const __grid_constant__ Descriptor rows_map, unsigned long long* words) {
  words[threadIdx.x] = rows_map.words[threadIdx.x];
}

extern "C" __global__ void fail(float* output) {
  if (threadIdx.x == 3) __trap();
  output[threadIdx.x] = 1;
}

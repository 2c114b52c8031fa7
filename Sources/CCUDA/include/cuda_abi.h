// The part of the CUDA driver's, NVRTC's and cuBLASLt's binary interfaces that is called here, written down from their
// documentation: what a caller that looks functions up at run time must know of types, numbers and layouts. Nothing of
// NVIDIA's is needed to compile it, and nothing is linked.
#ifndef SWIFTLET_CUDA_ABI_H
#define SWIFTLET_CUDA_ABI_H

#include <stddef.h>
#include <stdint.h>

// MARK: the driver

/// A status; 0 is success.
typedef int32_t cu_result;
/// A device's handle; not its ordinal.
typedef int32_t cu_device;
/// Objects of the driver: opaque words.
typedef uintptr_t cu_context, cu_stream, cu_event, cu_module, cu_function, cu_pool, cu_graph, cu_graph_exec;
/// An address on the device.
typedef uint64_t cu_address;

enum { CU_ATTRIBUTE_CLUSTER_DIMENSION = 4, CU_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6 };

/// One attribute of a launch: 8 bytes of number and padding, 64 of value.
typedef struct {
  int32_t id;
  int32_t padding;
  union {
    uint32_t cluster[3];  // blocks in x, y, z
    int32_t flag;
    uint64_t words[8];
  } value;
} cu_launch_attribute;

/// What is launched, without its function and parameters.
typedef struct {
  uint32_t grid[3];   // blocks in x, y, z
  uint32_t block[3];  // threads in x, y, z
  uint32_t shared_bytes;
  cu_stream stream;
  const cu_launch_attribute *attributes;
  uint32_t attribute_count;
} cu_launch_config;

/// A descriptor for the tensor memory accelerator; opaque. (Swift does not import types aligned to more than 16 bytes.)
typedef struct {
  _Alignas(64) uint64_t words[16];
} cu_tensor_map;

typedef cu_result (*cu_init_fn)(uint32_t flags);
typedef cu_result (*cu_driver_version_fn)(int32_t *version);
typedef cu_result (*cu_error_text_fn)(cu_result status, const char **text);
typedef cu_result (*cu_proc_address_fn)(
    const char *name, void **function, int32_t version, uint64_t flags, int32_t *found);
typedef cu_result (*cu_device_count_fn)(int32_t *count);
typedef cu_result (*cu_device_get_fn)(cu_device *device, int32_t ordinal);
typedef cu_result (*cu_device_name_fn)(char *name, int32_t capacity, cu_device device);
typedef cu_result (*cu_device_memory_fn)(size_t *bytes, cu_device device);
typedef cu_result (*cu_device_attribute_fn)(int32_t *value, int32_t attribute, cu_device device);
typedef cu_result (*cu_device_pool_fn)(cu_pool *pool, cu_device device);
typedef cu_result (*cu_pool_set_fn)(cu_pool pool, int32_t attribute, void *value);
typedef cu_result (*cu_context_retain_fn)(cu_context *context, cu_device device);
typedef cu_result (*cu_context_release_fn)(cu_device device);
typedef cu_result (*cu_context_push_fn)(cu_context context);
typedef cu_result (*cu_context_pop_fn)(cu_context *context);
typedef cu_result (*cu_memory_info_fn)(size_t *free, size_t *total);
typedef cu_result (*cu_allocate_fn)(cu_address *address, size_t bytes);
typedef cu_result (*cu_free_fn)(cu_address address);
typedef cu_result (*cu_allocate_async_fn)(cu_address *address, size_t bytes, cu_stream stream);
typedef cu_result (*cu_free_async_fn)(cu_address address, cu_stream stream);
typedef cu_result (*cu_allocate_host_fn)(void **memory, size_t bytes, uint32_t flags);
typedef cu_result (*cu_free_host_fn)(void *memory);
typedef cu_result (*cu_copy_in_fn)(cu_address to, const void *from, size_t bytes);
typedef cu_result (*cu_copy_out_fn)(void *to, cu_address from, size_t bytes);
typedef cu_result (*cu_copy_in_async_fn)(cu_address to, const void *from, size_t bytes, cu_stream stream);
typedef cu_result (*cu_copy_out_async_fn)(void *to, cu_address from, size_t bytes, cu_stream stream);
typedef cu_result (*cu_copy_async_fn)(cu_address to, cu_address from, size_t bytes, cu_stream stream);
typedef cu_result (*cu_fill_async_fn)(cu_address to, uint8_t value, size_t bytes, cu_stream stream);
typedef cu_result (*cu_stream_create_fn)(cu_stream *stream, uint32_t flags);
typedef cu_result (*cu_stream_fn)(cu_stream stream);
typedef cu_result (*cu_stream_wait_fn)(cu_stream stream, cu_event event, uint32_t flags);
typedef cu_result (*cu_event_create_fn)(cu_event *event, uint32_t flags);
typedef cu_result (*cu_event_fn)(cu_event event);
typedef cu_result (*cu_event_record_fn)(cu_event event, cu_stream stream);
typedef cu_result (*cu_event_elapsed_fn)(float *milliseconds, cu_event start, cu_event end);
typedef cu_result (*cu_module_load_fn)(cu_module *module, const char *path);
typedef cu_result (*cu_module_load_data_fn)(cu_module *module, const void *image);
typedef cu_result (*cu_module_unload_fn)(cu_module module);
typedef cu_result (*cu_module_function_fn)(cu_function *function, cu_module module, const char *name);
typedef cu_result (*cu_function_attribute_fn)(int32_t *value, int32_t attribute, cu_function function);
typedef cu_result (*cu_function_set_fn)(cu_function function, int32_t attribute, int32_t value);
typedef cu_result (*cu_launch_fn)(
    cu_function function, uint32_t grid_x, uint32_t grid_y, uint32_t grid_z, uint32_t block_x, uint32_t block_y,
    uint32_t block_z, uint32_t shared_bytes, cu_stream stream, void **parameters, void **extra);
typedef cu_result (*cu_launch_ex_fn)(
    const cu_launch_config *config, cu_function function, void **parameters, void **extra);
typedef cu_result (*cu_capture_begin_fn)(cu_stream stream, int32_t mode);
typedef cu_result (*cu_capture_end_fn)(cu_stream stream, cu_graph *graph);
typedef cu_result (*cu_graph_instantiate_fn)(cu_graph_exec *executable, cu_graph graph, uint64_t flags);
typedef cu_result (*cu_graph_launch_fn)(cu_graph_exec executable, cu_stream stream);
typedef cu_result (*cu_graph_exec_destroy_fn)(cu_graph_exec executable);
typedef cu_result (*cu_graph_destroy_fn)(cu_graph graph);
typedef cu_result (*cu_tensor_map_encode_fn)(
    void *map, int32_t type, uint32_t rank, cu_address address, const uint64_t *extents,
    const uint64_t *strides, const uint32_t *box, const uint32_t *element_strides, int32_t interleave,
    int32_t swizzle, int32_t l2_promotion, int32_t fill);

/// Only stand-ins for the driver have it: copies what the last kernel did wrong, and returns the text's length.
typedef size_t (*emulation_fault_fn)(char *text, size_t capacity);

// MARK: NVRTC

typedef int32_t nvrtc_result;
typedef uintptr_t nvrtc_program;
typedef nvrtc_result (*nvrtc_version_fn)(int32_t *major, int32_t *minor);
typedef const char *(*nvrtc_error_text_fn)(nvrtc_result status);
typedef nvrtc_result (*nvrtc_create_fn)(
    nvrtc_program *program, const char *source, const char *name, int32_t header_count, const char *const *headers,
    const char *const *header_names);
typedef nvrtc_result (*nvrtc_destroy_fn)(nvrtc_program *program);
typedef nvrtc_result (*nvrtc_compile_fn)(nvrtc_program program, int32_t option_count, const char *const *options);
typedef nvrtc_result (*nvrtc_size_fn)(nvrtc_program program, size_t *bytes);
typedef nvrtc_result (*nvrtc_get_fn)(nvrtc_program program, char *text);

// MARK: cuBLASLt

typedef int32_t blas_status;
typedef uintptr_t blas_handle, blas_operation, blas_layout, blas_preference;

/// How a product is computed.
typedef struct {
  uint64_t words[8];
} blas_algorithm;

/// One proposal of the heuristic.
typedef struct {
  blas_algorithm algorithm;
  size_t workspace_bytes;
  blas_status status;
  float waves;
  int32_t reserved[4];
} blas_proposal;

typedef blas_status (*blas_create_fn)(blas_handle *handle);
typedef size_t (*blas_version_fn)(void);
typedef const char *(*blas_status_text_fn)(blas_status status);
/// Destroys any of its objects.
typedef blas_status (*blas_destroy_fn)(uintptr_t object);
typedef blas_status (*blas_operation_create_fn)(blas_operation *operation, int32_t compute_type, int32_t scale_type);
typedef blas_status (*blas_layout_create_fn)(
    blas_layout *layout, int32_t type, uint64_t rows, uint64_t columns, int64_t leading);
typedef blas_status (*blas_preference_create_fn)(blas_preference *preference);
/// Sets an attribute of an operation or a preference.
typedef blas_status (*blas_set_fn)(uintptr_t object, int32_t attribute, const void *value, size_t bytes);
typedef blas_status (*blas_heuristic_fn)(
    blas_handle handle, blas_operation operation, blas_layout a, blas_layout b, blas_layout c, blas_layout d,
    blas_preference preference, int32_t requested, blas_proposal *proposals, int32_t *count);
typedef blas_status (*blas_multiply_fn)(
    blas_handle handle, blas_operation operation, const void *alpha, cu_address a, blas_layout a_layout, cu_address b,
    blas_layout b_layout, const void *beta, cu_address c, blas_layout c_layout, cu_address d, blas_layout d_layout,
    const blas_algorithm *algorithm, cu_address workspace, size_t workspace_bytes, cu_stream stream);

#endif

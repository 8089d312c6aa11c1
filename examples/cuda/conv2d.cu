// conv2d in CUDA: one thread for each element of the output. Arrays are NCHW and OIHW, float32, without gaps.
// cuda_backend.py compiles it and hands it to the suite.

struct Geometry {
    int batch, groups, group_inputs, group_outputs;
    int input[2], kernel[2], output[2], stride[2], padding[2], dilation[2];  // height, width
};

__global__ void convolve(Geometry g, const float* input, const float* filters, float* output) {
    const long long elements = (long long)g.batch * g.groups * g.group_outputs * g.output[0] * g.output[1];
    const long long step = (long long)gridDim.x * blockDim.x;
    // A grid has a largest size, so each thread may compute several elements.
    for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < elements; at += step) {
        const int column = at % g.output[1], row = at / g.output[1] % g.output[0];
        const long long channel = at / g.output[1] / g.output[0];  // image * all output channels + output channel
        const long long image = channel / (g.groups * g.group_outputs);
        const int filter = channel % (g.groups * g.group_outputs), group = filter / g.group_outputs;
        float sum = 0;
        for (int i = 0; i < g.group_inputs; ++i)
            for (int p = 0; p < g.kernel[0]; ++p)
                for (int q = 0; q < g.kernel[1]; ++q) {
                    const int y = row * g.stride[0] + p * g.dilation[0] - g.padding[0];
                    const int x = column * g.stride[1] + q * g.dilation[1] - g.padding[1];
                    if (y < 0 || y >= g.input[0] || x < 0 || x >= g.input[1]) continue;
                    const long long plane = (image * g.groups + group) * g.group_inputs + i;
                    const long long tap = (((long long)filter * g.group_inputs + i) * g.kernel[0] + p) * g.kernel[1] + q;
                    sum += input[(plane * g.input[0] + y) * g.input[1] + x] * filters[tap];
                }
        output[at] = sum;
    }
}

// Returns an error of CUDA, or 0. The pointers are to memory of the device.
extern "C" int conv2d(Geometry g, const float* input, const float* filters, float* output) {
    const long long elements = (long long)g.batch * g.groups * g.group_outputs * g.output[0] * g.output[1];
    if (elements == 0) return 0;
    const long long blocks = (elements + 255) / 256;
    convolve<<<(int)(blocks < 1048576 ? blocks : 1048576), 256>>>(g, input, filters, output);
    return cudaDeviceSynchronize();
}

/* All four operations as one naive loop nest in float32, and a program that answers golden vectors (docs/vectors.md):
 *
 *     python -m reference_impl export vectors --format text
 *     cc -O2 conv2d.c -o conv2d && mkdir results && find vectors -name '*.txt' | xargs ./conv2d results
 *     python -m reference_impl compare vectors results
 *
 * ctypes_backend.py calls the same `convolve` from Python. With -DFLIPPED it is wrong: the kernel is rotated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sizes of the forward convolution; pairs are (height, width), `before` is the padding at the top and the left. */
struct geometry {
    int batch, input_channels, output_channels, groups;
    int input[2], kernel[2], output[2], strides[2], dilations[2], before[2];
};

/* Adds the products of two of the arrays to the third, which `asked` names: 'i'nput, 'f'ilters or 'o'utput. */
void convolve(char asked, const struct geometry *g, float *input, float *filters, float *output)
{
    int inputs = g->input_channels / g->groups, outputs = g->output_channels / g->groups;
    for (int n = 0; n < g->batch; n++)
    for (int y = 0; y < g->output[0]; y++)
    for (int x = 0; x < g->output[1]; x++)
    for (int o = 0; o < g->output_channels; o++)
    for (int p = 0; p < g->kernel[0]; p++)
    for (int q = 0; q < g->kernel[1]; q++) {
        int row = y * g->strides[0] + p * g->dilations[0] - g->before[0];
        int column = x * g->strides[1] + q * g->dilations[1] - g->before[1];
        if (row < 0 || row >= g->input[0] || column < 0 || column >= g->input[1])
            continue;
#ifdef FLIPPED
        int tap = (g->kernel[0] - 1 - p) * g->kernel[1] + g->kernel[1] - 1 - q;
#else
        int tap = p * g->kernel[1] + q;
#endif
        float *out = output + ((n * g->output[0] + y) * g->output[1] + x) * g->output_channels + o;
        for (int i = 0; i < inputs; i++) {
            float *in = input + ((n * g->input[0] + row) * g->input[1] + column) * g->input_channels
                        + o / outputs * inputs + i;
            float *filter = filters + (tap * inputs + i) * g->output_channels + o;
            switch (asked) {
            case 'i': *in += *filter * *out; break;
            case 'f': *filter += *in * *out; break;
            case 'o': *out += *in * *filter; break;
            }
        }
    }
}

struct array {
    char name[32], dtype[16];
    int rank, shape[4];
    long size;
    float *values; /* of options too: small integers, exact in float */
};

static void fail(const char *path, const char *problem)
{
    fprintf(stderr, "%s: %s\n", path, problem);
    exit(2);
}

/* Reads arrays: for each `name dtype rank sizes...`, then the numbers. Returns how many there are. */
static int read_vector(const char *path, struct array *arrays, int most)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fail(path, "cannot be read");
    int count = 0;
    for (struct array *a = arrays; count < most && fscanf(file, "%31s", a->name) == 1; a++, count++) {
        if (fscanf(file, "%15s %d", a->dtype, &a->rank) != 2 || a->rank < 0 || a->rank > 4)
            fail(path, "a name must be followed by a dtype and a rank up to 4");
        a->size = 1;
        for (int axis = 0; axis < a->rank; axis++) {
            if (fscanf(file, "%d", &a->shape[axis]) != 1 || a->shape[axis] < 0)
                fail(path, "there must be as many sizes as the rank says");
            a->size *= a->shape[axis];
        }
        if (!(a->values = calloc(a->size ? a->size : 1, sizeof(float))))
            fail(path, "must fit in memory");
        for (long i = 0; i < a->size; i++)
            if (fscanf(file, "%f", &a->values[i]) != 1)
                fail(path, "there must be as many numbers as the shape says");
    }
    fclose(file);
    return count;
}

static struct array *find(struct array *arrays, int count, const char *name, const char *path)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(arrays[i].name, name))
            return &arrays[i];
    fprintf(stderr, "%s: must hold an array named %s\n", path, name);
    exit(2);
}

static void pair(int *to, const struct array *from, int step)
{
    to[0] = (int)from->values[0];
    to[1] = (int)from->values[step];
}

/* Computes the operation's result from its two arguments; `expected` gives its shape. */
static struct array *answer(struct array *arrays, int count, const char *operation, const char *path)
{
#define FIND(name) find(arrays, count, name, path)
    struct array *result = FIND("expected"), *input, *filters, *output;
    char asked;
    memset(result->values, 0, result->size * sizeof(float)); /* only its shape is used */
    if (!strcmp(operation, "conv2d"))
        asked = 'o', input = FIND("input"), filters = FIND("filters"), output = result;
    else if (!strcmp(operation, "conv2d_backprop_input"))
        asked = 'i', input = result, filters = FIND("filters"), output = FIND("out_backprop");
    else if (!strcmp(operation, "conv2d_backprop_filter"))
        asked = 'f', input = FIND("input"), filters = result, output = FIND("out_backprop");
    else if (!strcmp(operation, "conv2d_transpose"))
        asked = 'i', input = result, filters = FIND("filters"), output = FIND("input");
    else
        fail(path, "its name must begin with one of the four operations, and a dot");
    if (strcmp(result->dtype, "float32"))
        fail(path, "must be of float32, the only dtype that this program takes");
    struct geometry g = {
        .batch = input->shape[0],
        .input_channels = input->shape[3],
        .output_channels = output->shape[3],
        .groups = (int)FIND("groups")->values[0],
        .input = {input->shape[1], input->shape[2]},
        .kernel = {filters->shape[0], filters->shape[1]},
        .output = {output->shape[1], output->shape[2]},
    };
    pair(g.strides, FIND("strides"), 1);
    pair(g.dilations, FIND("dilations"), 1);
    pair(g.before, FIND("pads"), 2); /* top, bottom, left, right */
    convolve(asked, &g, input->values, filters->values, output->values);
    return result;
}

static void write_result(const char *path, const struct array *result)
{
    FILE *file = fopen(path, "w");
    if (!file)
        fail(path, "cannot be written");
    fprintf(file, "result %s %d", result->dtype, result->rank);
    for (int axis = 0; axis < result->rank; axis++)
        fprintf(file, " %d", result->shape[axis]);
    fprintf(file, "\n");
    for (long i = 0; i < result->size; i++)
        fprintf(file, "%.9g\n", result->values[i]); /* nine digits tell any two floats apart; %a would do too */
    if (fclose(file))
        fail(path, "cannot be written");
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s RESULTS VECTOR...\n", argv[0]);
        return 2;
    }
    for (char **path = argv + 2; *path; path++) {
        struct array arrays[16];
        char operation[64], target[4096];
        const char *slash = strrchr(*path, '/'), *name = slash ? slash + 1 : *path;
        snprintf(operation, sizeof operation, "%.*s", (int)strcspn(name, "."), name);
        snprintf(target, sizeof target, "%s/%s", argv[1], name);
        int count = read_vector(*path, arrays, 16);
        write_result(target, answer(arrays, count, operation, *path));
        for (int i = 0; i < count; i++)
            free(arrays[i].values);
    }
    return 0;
}

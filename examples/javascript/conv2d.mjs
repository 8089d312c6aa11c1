// All four operations as one naive loop nest in float32, and a program that answers golden vectors (docs/vectors.md):
//
//     conv2d-reference export vectors --format text
//     mkdir results && node conv2d.mjs results vectors/*.txt
//     conv2d-reference compare vectors results
//
// It prints how many of the integer vectors it answers with the very numbers of `expected`. With FLIPPED=1 in the
// environment it is wrong: the kernel is rotated.
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";

// Read arrays: for each `name dtype rank sizes...`, then the numbers, one a line.
function read(path) {
  const words = readFileSync(path, "ascii").split(/\s+/).filter(Boolean);
  const arrays = {};
  for (let at = 0; at < words.length; ) {
    const [name, dtype, rank] = [words[at], words[at + 1], Number(words[at + 2])];
    const shape = words.slice(at + 3, at + 3 + rank).map(Number);
    at += 3 + rank;
    const size = shape.reduce((product, length) => product * length, 1);
    arrays[name] = { dtype, shape, values: words.slice(at, at + size).map(Number) };
    at += size;
  }
  return arrays;
}

// Add the products of two of the arrays to the third, which `asked` names: "input", "filters" or "output".
function convolve(asked, arrays, { strides, dilations, before, groups }) {
  const { input, filters, output } = arrays;
  const [batch, height, width, inputChannels] = input.shape;
  const [kernelHeight, kernelWidth, inputs, outputChannels] = filters.shape;
  const [, rows, columns] = output.shape;
  const outputs = outputChannels / groups;
  const sum = arrays[asked].values;
  for (let n = 0; n < batch; n++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++)
        for (let o = 0; o < outputChannels; o++)
          for (let p = 0; p < kernelHeight; p++)
            for (let q = 0; q < kernelWidth; q++) {
              const row = y * strides[0] + p * dilations[0] - before[0];
              const column = x * strides[1] + q * dilations[1] - before[1];
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              const tap = process.env.FLIPPED
                ? (kernelHeight - 1 - p) * kernelWidth + kernelWidth - 1 - q
                : p * kernelWidth + q;
              const out = ((n * rows + y) * columns + x) * outputChannels + o;
              for (let i = 0; i < inputs; i++) {
                const channel = Math.floor(o / outputs) * inputs + i;
                const at = {
                  input: ((n * height + row) * width + column) * inputChannels + channel,
                  filters: (tap * inputs + i) * outputChannels + o,
                  output: out,
                };
                const [one, other] = ["input", "filters", "output"].filter((name) => name !== asked);
                // Products and sums are rounded to float32, as in a program of floats.
                const product = Math.fround(arrays[one].values[at[one]] * arrays[other].values[at[other]]);
                sum[at[asked]] = Math.fround(sum[at[asked]] + product);
              }
            }
}

// The roles of the arrays of each operation: the one that is asked for, then the file's names of input and output.
const ROLES = {
  conv2d: ["output", "input", "expected"],
  conv2d_backprop_input: ["input", "expected", "out_backprop"],
  conv2d_backprop_filter: ["filters", "input", "out_backprop"],
  conv2d_transpose: ["input", "expected", "input"],
};

const [results, ...paths] = process.argv.slice(2);
if (!paths.length) {
  console.error("usage: node conv2d.mjs RESULTS VECTOR...");
  process.exit(2);
}
let [equal, integers] = [0, 0];
for (const path of paths) {
  const file = read(path);
  const [asked, input, output] = ROLES[basename(path).split(".")[0]];
  const { dtype, shape, values: expected } = file.expected;
  if (dtype !== "float32") throw new Error(`${path}: must be of float32, the only dtype that this program takes`);
  const result = { shape, values: new Array(expected.length).fill(0) };
  const arrays = { input: file[input], filters: file.filters, output: file[output] };
  arrays[asked] = result;
  convolve(asked, arrays, {
    strides: file.strides.values,
    dilations: file.dilations.values,
    before: [file.pads.values[0], file.pads.values[2]], // top, bottom, left, right
    groups: file.groups.values[0],
  });
  if (path.includes(".integer.")) {
    integers += 1;
    equal += result.values.every((value, at) => value === expected[at]) ? 1 : 0;
  }
  writeFileSync(join(results, basename(path)), `result float32 ${shape.length} ${shape.join(" ")}\n${result.values.join("\n")}\n`);
}
console.log(`${equal} of ${integers} integer vectors are answered with the expected numbers`);
process.exitCode = equal === integers ? 0 : 1;

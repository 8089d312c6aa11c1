//! All four operations as one naive loop nest in float32, and a program that answers golden vectors (docs/vectors.md):
//!
//!     conv2d-reference export vectors --format text
//!     rustc -O conv2d.rs && mkdir results && ./conv2d results vectors/*.txt
//!     conv2d-reference compare vectors results
//!
//! It prints how many of the integer vectors it answers with the very numbers of `expected`. With FLIPPED=1 in the
//! environment it is wrong: the kernel is rotated.
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs, process};

struct Array {
    dtype: String,
    shape: Vec<usize>,
    values: Vec<f32>, // of options too: small integers, exact in f32
}

/// Read arrays: for each `name dtype rank sizes...`, then the numbers, one a line.
fn read(text: &str) -> Option<HashMap<String, Array>> {
    let mut words = text.split_ascii_whitespace();
    let mut arrays = HashMap::new();
    while let Some(name) = words.next() {
        let dtype = words.next()?.to_string();
        let rank: usize = words.next()?.parse().ok()?;
        let shape = words.by_ref().take(rank).map(|word| word.parse().ok()).collect::<Option<Vec<usize>>>()?;
        let size = shape.iter().product();
        let values = words.by_ref().take(size).map(|word| word.parse().ok()).collect::<Option<Vec<f32>>>()?;
        if shape.len() != rank || values.len() != size {
            return None;
        }
        arrays.insert(name.to_string(), Array { dtype, shape, values });
    }
    Some(arrays)
}

/// The operation's answer. `expected` gives its shape alone.
fn answer(operation: &str, file: &HashMap<String, Array>, flipped: bool) -> Option<Vec<f32>> {
    // The array that is asked for, and the file's names of input, filters and output.
    let (asked, names) = match operation {
        "conv2d" => (2, ["input", "filters", "expected"]),
        "conv2d_backprop_input" => (0, ["expected", "filters", "out_backprop"]),
        "conv2d_backprop_filter" => (1, ["input", "expected", "out_backprop"]),
        "conv2d_transpose" => (0, ["expected", "filters", "input"]),
        _ => return None,
    };
    let [input, filters, output] = [file.get(names[0])?, file.get(names[1])?, file.get(names[2])?];
    let number = |name: &str, at: usize| Some(*file.get(name)?.values.get(at)? as isize);
    let strides = [number("strides", 0)?, number("strides", 1)?];
    let dilations = [number("dilations", 0)?, number("dilations", 1)?];
    let before = [number("pads", 0)?, number("pads", 2)?]; // top, bottom, left, right
    let (height, width, input_channels) = (input.shape[1], input.shape[2], input.shape[3]);
    let (kernel, inputs, output_channels) = ([filters.shape[0], filters.shape[1]], filters.shape[2], filters.shape[3]);
    let outputs = output_channels / number("groups", 0)? as usize;
    let mut sum = vec![0f32; file.get("expected")?.values.len()];
    for n in 0..input.shape[0] {
        for y in 0..output.shape[1] {
            for x in 0..output.shape[2] {
                for o in 0..output_channels {
                    for p in 0..kernel[0] {
                        for q in 0..kernel[1] {
                            let row = y as isize * strides[0] + p as isize * dilations[0] - before[0];
                            let column = x as isize * strides[1] + q as isize * dilations[1] - before[1];
                            if row < 0 || row >= height as isize || column < 0 || column >= width as isize {
                                continue;
                            }
                            let (row, column) = (row as usize, column as usize);
                            let tap = if flipped {
                                (kernel[0] - 1 - p) * kernel[1] + kernel[1] - 1 - q
                            } else {
                                p * kernel[1] + q
                            };
                            for i in 0..inputs {
                                let channel = o / outputs * inputs + i;
                                let at = [
                                    ((n * height + row) * width + column) * input_channels + channel,
                                    (tap * inputs + i) * output_channels + o,
                                    ((n * output.shape[1] + y) * output.shape[2] + x) * output_channels + o,
                                ];
                                sum[at[asked]] += match asked {
                                    0 => filters.values[at[1]] * output.values[at[2]],
                                    1 => input.values[at[0]] * output.values[at[2]],
                                    _ => input.values[at[0]] * filters.values[at[1]],
                                };
                            }
                        }
                    }
                }
            }
        }
    }
    Some(sum)
}

fn fail(path: &str, problem: &str) -> ! {
    eprintln!("{path}: {problem}");
    process::exit(2);
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [results, paths @ ..] = arguments.as_slice() else { fail("usage", "conv2d RESULTS VECTOR...") };
    let (mut equal, mut integers) = (0, 0);
    for path in paths {
        let Ok(text) = fs::read_to_string(path) else { fail(path, "cannot be read") };
        let Some(file) = read(&text) else { fail(path, "must hold arrays, as docs/vectors.md describes them") };
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        let Some(expected) = file.get("expected") else { fail(path, "must hold an array named expected") };
        if expected.dtype != "float32" {
            fail(path, "must be of float32, the only dtype that this program takes");
        }
        let operation = name.split('.').next().unwrap();
        let Some(found) = answer(operation, &file, env::var("FLIPPED").is_ok()) else {
            fail(path, "must hold the arrays of one of the four operations")
        };
        if name.contains(".integer.") {
            integers += 1;
            equal += (found == expected.values) as usize;
        }
        let mut written = format!("result float32 {}", expected.shape.len());
        expected.shape.iter().for_each(|size| write!(written, " {size}").unwrap());
        written.push('\n');
        found.iter().for_each(|value| writeln!(written, "{value}").unwrap());
        if fs::write(Path::new(results).join(name), written).is_err() {
            fail(name, "cannot be written");
        }
    }
    println!("{equal} of {integers} integer vectors are answered with the expected numbers");
    process::exit((equal != integers) as i32);
}

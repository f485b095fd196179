//! The order of the functions in a wasm module: those that look alike stand side by side.
//!
//! gzip finds again only what lies within its last 32 KiB. Copies of a generic function, one for each of its types, are almost equal
//! and lie megabytes apart in what the compiler writes; beside each other they cost almost nothing. What a module does, and its size
//! before compression, stay the same.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Bytes that functions have in common are counted in runs of this length: a call or a store with its operands.
const RUN: usize = 6;
/// Bytes of functions that gzip still sees, a little less than its window.
const WINDOW: usize = 28_000;
/// A run in more functions than this tells nothing of them.
const COMMONPLACE: usize = 400;
/// Below this part of runs in common nothing is alike: the longest function left comes next.
const ALIKE: f32 = 0.05;

/// The order: always the function next of which the largest part lies within the window already.
pub(crate) fn alike_together(bodies: &[&[u8]]) -> Vec<usize> {
    let (runs, functions_with) = runs_of(bodies);
    let mut longest: Vec<usize> = (0..bodies.len()).collect();
    longest.sort_by_key(|function| Reverse(bodies[*function].len()));
    let mut longest = longest.into_iter();
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let mut is_placed = vec![false; bodies.len()];
    let mut order = Vec::with_capacity(bodies.len());
    // Of each run how often the window has it; of each function how many of its runs the window has.
    let mut in_window = vec![0_u32; functions_with.len()];
    let mut in_common = vec![0_u32; bodies.len()];
    let (mut window_start, mut window_bytes) = (0, 0);
    while order.len() < bodies.len() {
        left.retain(|function| !is_placed[*function]);
        let mut next = None;
        let mut most = ALIKE;
        for function in &left {
            // Something added for what every function costs: of two quite alike the longer one comes first.
            let part = in_common[*function] as f32 / (runs[*function].len() as f32 + 8.0);
            if part > most {
                (next, most) = (Some(*function), part);
            }
        }
        let Some(next) = next.or_else(|| longest.find(|function| !is_placed[*function])) else { break };
        is_placed[next] = true;
        order.push(next);
        window_bytes += bodies[next].len();
        for run in &runs[next] {
            in_window[*run] += 1;
            if in_window[*run] == 1 {
                for function in &functions_with[*run] {
                    in_common[*function] += 1;
                }
            }
        }
        while window_bytes > WINDOW && window_start + 1 < order.len() {
            let oldest = order[window_start];
            window_start += 1;
            window_bytes -= bodies[oldest].len();
            for run in &runs[oldest] {
                in_window[*run] -= 1;
                if in_window[*run] == 0 {
                    for function in &functions_with[*run] {
                        in_common[*function] -= 1;
                    }
                }
            }
        }
    }
    order
}

/// The runs of each function, every one once, by number; and of each number the functions that have it: none where that
/// tells nothing.
fn runs_of(bodies: &[&[u8]]) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    let mut functions_with: Vec<Vec<usize>> = Vec::new();
    let mut runs = Vec::with_capacity(bodies.len());
    for (function, body) in bodies.iter().enumerate() {
        let mut own: Vec<usize> = body
            .windows(RUN)
            .map(|run| {
                let next = numbers.len();
                *numbers.entry(run).or_insert(next)
            })
            .collect();
        own.sort_unstable();
        own.dedup();
        functions_with.resize(numbers.len(), Vec::new());
        for run in &own {
            functions_with[*run].push(function);
        }
        runs.push(own);
    }
    for functions in &mut functions_with {
        if functions.len() > COMMONPLACE || functions.len() < 2 {
            functions.clear();
        }
    }
    (runs, functions_with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_function_come_together_from_far_apart() {
        let distinct = |seed: u32, length: usize| -> Vec<u8> {
            let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
            (0..length)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state as u8
                })
                .collect()
        };
        let bodies: Vec<Vec<u8>> = (0..40).map(|index| distinct(index % 4 + 1, 5_000 + index as usize / 4)).collect();
        let order = alike_together(&bodies.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let families: Vec<usize> = order.iter().map(|function| function % 4).collect();
        let changes = families.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 3, "{families:?}");
        let mut all = order;
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
    }
}

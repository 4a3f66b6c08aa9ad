//! A small measuring library, used by the project's own cases and by the programs that measure its peers, so that
//! both print the same columns.
//!
//! Two ways to run a program built on it:
//!
//! * **Time** (as it is): the thread's own CPU time, so that waiting for a busy core does not count. A case is
//!   calibrated to about 2 ms a sample; the line printed holds the median, the tenth percentile and the minimum in
//!   nanoseconds an operation, and the heap allocations and allocated bytes an operation. With `BENCH_JSON=1` a line
//!   is one JSON object.
//! * **Count** (under `valgrind --tool=callgrind`): a case runs a few operations between two client requests, so that
//!   one dump holds the instructions of that case alone.
//!
//! It does not judge: what a figure must be is known to whoever reads the lines.

#![allow(unsafe_code, reason = "a counting allocator, the CPU clock and valgrind's client requests need it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

/// The system's allocator with a count beside it. Declare it as the `#[global_allocator]` of a measuring program.
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    // During a thread's end the counters are gone; what is allocated then belongs to no case.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
    let _ = ALLOCATED.try_with(|n| n.set(n.get() + bytes as u64));
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Heap allocations of this thread so far, and their bytes.
pub fn allocations() -> (u64, u64) {
    (ALLOCATIONS.with(Cell::get), ALLOCATED.with(Cell::get))
}

/// The CPU time this thread has used, in nanoseconds.
pub fn cpu_nanoseconds() -> f64 {
    #[repr(C)]
    struct TimeSpec {
        seconds: i64,
        nanoseconds: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut TimeSpec) -> i32;
    }
    const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
    let mut time = TimeSpec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the pointer is to a value of the layout the C library expects on 64-bit Linux.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.seconds as f64 * 1e9 + time.nanoseconds as f64
}

/// Asks valgrind for something; 0 where no valgrind is running.
#[cfg(target_arch = "x86_64")]
fn client_request(code: u64, argument: u64) -> u64 {
    let arguments: [u64; 6] = [code, argument, 0, 0, 0, 0];
    let mut answer: u64 = 0;
    // SAFETY: the sequence is valgrind's agreed no-operation; outside valgrind it changes no register that is not
    // named here.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") arguments.as_ptr(), inout("rdx") answer, options(nostack)
        );
    }
    answer
}

#[cfg(not(target_arch = "x86_64"))]
fn client_request(_code: u64, _argument: u64) -> u64 {
    0
}

const RUNNING_ON_VALGRIND: u64 = 0x1001;
const CALLGRIND: u64 = ((b'C' as u64) << 24) | ((b'T' as u64) << 16);
const ZERO_STATS: u64 = CALLGRIND + 1;
const DUMP_STATS_AT: u64 = CALLGRIND + 3;

/// Runs cases and prints a line for each.
#[derive(Debug)]
pub struct Bench {
    filter: Vec<String>,
    counting: bool,
    json: bool,
    samples: usize,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// Reads the command line: only cases whose name holds one of the arguments run; `SAMPLES` sets how many samples
    /// are taken (60).
    #[expect(clippy::disallowed_methods, reason = "a measuring program is configured by its environment")]
    pub fn new() -> Self {
        let counting = client_request(RUNNING_ON_VALGRIND, 0) != 0;
        let filter = std::env::args().skip(1).collect();
        let samples = std::env::var("SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
        let json = std::env::var_os("BENCH_JSON").is_some();
        if !counting && !json {
            println!(
                "{:<56} {:>11} {:>11} {:>11} {:>9} {:>8} {:>9}",
                "case", "median ns", "p10 ns", "min ns", "MB/s", "allocs", "bytes"
            );
        }
        Self { filter, counting, json, samples: std::cmp::max(samples, 1) }
    }

    /// Measures a case whose state goes on from one operation to the next. `bytes` is what an operation handles, for
    /// the MB/s column; 0 leaves it out.
    pub fn run<T>(&self, name: &str, bytes: usize, mut operation: impl FnMut() -> T) {
        if !self.wanted(name) {
            return;
        }
        black_box(operation());
        if self.counting {
            self.dump(name, 20, &mut || {
                for _ in 0..20 {
                    black_box(operation());
                }
            });
            return;
        }
        let mut per_sample = 1_u64;
        loop {
            let start = cpu_nanoseconds();
            for _ in 0..per_sample {
                black_box(operation());
            }
            let elapsed = cpu_nanoseconds() - start;
            if elapsed > SAMPLE_NANOSECONDS / 4.0 {
                per_sample = ((per_sample as f64) * SAMPLE_NANOSECONDS / elapsed).max(1.0) as u64;
                break;
            }
            per_sample *= 4;
        }
        let mut times = Vec::with_capacity(self.samples);
        let before = allocations();
        for _ in 0..self.samples {
            let start = cpu_nanoseconds();
            for _ in 0..per_sample {
                black_box(operation());
            }
            times.push((cpu_nanoseconds() - start) / per_sample as f64);
        }
        let after = allocations();
        let operations = (per_sample as usize * self.samples) as f64;
        self.line(
            name,
            bytes,
            times,
            (after.0 - before.0) as f64 / operations,
            (after.1 - before.1) as f64 / operations,
        );
    }

    /// Measures a case that needs a fresh input for every operation; making the input is not measured.
    pub fn run_with<S, T>(
        &self,
        name: &str,
        bytes: usize,
        mut input: impl FnMut() -> S,
        mut operation: impl FnMut(&mut S) -> T,
    ) {
        if !self.wanted(name) {
            return;
        }
        black_box(operation(&mut input()));
        if self.counting {
            let mut inputs: Vec<S> = (0..10).map(|_| input()).collect();
            let mut outputs = Vec::with_capacity(inputs.len());
            self.dump(name, 10, &mut || outputs.extend(inputs.iter_mut().map(|input| black_box(operation(input)))));
            return;
        }
        let mut first = input();
        let start = cpu_nanoseconds();
        black_box(operation(&mut first));
        let once = (cpu_nanoseconds() - start).max(20.0);
        let per_sample = ((SAMPLE_NANOSECONDS / 2.0 / once) as usize).clamp(1, 2000);
        let mut times = Vec::with_capacity(self.samples);
        let (mut count, mut size) = (0, 0);
        for _ in 0..self.samples {
            let mut inputs: Vec<S> = (0..per_sample).map(|_| input()).collect();
            let mut outputs: Vec<T> = Vec::with_capacity(per_sample);
            let before = allocations();
            let start = cpu_nanoseconds();
            for input in &mut inputs {
                outputs.push(black_box(operation(input)));
            }
            let elapsed = cpu_nanoseconds() - start;
            let after = allocations();
            count += after.0 - before.0;
            size += after.1 - before.1;
            times.push(elapsed / per_sample as f64);
        }
        let operations = (per_sample * self.samples) as f64;
        self.line(name, bytes, times, count as f64 / operations, size as f64 / operations);
    }

    fn wanted(&self, name: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|part| name.contains(part.as_str()))
    }

    fn dump(&self, name: &str, operations: u64, run: &mut dyn FnMut()) {
        let label = std::ffi::CString::new(format!("{name}|{operations}")).expect("a case's name holds no NUL byte");
        client_request(ZERO_STATS, 0);
        run();
        client_request(DUMP_STATS_AT, label.as_ptr() as u64);
    }

    fn line(&self, name: &str, bytes: usize, mut times: Vec<f64>, allocations: f64, allocated: f64) {
        times.sort_by(f64::total_cmp);
        let (median, tenth, least) = (times[times.len() / 2], times[times.len() / 10], times[0]);
        if self.json {
            println!(
                "{{\"case\":\"{name}\",\"median_ns\":{median:.1},\"p10_ns\":{tenth:.1},\"min_ns\":{least:.1},\
                 \"allocs\":{allocations:.3},\"bytes\":{allocated:.1}}}"
            );
            return;
        }
        let rate = if bytes > 0 { format!("{:.0}", bytes as f64 * 1e3 / tenth) } else { "-".into() };
        println!("{name:<56} {median:>11.1} {tenth:>11.1} {least:>11.1} {rate:>9} {allocations:>8.2} {allocated:>9.0}");
    }
}

const SAMPLE_NANOSECONDS: f64 = 2e6;

/// Bytes that look random and are the same in every run. For inputs, never for keys.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

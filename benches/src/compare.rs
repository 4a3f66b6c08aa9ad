//! Runs our measuring program and a peer's in turn and sets their figures side by side.
//!
//! Neighbours and clock changes shift a whole run, so the programs alternate, and a case's figure is the least of its
//! tenth percentiles: what the step costs when nothing disturbs it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// What a case has to reach beside the peer.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The number of the measure in the project's list.
    pub id: &'static str,
    /// The case, named alike in both programs.
    pub case: &'static str,
    /// How many times faster than the peer it must be.
    pub faster: f64,
    /// How many heap allocations an operation may make.
    pub allocations: Option<f64>,
}

/// The protocol's measures that have to hold.
pub const TARGETS: &[Target] = &[
    target("P1", "node encode message 3 encs", 1.3, Some(0.0)),
    target("P2", "node decode message 3 encs", 1.3, Some(4.0)),
    target("P3", "node decode group 200", 1.5, Some(10.0)),
    target("P4", "node encode group 200", 1.2, None),
    target("P5", "noise frame encrypt 1KB", 2.3, Some(0.0)),
    target("P5", "noise frame decrypt 1KB", 2.3, Some(0.0)),
    target("P5", "noise frame encrypt 64KB", 2.8, Some(0.0)),
    target("P5", "noise frame decrypt 64KB", 2.8, Some(0.0)),
    target("P7", "session set-up, initiator", 1.0, None),
    target("P7", "session set-up, responder", 1.0, None),
    target("P8", "steady encrypt 100B", 1.2, Some(1.0)),
    target("P8", "steady encrypt 1KB", 1.1, Some(1.0)),
    target("P9", "steady decrypt 100B", 1.2, Some(2.0)),
    target("P9", "steady decrypt 1KB", 1.2, Some(2.0)),
    target("P10", "ping-pong 100B", 1.0, Some(16.0)),
    target("P12", "send one text to 2+1 devices", 1.6, Some(12.0)),
];

const fn target(id: &'static str, case: &'static str, faster: f64, allocations: Option<f64>) -> Target {
    Target { id, case, faster, allocations }
}

/// One case as a program printed it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Figure {
    /// The case.
    pub case: String,
    /// Tenth percentile of CPU time, in nanoseconds an operation.
    pub p10_ns: f64,
    /// Heap allocations an operation.
    pub allocs: f64,
}

/// The best figure of each case.
pub type Figures = BTreeMap<String, Figure>;

/// Runs a measuring program once and keeps what is better than before.
///
/// # Errors
///
/// When the program cannot be started, fails, or prints something else than figures.
pub fn run(program: &Path, samples: u32, best: &mut Figures) -> anyhow::Result<()> {
    let output = Command::new(program)
        .env("BENCH_JSON", "1")
        .env("SAMPLES", samples.to_string())
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!("{} failed: {}", program.display(), output.status);
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let figure: Figure = serde_json::from_str(line).with_context(|| format!("not a figure: {line}"))?;
        best.entry(figure.case.clone())
            .and_modify(|known| {
                if figure.p10_ns < known.p10_ns {
                    known.clone_from(&figure);
                }
            })
            .or_insert(figure);
    }
    Ok(())
}

/// Writes the comparison as a table, and says whether every target is reached.
#[must_use]
pub fn table(ours: &Figures, theirs: &Figures) -> (String, bool) {
    let mut text = String::new();
    let mut reached = true;
    let _ = writeln!(
        text,
        "{:<4} {:<30} {:>11} {:>12} {:>7} {:>6} {:>7} {:>7} {:>6}  verdict",
        "", "case", "ours ns", "wacore ns", "faster", "must", "allocs", "wacore", "must"
    );
    for target in TARGETS {
        let (Some(our), Some(their)) = (ours.get(target.case), theirs.get(target.case)) else {
            let _ = writeln!(text, "{:<4} {:<30} not measured", target.id, target.case);
            reached = false;
            continue;
        };
        let faster = their.p10_ns / our.p10_ns;
        // Two decimals are printed, so two decimals decide.
        let holds = (faster * 100.0).round() >= target.faster * 100.0
            && target.allocations.is_none_or(|most| our.allocs <= most + 0.005);
        reached &= holds;
        let most = target.allocations.map_or_else(|| "-".to_owned(), |most| format!("{most:.0}"));
        let verdict = if holds { "ok" } else { "MISSED" };
        let _ = writeln!(
            text,
            "{:<4} {:<30} {:>11.1} {:>12.1} {:>6.2}x {:>5.1}x {:>7.2} {:>7.2} {:>6}  {verdict}",
            target.id, target.case, our.p10_ns, their.p10_ns, faster, target.faster, our.allocs, their.allocs, most
        );
    }
    (text, reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(nanoseconds: f64, allocs: f64) -> Figures {
        let figure = |target: &Target| Figure { case: target.case.to_owned(), p10_ns: nanoseconds, allocs };
        TARGETS.iter().map(|target| (target.case.to_owned(), figure(target))).collect()
    }

    #[test]
    fn a_program_that_is_slower_than_its_target_is_told_so() {
        assert!(table(&figures(10.0, 0.0), &figures(100.0, 9.0)).1);
        assert!(!table(&figures(99.0, 0.0), &figures(100.0, 9.0)).1);
    }

    #[test]
    fn too_many_allocations_miss_the_target() {
        assert!(!table(&figures(10.0, 99.0), &figures(100.0, 9.0)).1);
    }

    #[test]
    fn a_case_that_nobody_measured_is_no_success() {
        assert!(!table(&Figures::new(), &figures(100.0, 9.0)).1);
    }
}

//! Replays the corpus of every fuzz target.

use std::fs;
use std::path::Path;

use crate::targets::TARGETS;

#[test]
fn every_input_of_the_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for file in fs::read_dir(corpus.join(name)).expect("a folder for each target") {
            target(&fs::read(file.expect("readable").path()).expect("readable"));
            inputs += 1;
        }
        assert!(inputs > 0, "no input for {name}");
    }
}

/// Short inputs of every length and kind that no corpus would hold.
#[test]
fn short_inputs_of_all_sorts_are_survived() {
    for (_, target) in TARGETS {
        target(&[]);
        for byte in 0..=255_u8 {
            target(&[byte]);
            target(&[0xf8, byte]);
            target(&[0xf8, 3, 0x19, 8, byte, byte, byte, byte]);
        }
    }
}

#[test]
fn every_target_has_a_file() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/targets");
    let mut names: Vec<String> = fs::read_dir(targets)
        .expect("the folder of the targets")
        .map(|file| file.expect("readable").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut known = TARGETS.map(|(name, _)| name);
    known.sort_unstable();
    assert_eq!(names, known);
}

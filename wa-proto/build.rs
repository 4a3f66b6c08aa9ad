//! Compiles `proto/wa.proto` to Rust with protox and prost, so that no `protoc` is needed.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

const SOURCE: &str = "proto/wa.proto";
const PACKAGE: &str = "wa";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={SOURCE}");
    println!("cargo:rerun-if-changed=build.rs");

    let descriptors = protox::compile([SOURCE], ["proto"])?;

    // Messages carry keys, phone numbers and texts, so their `Debug` must show nothing. prost wants
    // one on every message; each gets one that prints the name of its type.
    let mut redacted = String::new();
    let mut paths = Vec::new();
    for message in descriptors.file.iter().flat_map(|file| &file.message_type) {
        let name = message.name();
        assert!(message.nested_type.is_empty(), "{name} nests a message: its Debug would be missing");
        paths.push(format!(".{PACKAGE}.{name}"));
        writeln!(
            redacted,
            "impl ::core::fmt::Debug for {name} {{ \
             fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{ \
             f.write_str(\"{name} {{ .. }}\") }} }}"
        )?;
    }

    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    prost_build::Config::new().skip_debug(&paths).out_dir(&out).compile_fds(descriptors)?;
    fs::write(out.join("wa.debug.rs"), redacted)?;
    Ok(())
}

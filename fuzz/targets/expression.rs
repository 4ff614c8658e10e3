//! Any text as a string of a definition: checked and evaluated, it gives a value or an error with its place.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| ropeway_specs::fuzzing::expression(text));

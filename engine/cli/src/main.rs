//! ropeway
fn main() {}

//! The delivery guarantees, tortured. Each test has a short form, which is part of `make test`, and a long
//! form, which `make torture` runs; each adds its line to the table that `make torture` prints.

#[expect(dead_code, reason = "the first torture uses all of it; it removes this line")]
mod table;

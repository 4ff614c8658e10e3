//! What is said when a command fails: one message, then its causes.

use ropeway_engine::Error;
use serde_json::json;

use crate::{
    args::LogFormat,
    exit_code,
    report::causes,
    terminal::{self, Safe},
};

/// Prints the failure to standard error and gives its exit code.
pub(crate) fn print(error: &Error, format: LogFormat) -> u8 {
    let causes = causes(error);
    match format {
        LogFormat::Text => {
            terminal::remark(&format!("error: {}", Safe(error)));
            for cause in &causes {
                terminal::remark(&format!("caused by: {}", Safe(cause)));
            }
        }
        LogFormat::Json => {
            let line = json!({
                "level": "ERROR",
                "kind": format!("{:?}", error.kind()),
                "code": error.symbolic_code(),
                "side": error.side().map(|side| format!("{side:?}")),
                "message": error.to_string(),
                "causes": causes,
                "exitCode": exit_code::of(error.kind()),
            });
            terminal::remark(&line.to_string());
        }
    }
    exit_code::of(error.kind())
}

//! Every documented example of the functions that are here, the rules of strings, and the limits.

use serde_json::json;

use super::{Scope, evaluate_text};

#[test]
fn strings_follow_the_documented_rules() {
    let scope = Scope::new("2018-04-15T13:00:00Z".parse().unwrap(), "")
        .with("pipeline", json!({"parameters": {"n": 4, "s": "x", "list": [1, 2]}}));
    let cases = [
        ("parameters", json!("parameters")),
        ("@pipeline().parameters.n", json!(4)),
        ("@{pipeline().parameters.n}", json!("4")),
        ("a @{pipeline().parameters.s} b @{pipeline().parameters.list}", json!("a x b [1,2]")),
        ("@@", json!("@")),
        ("@@{x} y", json!("@{x} y")),
        (" @x", json!(" @x")),
        ("a@b.c", json!("a@b.c")),
        ("@pipeline().PARAMETERS['n'] \n", json!(4)),
        ("'@{concat('}', '''')}'", json!("'}''")),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate_text(text, &scope), Ok(expected), "{text}");
    }
}

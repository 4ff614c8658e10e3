//! Definitions are hostile: nothing exhausts the stack, the memory or the patience.

use serde_json::json;

use super::{
    super::{Scope, evaluate_text},
    refused, scope,
};

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("@{}1{}", "array(".repeat(depth), ")".repeat(depth));
    assert!(evaluate_text(&nested(63), &scope()).is_ok());
    assert!(refused(&nested(64)).contains("nested more than 64 levels"));
    assert!(refused(&format!("@{}", "[".repeat(100_000))).contains("expected a function"));
    assert!(refused(&format!("@pipeline(){}", "?.x".repeat(100_001))).contains("more than 100000 steps"));
    let long = |times: usize| format!("'{}'", "a".repeat(times));
    // What would be too large is not made first.
    assert!(refused(&format!("@replace({0}, 'a', {0})", long(1 << 20))).contains("would give more than"));
    assert!(refused(&format!("@join(range(0, 100000), {})", long(1 << 20))).contains("would give more than"));
    assert!(refused(&format!("@concat({0}, {0}, {0})", long(2 << 20))).contains("would give more than"));
    assert!(refused(&format!("@base64({})", long(4 << 20))).contains("larger than"));
    let many = vec!["empty(pipeline().big)"; 400].join(", ");
    let big = scope().with("pipeline", json!({"big": "a".repeat(1 << 20)}));
    let error = evaluate_text(&format!("@createArray({many})"), &big).unwrap_err().to_string();
    assert!(error.contains("hands on more than"), "{error}");
    assert!(refused("@range(0, 100001)").contains("needs a count"));
    assert!(refused("@add(9223372036854775807, 1)").contains("beyond 64 bits"));
    assert!(refused("@mul(1e300, 1e300)").contains("no finite number"));
    assert!(refused("@addDays('9999-12-31', 1)").contains("outside the years"));
    assert!(refused("@addToTime('2018-01-01', 9223372036854775807, 'Year')").contains("outside the years"));
}

#[test]
fn long_texts_take_no_more_than_their_length() {
    // A million characters with an expression at every eleventh: the square of that would not end.
    let text = "@{1} bcdefg".repeat(90_000);
    assert_eq!(evaluate_text(&text, &scope()).unwrap(), json!("1 bcdefg".repeat(90_000)));
    let name = "a".repeat(1 << 20);
    assert!(refused(&format!("@{name}()")).contains("there is no function"));
}

#[test]
fn widths_of_formats_have_no_limit_of_their_own() {
    for letter in ["y", "d", "f", "z", "g"] {
        let format = letter.repeat(70_000);
        let _ =
            evaluate_text(&format!("@utcNow('{format}')"), &Scope::new("2018-04-15T13:00:00Z".parse().unwrap(), ""));
    }
    let year = evaluate_text(&format!("@utcNow('{}')", "y".repeat(70_000)), &scope()).unwrap();
    assert_eq!(year.as_str().map(str::len), Some(70_000));
}

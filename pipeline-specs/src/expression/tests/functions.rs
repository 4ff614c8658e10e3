//! What is decided of functions beyond their documented examples.

use serde_json::{Value, json};

use super::{
    super::{Scope, evaluate_text},
    check, evaluated, refused,
};

#[test]
fn string_functions() {
    check(&[
        ("CONCAT('a', 1, true, null, createArray(1))", json!("a1True[1]")),
        ("endsWith('hello world','WORLD')", json!(true)),
        ("startsWith('ſtraße','STRAß')", json!(true)),
        ("indexOf('hello world','x')", json!(-1)),
        ("indexOf('İİ😀x','X')", json!(4)),
        ("lastIndexOf('hello world','L')", json!(9)),
        ("replace('the old string','OLD','new')", json!("the old string")),
        ("substring('hello world',6)", json!("world")),
        ("substring('añb', 1, 1)", json!("ñ")),
        ("toUpper('straße')", json!("STRAßE")),
        ("toLower('İΣ')", json!("İσ")),
        ("length(guid('N'))", json!(32)),
        ("first(guid('B'))", json!("{")),
        ("last(guid('P'))", json!(")")),
        ("length(guid('X'))", json!(68)),
    ]);
}

#[test]
fn collection_functions() {
    check(&[
        ("contains('hello world','World')", json!(false)),
        ("contains(createArray(1, 'a'), 'a')", json!(true)),
        ("contains(json('{\"k\": 1}'), 'k')", json!(true)),
        ("contains(json('{\"k\": 1}'), 'K')", json!(false)),
        ("empty(json('[]'))", json!(true)),
        ("first(json('[]'))?.x", Value::Null),
        ("last('')", Value::Null),
        ("union(createArray(1, 1, 'a'), createArray('a', 'A', 1))", json!([1, "a", "A"])),
        ("union(createArray(json('{\"a\": 1}')), createArray(json('{\"a\": 1}')))", json!([{"a": 1}])),
        ("union(json('{\"a\": 1, \"b\": 2}'), json('{\"b\": 3, \"c\": 4}'))", json!({"a": 1, "b": 3, "c": 4})),
        ("intersection(createArray(1, 2, 2), createArray(2, 3))", json!([2])),
        ("intersection(json('{\"a\": 1, \"b\": 2}'), json('{\"b\": 3, \"c\": 4}'))", json!({"b": 3})),
    ]);
    assert!(refused("@union(createArray(1), json('{}'))").contains("needs an array, as argument 1 is"));
    assert!(refused("@intersection('a', 'b')").contains("needs an array or an object as argument 1, got text"));
}

#[test]
fn logical_functions() {
    check(&[
        ("equals('a', 'A')", json!(false)),
        ("equals(1, 1.0)", json!(true)),
        ("equals(null, null)", json!(true)),
        ("equals(null, '')", json!(false)),
        ("equals(createArray(1, true), createArray(1.0, 1))", json!(true)),
        ("if(false, 1, 2)", json!(2)),
        ("if(true, 1, first(createArray(1)[5]))", json!(1)),
        ("greater(9007199254740993, 9007199254740992)", json!(true)),
    ]);
    assert!(refused("@greater(1, '1')").contains("needs a number, as argument 1 is as argument 2, got text"));
}

#[test]
fn conversion_functions() {
    check(&[
        ("bool('true')", json!(true)),
        ("coalesce(null, '')", json!("")),
        ("json(null)", json!({})),
        ("string(float('10'))", json!("10")),
        ("string(1e20)", json!("1E+20")),
        ("string(null)", json!("")),
        ("base64ToString(' aGVs\nbG8= ')", json!("hello")),
        ("base64(binary('hello'))", json!("aGVsbG8=")),
        ("base64(base64ToBinary('/w=='))", json!("/w==")),
        ("dataUri(base64ToBinary('/w=='))", json!("data:application/octet-stream;base64,/w==")),
        ("dataUriToString('DATA:,a%20b')", json!("a b")),
        ("dataUriToBinary('data:,')['$content-type']", json!("text/plain;charset=us-ascii")),
        ("json(base64ToBinary(base64('[1]')))", json!([1])),
        ("uriComponent('a b+ü~')", json!("a%20b%2B%C3%BC~")),
        ("uriComponentToString('100%+%zz')", json!("100%+%zz")),
        ("uriComponentToBinary('%FF')['$content']", json!("/w==")),
    ]);
    for (text, expected) in [
        ("@base64ToString('a')", "needs base64 as argument 1"),
        ("@base64ToString('/w==')", "needs bytes that are UTF-8 text"),
        ("@base64(1)", "needs text or bytes as argument 1, got an integer"),
        ("@dataUriToString('data:text/plain;charset=latin1,x')", "in the charset utf-8, not 'latin1'"),
        ("@dataUriToBinary('text/plain,x')", "needs a data URI such as"),
        ("@uriComponentToString('%FF')", "uriComponentToBinary takes any"),
    ] {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
}

#[test]
fn math_functions() {
    check(&[
        ("max(9007199254740993, 9007199254740992)", json!(9_007_199_254_740_993_i64)),
        ("min(1, 0.5, createArray(2)[0])", json!(0.5)),
        ("div(11, 5.0)", json!(2.2)),
        ("mod(-3, 2)", json!(-1)),
        ("rand(7, 8)", json!(7)),
        ("less(rand(-9223372036854775807, 9223372036854775807), 9223372036854775807)", json!(true)),
    ]);
    assert!(refused("@rand(5, 5)").contains("needs an end that is greater than the least number 5, got 5"));
    assert!(refused("@max()").contains("takes at least 1 arguments"));
}

#[test]
fn date_functions() {
    check(&[
        ("utcNow('yyyy-MM-dd')", json!("2018-04-15")),
        ("addToTime('2018-01-31T00:00:00Z', 1, 'Month')", json!("2018-02-28T00:00:00.0000000Z")),
        ("addToTime('2018-01-31T00:00:00Z', -1, 'year')", json!("2017-01-31T00:00:00.0000000Z")),
        ("ticks('0001-01-01')", json!(0)),
        ("ticks('9999-12-31T23:59:59.9999999Z')", json!(3_155_378_975_999_999_999_i64)),
        ("ticks('2018-01-01T10:00:00+02:00')", json!(636_503_904_000_000_000_i64)),
        (
            "convertTimeZone('2018-07-01T00:00:00', 'W. Europe Standard Time', 'India Standard Time', 'HH:mm')",
            json!("03:30"),
        ),
    ]);
}

#[test]
fn what_is_drawn_is_the_same_when_a_run_is_resumed() {
    for draw in ["@guid()", "@rand(0, 1000000000)"] {
        let pair = |seed: &str| {
            let scope = Scope::new("2018-04-15T13:00:00Z".parse().unwrap(), seed);
            (evaluate_text(draw, &scope).unwrap(), evaluate_text(draw, &scope).unwrap())
        };
        assert_eq!(pair("run-1"), pair("run-1"));
        assert_ne!(pair("run-1").0, pair("run-1").1, "each call has its own");
        assert_ne!(pair("run-1").0, pair("run-2").0);
    }
}

#[test]
fn all_numbers_of_a_range_are_drawn() {
    let expression = format!("@createArray({})", vec!["rand(1, 5)"; 200].join(", "));
    let drawn = evaluated(&expression);
    let mut drawn: Vec<i64> = drawn.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn, [1, 2, 3, 4]);
}

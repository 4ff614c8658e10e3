//! The rules of strings, every documented example of the functions that are here, errors, and limits.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Declared, Scope, check_tree, evaluate_text, evaluate_tree, is_dynamic};
use crate::diagnostic::Findings;

fn scope() -> Scope {
    let activities = [("Lookup".to_owned(), json!({"output": {"firstRow": {"w": "2018-01-01", "": 7}, "count": 1}}))];
    Scope::new("2018-04-15T13:00:00Z".parse().unwrap(), "seed")
        .with("pipeline", json!({"RunId": "r", "parameters": {"n": 4, "s": "x", "list": [1, 2], "o": {"a": null}}}))
        .with_keyed("activity", "an activity that has ended", activities.into())
}

fn evaluated(text: &str) -> Value {
    evaluate_text(text, &scope()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match evaluate_text(text, &scope()) {
        Ok(value) => panic!("{text} gives {value}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn strings_follow_the_documented_rules() {
    let cases = [
        ("parameters", json!("parameters")),
        ("", json!("")),
        ("@pipeline().parameters.n", json!(4)),
        ("@pipeline().parameters.list", json!([1, 2])),
        ("@{pipeline().parameters.n}", json!("4")),
        ("a @{pipeline().parameters.s} b @{pipeline().parameters.list}", json!("a x b [1,2]")),
        ("@{pipeline().parameters.o.a}|@{equals(1, 1)}", json!("|True")),
        ("@@", json!("@")),
        ("@@{x} y", json!("@{x} y")),
        ("a @@{x} @{'y'}", json!("a @{x} y")),
        (" @x", json!(" @x")),
        ("user@host.example", json!("user@host.example")),
        ("user@@host", json!("user@@host")),
        ("@Pipeline().PARAMETERS['n'] \r\n", json!(4)),
        ("@\n  concat(\n 'a' , 'b'\n)\n", json!("ab")),
        ("WHERE d > '@{activity('Lookup').output.firstRow.w}'", json!("WHERE d > '2018-01-01'")),
        ("@activity('lookup').output.firstRow['']", json!(7)),
        ("@{concat('}', '''', '{')}", json!("}'{")),
        ("@pipeline()?.TriggeredByPipelineName", Value::Null),
        ("@pipeline()?['nope']?.deeper", Value::Null),
        ("@pipeline().parameters.list[1]", json!(2)),
        ("@pipeline().parameters.list[sub(1, 1)]", json!(1)),
        ("@pipeline().parameters['list']?[9]", Value::Null),
        ("@json('{\"a\": [10, 20]}').a[1]", json!(20)),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluated(text), expected, "{text}");
    }
}

/// One list of `expression -> result` per family; results are those that Data Factory documents.
fn check(cases: &[(&str, Value)]) {
    for (text, expected) in cases {
        assert_eq!(evaluated(&format!("@{text}")), *expected, "{text}");
    }
}

#[test]
fn string_functions() {
    check(&[
        ("concat('Hello','World')", json!("HelloWorld")),
        ("CONCAT('a', 1, true, null, createArray(1))", json!("a1True[1]")),
        ("endsWith('hello world','world')", json!(true)),
        ("endsWith('hello world','WORLD')", json!(true)),
        ("startsWith('hello world','Hello')", json!(true)),
        ("startsWith('hello world','world')", json!(false)),
        ("indexOf('hello world','world')", json!(6)),
        ("indexOf('hello world','x')", json!(-1)),
        ("lastIndexOf('hello world','L')", json!(9)),
        ("replace('the old string','old','new')", json!("the new string")),
        ("replace('the old string','OLD','new')", json!("the old string")),
        ("split('a_b_c','_')", json!(["a", "b", "c"])),
        ("substring('hello world',6,5)", json!("world")),
        ("substring('hello world',6)", json!("world")),
        ("substring('añb', 1, 1)", json!("ñ")),
        ("toLower('Hello World')", json!("hello world")),
        ("toUpper('Hello World')", json!("HELLO WORLD")),
        ("trim(' Hello World  ')", json!("Hello World")),
        ("length(guid())", json!(36)),
        ("length(guid('N'))", json!(32)),
        ("first(guid('B'))", json!("{")),
        ("last(guid('P'))", json!(")")),
        ("length(guid('X'))", json!(68)),
    ]);
}

#[test]
fn collection_functions() {
    check(&[
        ("contains('hello world','world')", json!(true)),
        ("contains('hello world','World')", json!(false)),
        ("contains('hello world','universe')", json!(false)),
        ("contains(createArray(1, 'a'), 'a')", json!(true)),
        ("contains(json('{\"k\": 1}'), 'k')", json!(true)),
        ("contains(json('{\"k\": 1}'), 'K')", json!(false)),
        ("empty('')", json!(true)),
        ("empty('abc')", json!(false)),
        ("empty(json('[]'))", json!(true)),
        ("first('hello')", json!("h")),
        ("first(createArray(0, 1, 2))", json!(0)),
        ("last('abcd')", json!("d")),
        ("last(createArray(0, 1, 2, 3))", json!(3)),
        ("length('abcd')", json!(4)),
        ("length(createArray(0, 1, 2, 3))", json!(4)),
        ("join(createArray('a', 'b', 'c'), '.')", json!("a.b.c")),
        ("skip(createArray(0, 1, 2, 3), 1)", json!([1, 2, 3])),
        ("take('abcde', 3)", json!("abc")),
        ("take(createArray(0, 1, 2, 3, 4), 3)", json!([0, 1, 2])),
    ]);
}

#[test]
fn logical_functions() {
    check(&[
        ("and(true, true)", json!(true)),
        ("and(false, true)", json!(false)),
        ("and(equals(1, 1), equals(1, 2))", json!(false)),
        ("or(true, false)", json!(true)),
        ("or(equals(1, 2), equals(1, 3))", json!(false)),
        ("not(false)", json!(true)),
        ("not(equals(1, 1))", json!(false)),
        ("equals(true, 1)", json!(true)),
        ("equals('abc', 'abcd')", json!(false)),
        ("equals('a', 'A')", json!(false)),
        ("equals(1, 1.0)", json!(true)),
        ("greater(10, 5)", json!(true)),
        ("greater('apple', 'banana')", json!(false)),
        ("greaterOrEquals(5, 5)", json!(true)),
        ("greaterOrEquals('apple', 'banana')", json!(false)),
        ("less(5, 10)", json!(true)),
        ("less('banana', 'apple')", json!(false)),
        ("lessOrEquals(10, 10)", json!(true)),
        ("lessOrEquals('apply', 'apple')", json!(false)),
        ("if(equals(1, 1), 'yes', 'no')", json!("yes")),
        ("if(false, 1, 2)", json!(2)),
        ("if(true, 1, first(createArray(1)[5]))", json!(1)),
    ]);
}

#[test]
fn conversion_functions() {
    check(&[
        ("array('hello')", json!(["hello"])),
        ("createArray('h', 'e', 'l', 'l', 'o')", json!(["h", "e", "l", "l", "o"])),
        ("bool(1)", json!(true)),
        ("bool(0)", json!(false)),
        ("bool('true')", json!(true)),
        ("coalesce(null, true, false)", json!(true)),
        ("coalesce(null, 'hello', 'world')", json!("hello")),
        ("coalesce(null, '')", json!("")),
        ("coalesce(null, null, null)", Value::Null),
        ("float('10.333')", json!(10.333)),
        ("int('10')", json!(10)),
        ("json(null)", json!({})),
        ("json('[1, 2, 3]')", json!([1, 2, 3])),
        ("json('{\"fullName\": \"Sophia Owen\"}')", json!({"fullName": "Sophia Owen"})),
        ("string(10)", json!("10")),
        ("string(json('{ \"name\": \"Sophie Owen\" }'))", json!("{\"name\":\"Sophie Owen\"}")),
        ("string(float('10'))", json!("10")),
    ]);
}

#[test]
fn math_functions() {
    check(&[
        ("add(1, 1.5)", json!(2.5)),
        ("sub(10.3, .3)", json!(10.0)),
        ("mul(1, 2)", json!(2)),
        ("mul(1.5, 2)", json!(3.0)),
        ("div(10, 5)", json!(2)),
        ("div(11, 5)", json!(2)),
        ("mod(3, 2)", json!(1)),
        ("min(1, 2, 3)", json!(1)),
        ("min(createArray(1, 2, 3))", json!(1)),
        ("max(1, 2, 3)", json!(3)),
        ("max(createArray(1, 2, 3))", json!(3)),
        ("range(1, 4)", json!([1, 2, 3, 4])),
    ]);
}

#[test]
fn date_functions() {
    check(&[
        ("utcNow()", json!("2018-04-15T13:00:00.0000000Z")),
        ("utcnow('D')", json!("Sunday, April 15, 2018")),
        ("utcNow('yyyy-MM-dd')", json!("2018-04-15")),
        ("addDays('2018-03-15T13:00:00Z', 10)", json!("2018-03-25T13:00:00.0000000Z")),
        ("addDays('2018-03-15T00:00:00Z', -5)", json!("2018-03-10T00:00:00.0000000Z")),
        ("addHours('2018-03-15T00:00:00Z', 10)", json!("2018-03-15T10:00:00.0000000Z")),
        ("addHours('2018-03-15T15:00:00Z', -5)", json!("2018-03-15T10:00:00.0000000Z")),
        ("addMinutes('2018-03-15T00:10:00Z', 10)", json!("2018-03-15T00:20:00.0000000Z")),
        ("addSeconds('2018-03-15T00:00:30Z', -5)", json!("2018-03-15T00:00:25.0000000Z")),
        ("addToTime('2018-01-01T00:00:00Z', 1, 'Day')", json!("2018-01-02T00:00:00.0000000Z")),
        ("addToTime('2018-01-01T00:00:00Z', 1, 'Day', 'D')", json!("Tuesday, January 2, 2018")),
        ("addToTime('2018-01-31T00:00:00Z', 1, 'Month')", json!("2018-02-28T00:00:00.0000000Z")),
        ("subtractFromTime('2018-01-02T00:00:00Z', 1, 'Day')", json!("2018-01-01T00:00:00.0000000Z")),
        ("getFutureTime(5, 'Day')", json!("2018-04-20T13:00:00.0000000Z")),
        ("getPastTime(5, 'Day', 'D')", json!("Tuesday, April 10, 2018")),
        ("formatDateTime('03/15/2018 12:00:00', 'yyyy-MM-ddTHH:mm:ss')", json!("2018-03-15T12:00:00")),
        ("startOfDay('2018-03-15T13:30:30Z')", json!("2018-03-15T00:00:00.0000000Z")),
        ("startOfHour('2018-03-15T13:30:30Z')", json!("2018-03-15T13:00:00.0000000Z")),
        ("startOfMonth('2018-03-15T13:30:30Z')", json!("2018-03-01T00:00:00.0000000Z")),
        // The documentation prints 3; the day was a Thursday.
        ("dayOfWeek('2018-03-15T13:27:36Z')", json!(4)),
        ("dayOfMonth('2018-03-15T13:27:36Z')", json!(15)),
        ("dayOfYear('2018-03-15T13:27:36Z')", json!(74)),
        (
            "convertFromUtc('2018-01-01T08:00:00.0000000Z', 'Pacific Standard Time')",
            json!("2018-01-01T00:00:00.0000000"),
        ),
        (
            "convertFromUtc('2018-01-01T08:00:00.0000000Z', 'Pacific Standard Time', 'D')",
            json!("Monday, January 1, 2018"),
        ),
        ("convertToUtc('01/01/2018 00:00:00', 'Pacific Standard Time')", json!("2018-01-01T08:00:00.0000000Z")),
        ("convertToUtc('01/01/2018 00:00:00', 'Pacific Standard Time', 'D')", json!("Monday, January 1, 2018")),
        (
            "convertTimeZone('2018-01-01T08:00:00.0000000Z', 'UTC', 'Pacific Standard Time')",
            json!("2018-01-01T00:00:00.0000000"),
        ),
        (
            "convertTimeZone('2018-07-01T00:00:00', 'W. Europe Standard Time', 'India Standard Time', 'HH:mm')",
            json!("03:30"),
        ),
    ]);
}

#[test]
fn date_formats() {
    let at = "'2018-03-05T09:07:04.1230000Z'";
    for (format, expected) in [
        ("o", "2018-03-05T09:07:04.1230000Z"),
        ("s", "2018-03-05T09:07:04"),
        ("u", "2018-03-05 09:07:04Z"),
        ("R", "Mon, 05 Mar 2018 09:07:04 GMT"),
        ("d", "3/5/2018"),
        ("t", "9:07 AM"),
        ("G", "3/5/2018 9:07:04 AM"),
        ("yyyyMMdd", "20180305"),
        ("yy-M-d", "18-3-5"),
        ("ddd MMM", "Mon Mar"),
        ("dddd, MMMM", "Monday, March"),
        ("h:mm tt", "9:07 AM"),
        ("HH'h'mm", "09h07"),
        ("fff", "123"),
        ("ss.FFFFFFF", "04.123"),
        ("yyyy\\d", "2018d"),
        ("%d", "5"),
        ("K", "K"),
        ("yyyyK", "2018Z"),
        ("yyyy/MM/dd/HH", "2018/03/05/09"),
    ] {
        if format == "K" {
            assert!(refused(&format!("@formatDateTime({at}, 'K')")).contains("does not know the date format 'K'"));
            continue;
        }
        assert_eq!(
            evaluated(&format!("@formatDateTime({at}, '{}')", format.replace('\'', "''"))),
            json!(expected),
            "{format}"
        );
    }
    for (text, expected) in [
        ("2018-03-15", "2018-03-15T00:00:00.0000000"),
        ("2018-03-15 12:30", "2018-03-15T12:30:00.0000000"),
        ("2018-03-15T12:30:00+02:00", "2018-03-15T10:30:00.0000000Z"),
        ("3/5/2018 1:02:03 PM", "2018-03-05T13:02:03.0000000"),
        ("2018-03-15T12:30:00.1234567Z", "2018-03-15T12:30:00.1234567Z"),
    ] {
        assert_eq!(evaluated(&format!("@formatDateTime('{text}')")), json!(expected), "{text}");
    }
}

#[test]
fn errors_name_the_place_and_what_is_available() {
    for (text, expected) in [
        ("@concat('a'", "expected ')' or ',' after an argument, found the end (at character 12 of the expression)"),
        (
            "@concat(\"a\")",
            "expected a function, a number or text in single quotes, found a double quote; text stands in single quotes (at character 9 of the expression)",
        ),
        (
            "@{concat('a')",
            "expected '}' after the expression in '@{', found the end (at character 14 of the expression)",
        ),
        (
            "@foo",
            "'foo' is neither a function call nor a value; a function needs '()', text stands in single quotes (at character 2 of the expression)",
        ),
        ("@'abc", "this text has no closing single quote (at character 2 of the expression)"),
        ("@1 2", "expected the end of the expression, found '2' (at character 4 of the expression)"),
        ("@pipeline().", "expected a property name after '.', found the end (at character 13 of the expression)"),
        ("@concta('a')", "there is no function 'concta'; did you mean 'concat'? (at character 2 of the expression)"),
        ("@xpath('a', 'b')", "the function 'xpath' is not supported by Ropeway yet (at character 2 of the expression)"),
        ("@UNION('a', 'b')", "the function 'union' is not supported by Ropeway yet (at character 2 of the expression)"),
        (
            "@item().x",
            "'item()' has no value here; available are activity('...'), pipeline() (at character 2 of the expression)",
        ),
        (
            "@pipeline().parameters.m",
            "property 'm' does not exist; available properties are 'n', 's', 'list', 'o' (at character 23 of the expression)",
        ),
        (
            "@pipeline().parameters.o.a.b",
            "property 'b' cannot be read from null; '?.' gives null instead of this error (at character 27 of the expression)",
        ),
        (
            "@pipeline().parameters.list[2]",
            "index 2 is outside the array, which has 2 elements (at character 28 of the expression)",
        ),
        (
            "@activity('Copy1').output",
            "'Copy1' is not an activity that has ended that can be used here; available are 'Lookup' (at character 2 of the expression)",
        ),
        (
            "@add('1', 2)",
            "the function 'add' needs a number as argument 1, got text (at character 2 of the expression)",
        ),
        ("@add(1)", "the function 'add' takes 2 arguments, got 1 (at character 2 of the expression)"),
        (
            "@if(1, 2, 3)",
            "the function 'if' needs true or false here, got an integer (at character 5 of the expression)",
        ),
        ("@div(1, 0)", "the function 'div' divides by zero (at character 2 of the expression)"),
        (
            "@substring('abc', 2, 5)",
            "the function 'substring' needs a part that lies inside the text: start 2 and length 5 leave its 3 characters (at character 2 of the expression)",
        ),
        (
            "@formatDateTime('soon')",
            "the function 'formatDateTime' needs a date such as '2018-03-15T13:00:00Z' or '03/15/2018 12:00:00', got 'soon' (at character 2 of the expression)",
        ),
        ("é @{nope()}", "there is no function 'nope' (at character 5 of the expression)"),
        (
            "@convertFromUtc('2018-01-01', 'Mars Time')",
            "the function 'convertFromUtc' needs a Windows time zone such as 'W. Europe Standard Time', got 'Mars Time' (at character 2 of the expression)",
        ),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("@{}1{}", "array(".repeat(depth), ")".repeat(depth));
    assert!(evaluate_text(&nested(63), &scope()).is_ok());
    assert!(refused(&nested(64)).contains("nested more than 64 levels"));
    assert!(refused(&format!("@{}", "[".repeat(100_000))).contains("expected a function"));
    assert!(refused(&format!("@pipeline(){}", "?.x".repeat(100_001))).contains("more than 100000 steps"));
    assert!(refused("@replace(join(range(0, 100000), '-'), '-', '--------------------')").contains("larger than"));
    assert!(refused("@range(0, 100001)").contains("needs a count"));
    assert!(refused("@add(9223372036854775807, 1)").contains("beyond 64 bits"));
    assert!(refused("@mul(1e300, 1e300)").contains("no finite number"));
    assert!(refused("@addDays('9999-12-31', 1)").contains("outside the years"));
    assert!(refused("@addToTime('2018-01-01', 9223372036854775807, 'Year')").contains("outside the years"));
}

#[test]
fn a_guid_is_the_same_when_a_run_is_resumed() {
    let pair = |seed: &str| {
        let scope = Scope::new("2018-04-15T13:00:00Z".parse().unwrap(), seed);
        (evaluate_text("@guid()", &scope).unwrap(), evaluate_text("@guid()", &scope).unwrap())
    };
    assert_eq!(pair("run-1"), pair("run-1"));
    assert_ne!(pair("run-1").0, pair("run-1").1, "each call has its own");
    assert_ne!(pair("run-1").0, pair("run-2").0);
}

#[test]
fn trees_are_evaluated_in_both_forms_and_report_every_problem() {
    let mut findings = Findings::new(Path::new("f"));
    let tree = json!({
        "object": {"value": "@pipeline().parameters.n", "type": "Expression"},
        "literal": {"value": "plain", "type": "Expression"},
        "parameter": {"value": "@pipeline().parameters.s", "type": "String"},
        "list": ["@pipeline().RunId", 5],
        "wrong": "@nope()",
        "deep": [{"wrong": "@{1"}],
    });
    let value = evaluate_tree(&tree, &scope(), "$", &mut findings);
    assert_eq!(
        value,
        json!({
            "object": 4, "literal": "plain", "parameter": {"value": "x", "type": "String"},
            "list": ["r", 5], "wrong": null, "deep": [{"wrong": null}],
        })
    );
    let found: Vec<String> = findings.into_vec().into_iter().map(|found| found.path).collect();
    assert_eq!(found, ["$.wrong", "$.deep[0].wrong"]);

    let mut findings = Findings::new(Path::new("f"));
    let declared = Declared { root: "pipeline", parameters: vec!["n", "s"] };
    check_tree(&tree, &declared, "$", &mut findings);
    let found: Vec<String> = findings.into_vec().into_iter().map(|found| found.path).collect();
    assert_eq!(found, ["$.wrong", "$.deep[0].wrong"]);
    assert!(is_dynamic(&json!("@{1}")) && is_dynamic(&tree["object"]) && !is_dynamic(&json!("a@b")));
}

#[test]
fn a_check_without_evaluation_finds_names() {
    let declared = Declared { root: "pipeline", parameters: vec!["table", "day"] };
    let found = |text: &str| {
        let mut findings = Findings::new(Path::new("f"));
        check_tree(&json!(text), &declared, "$", &mut findings);
        findings.into_vec().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    for fine in [
        "@pipeline().Parameters.TABLE",
        "@pipeline()?.parameters?.other",
        "@pipeline().RunId",
        "@pipeline().parameters['other']",
        "@dataset().anything",
        "@if(true, item().x, activity('y').output['z'])",
    ] {
        assert_eq!(found(fine), "", "{fine}");
    }
    assert_eq!(
        found("@concat(pipeline().parameters.tabel, addDay('x', 1), add(1))"),
        "f: $: error: there is no parameter 'tabel'; did you mean 'table'? (at character 30 of the expression); \
         f: $: error: there is no function 'addDay'; did you mean 'addDays'? (at character 38 of the expression); \
         f: $: error: the function 'add' takes 2 arguments, got 1 (at character 54 of the expression)"
    );
    assert_eq!(
        found("@xml('a')"),
        "f: $: warning: the function 'xml' is not supported by Ropeway yet (at character 2 of the expression)"
    );
}

proptest! {
    #[test]
    fn never_panics_on_anything(text in "\\PC{0,60}") {
        let _ = evaluate_text(&text, &scope());
        let _ = evaluate_text(&format!("@{text}"), &scope());
    }

    #[test]
    fn never_panics_on_what_looks_like_an_expression(
        text in "(@|@\\{)?((concat|substring|formatDateTime|addDays|split|pipeline|take|json|x)|[(){}\\[\\],.?' -]|'[a-z%-]{0,4}'|-?[0-9]{1,20}|é){0,14}"
    ) {
        let _ = evaluate_text(&text, &scope());
    }

    #[test]
    fn no_date_and_no_format_panics(date in "[0-9T:.+Z/ -]{0,30}", format in "[a-zA-Z'%\\\\ :.]{0,12}", by in any::<i64>()) {
        let (date, format) = (date.replace('\'', "''"), format.replace('\'', "''"));
        let _ = evaluate_text(&format!("@formatDateTime('{date}', '{format}')"), &scope());
        let _ = evaluate_text(&format!("@formatDateTime('2018-03-05T09:07:04.5Z', '{format}')"), &scope());
        let _ = evaluate_text(&format!("@addDays('2018-03-05', {by}, '{format}')"), &scope());
    }

    #[test]
    fn plain_text_is_itself(text in "[^@]{0,40}") {
        prop_assert_eq!(evaluated(&text), json!(text));
    }

    #[test]
    fn quoted_text_comes_back(text in "\\PC{0,40}") {
        let quoted = text.replace('\'', "''");
        prop_assert_eq!(evaluated(&format!("@concat('{quoted}')")), json!(text));
        prop_assert_eq!(evaluated(&format!("<@{{'{quoted}'}}>")), json!(format!("<{text}>")));
    }
}

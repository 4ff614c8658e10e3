//! Errors say where, what was expected, and what there is.

use std::path::Path;

use serde_json::json;

use super::{
    super::{Declared, check_tree},
    refused,
};
use crate::diagnostic::Findings;

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
        (
            "@dataset().x",
            "'dataset()' has no value here; available are activity('...'), item(), pipeline(), variables('...') (at character 2 of the expression)",
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
        (
            "@union(createArray(1), 'b')",
            "the function 'union' needs an array, as argument 1 is as argument 2, got text (at character 2 of the expression)",
        ),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn a_check_without_evaluation_finds_names() {
    let declared = Declared { root: "pipeline", parameters: vec!["table", "day"], globals: None };
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
}

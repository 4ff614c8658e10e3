//! What a string of a definition means.

use serde_json::{Value, json};

use super::{evaluated, refused};

#[test]
fn strings_are_text_expressions_or_both() {
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
        ("@item().table.name", json!("t")),
        ("@item()['list'][0]", json!("a")),
        ("@variables('LIST')[1]", json!(2)),
        ("@{variables('list')}", json!("[1,2]")),
        ("@{item()?.nope?.deeper}", json!("")),
        ("@@@{1}", json!("@1")),
        ("@{1}@{2}@", json!("12@")),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluated(text), expected, "{text}");
    }
}

#[test]
fn what_has_no_value_here_says_what_has() {
    assert!(refused("@dataset().x").contains(
        "'dataset()' has no value here; available are activity('...'), item(), pipeline(), variables('...')"
    ));
    assert!(
        refused("@variables('nope')").contains("'nope' is not a variable that can be used here; available are 'list'")
    );
    assert!(refused("@variables()").contains("'variables' takes one argument, the name of a variable"));
    assert!(refused("@item('x')").contains("'item()' takes no argument"));
}

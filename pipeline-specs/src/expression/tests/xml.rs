//! XML as JSON and back, and XPath.

use serde_json::{Value, json};

use super::{evaluated, refused};

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

fn json_of(xml: &str) -> Value {
    evaluated(&format!("@json(xml('{}'))", quoted(xml)))
}

fn xml_of(json: &str) -> Value {
    evaluated(&format!("@string(xml(json('{}')))", quoted(json)))
}

#[test]
fn xml_becomes_json_as_json_net_writes_it() {
    for (xml, expected) in [
        ("<a/>", json!({"a": null})),
        ("<a> </a>", json!({"a": null})),
        ("<a>1</a>", json!({"a": "1"})),
        ("<a b=\"1\"/>", json!({"a": {"@b": "1"}})),
        ("<a b=\"1\">x</a>", json!({"a": {"@b": "1", "#text": "x"}})),
        ("<a><b>1</b><c/><b>2</b></a>", json!({"a": {"b": ["1", "2"], "c": null}})),
        ("<a>x<b/>y</a>", json!({"a": {"#text": ["x", "y"], "b": null}})),
        ("<a><![CDATA[<&>]]><!-- no data --></a>", json!({"a": "<&>"})),
        (
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><a>&amp;&#65;</a>",
            json!({"?xml": {"@version": "1.0", "@encoding": "utf-8"}, "a": "&A"}),
        ),
        (
            "<p:a xmlns:p=\"urn:p\" xmlns=\"urn:d\" p:q=\"1\"><b xmlns=\"urn:e\"/><c/></p:a>",
            json!({"p:a": {"@p:q": "1", "@xmlns:p": "urn:p", "@xmlns": "urn:d", "b": {"@xmlns": "urn:e"}, "c": null}}),
        ),
    ] {
        assert_eq!(json_of(xml), expected, "{xml}");
    }
}

#[test]
fn json_becomes_xml() {
    for (json, expected) in [
        (r#"{"a": null}"#, "<a />"),
        (r##"{"a": {"@b": "x\"<\n", "#text": "1 < 2 & 3"}}"##, "<a b=\"x&quot;&lt;&#xA;\">1 &lt; 2 &amp; 3</a>"),
        (r#"{"a": {"b": [1, 2.0, true, null, {"c": "x"}]}}"#, "<a><b>1</b><b>2</b><b>true</b><b /><b><c>x</c></b></a>"),
        (r#"{"?xml": {"@version": "1.0"}, "a": ""}"#, "<?xml version=\"1.0\"?><a />"),
        (r#"{"p:a": {"@xmlns:p": "urn:p"}}"#, "<p:a xmlns:p=\"urn:p\" />"),
    ] {
        assert_eq!(xml_of(json), expected, "{json}");
    }
    for (json, expected) in [
        (r#"{"a": 1, "b": 2}"#, "needs an object with one property"),
        (r#"{"a": [1]}"#, "needs an object with one property, which is no array"),
        (r#"{}"#, "needs an object with one property"),
        (r#"{"a b": 1}"#, "needs names that XML can have: 'a b'"),
        (r#"{"p:a": 1}"#, "needs XML: "),
        (r##"{"a": {"#other": 1}}"##, "needs names that XML can have: '#other'"),
    ] {
        let error = refused(&format!("@xml(json('{json}'))"));
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn xml_is_text_where_text_is_meant() {
    assert_eq!(evaluated("<@{xml('<a>1</a>')}>"), "<<a>1</a>>");
    assert_eq!(evaluated("@concat(xml('<a/>'), 'x')"), "<a/>x");
    assert_eq!(evaluated("@xml('<a/>')['$content-type']"), "application/xml;charset=utf-8");
    assert_eq!(evaluated("@string(binary('a'))"), r#"{"$content-type":"application/octet-stream","$content":"YQ=="}"#);
}

const SHOP: &str = "<shop open=\"yes\"><!-- of fruit --><item id=\"1\" x:kind=\"b\" xmlns:x=\"urn:x\"><name>Gala</name><count> 20 </count></item>\
    <item id=\"2\"><name>Honey  crisp</name><count>10</count></item><item id=\"3\"><name/><count>x</count><?sort up?></item></shop>";

fn asked(xpath: &str) -> Value {
    evaluated(&format!("@xpath('{}', '{}')", quoted(SHOP), quoted(xpath)))
}

#[test]
fn xpath_selects_nodes() {
    for (xpath, expected) in [
        ("/shop/item/@id", json!(["1", "2", "3"])),
        ("//name/text()", json!(["Gala", "Honey  crisp"])),
        ("/shop/item[2]/name/text()", json!(["Honey  crisp"])),
        ("/shop/item[last()]/@id", json!(["3"])),
        ("/shop/item[position() > 1][1]/@id", json!(["2"])),
        ("/shop/item[@id = '2']/count/text()", json!(["10"])),
        ("//item[count >= 10 and not(name = 'Gala')]/@id", json!(["2"])),
        ("//item[name = '' or @id = 1]/@id", json!(["1", "3"])),
        ("//@*[name() = 'x:kind']", json!(["b"])),
        ("//@*[local-name() = 'kind' and namespace-uri() = 'urn:x']", json!(["b"])),
        ("//count[. = 10]/../@id", json!(["2"])),
        ("//count[. = 10]/parent::item/preceding-sibling::*[1]/@id", json!(["1"])),
        ("//item[1]/following-sibling::item/@id", json!(["2", "3"])),
        ("(//item)[1]/@id | //item[3]/@id | //item/@id[. = 1]", json!(["1", "3"])),
        ("//name[1]/ancestor::*[@open]/attribute::open", json!(["yes"])),
        ("/descendant-or-self::node()/child::item/self::*[@id=3]/@id", json!(["3"])),
        (
            "//comment()",
            json!([{"$content-type": "application/xml;charset=utf-8", "$content": "PCEtLSBvZiBmcnVpdCAtLT4="}]),
        ),
        ("//nothing", json!([])),
        ("shop/item[3]/processing-instruction()/..//@id", json!(["3"])),
    ] {
        assert_eq!(asked(xpath), expected, "{xpath}");
    }
}

#[test]
fn xpath_computes() {
    for (xpath, expected) in [
        ("count(//item)", json!(3)),
        ("sum(//item[position() < 3]/count)", json!(30)),
        ("sum(//item[position() < 3]/count) div 4", json!(7.5)),
        ("-(1 + 2 * 3 - 4) mod 2 + --1", json!(0)),
        ("string(//count)", json!(" 20 ")),
        ("string(1 div 0)", json!("Infinity")),
        ("string(-1 div 3 * 3)", json!("-1")),
        ("number('1e3') = number('1e3')", json!(false)),
        ("concat(name(/*), '-', normalize-space(//item[2]/name))", json!("shop-Honey crisp")),
        ("translate('bar', 'abc', 'AB')", json!("BAr")),
        ("substring('12345', 1.5, 2.6)", json!("234")),
        ("substring('12345', 2)", json!("2345")),
        ("substring-before('a=b', '=')", json!("a")),
        ("substring-after('a=b', '=')", json!("b")),
        ("string-length('añ') + floor(1.9) + ceiling(1.1) + round(-2.5)", json!(3)),
        ("starts-with('abc', 'ab') and contains('abc', 'c')", json!(true)),
        ("boolean(//nothing) or false() = true()", json!(false)),
        ("//item/count > 15", json!(true)),
        ("//item/count != //item/count", json!(true)),
        ("string(//item[1])", json!("Gala 20 ")),
        ("1 = 1.0 and '1' = 1 and 2 >= 1 and 1 < 2 and 1 <= 1", json!(true)),
    ] {
        assert_eq!(asked(xpath), expected, "{xpath}");
    }
    assert!(refused("@xpath('<a/>', '0 div 0')").contains("gives no finite number"));
}

#[test]
fn what_xpath_does_not_have_here_is_refused_by_name() {
    for (xpath, expected) in [
        ("$x", "variables ($) have no values here"),
        ("id('x')", "there is no function 'id' here"),
        ("lang('en')", "there is no function 'lang' here"),
        ("namespace::x", "the axis 'namespace' is not supported"),
        ("following::x", "the axis 'following' is not supported"),
        ("//x:a", "the prefix 'x' stands for no namespace here"),
        ("count(1)", "needs nodes as the argument of 'count'"),
        ("1 | 2", "needs nodes on both sides of '|'"),
        ("count()", "'count()' does not take 0 arguments"),
        ("//a[", "expected a name, '*' or a test such as 'text()', found the end (at its character 5)"),
        ("//a]", "expected the end, found ']' (at its character 4)"),
        ("'a", "this text has no closing quote"),
        ("", "expected a name"),
        ("item(1)", "there is no function 'item' here"),
        ("node(1)", "expected ')'"),
    ] {
        let error = refused(&format!("@xpath('<a/>', '{}')", quoted(xpath)));
        assert!(error.contains(expected), "{xpath}: {error}");
    }
}

#[test]
fn hostile_xml_is_refused() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(json_of(&nested(64)).is_object());
    for (xml, expected) in [
        (nested(65), "nested at most 64 levels"),
        (nested(50_000), "nested at most 64 levels"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".to_owned(), "needs XML: "),
        ("<a>".to_owned(), "needs XML: "),
        (format!("<r>{}</r>", "<a/>".repeat(100_000)), "needs XML: "),
        (
            format!("<a {}/>", (0..65).map(|n| format!("xmlns:a{n}='u{n}' ")).collect::<String>()),
            "at most 64 namespaces",
        ),
    ] {
        let error = refused(&format!("@xml('{}')", quoted(&xml)));
        assert!(error.contains(expected), "{error}");
    }
    let many = format!("<r>{}</r>", "<a><b/></a>".repeat(5_000));
    let slow = "//*[count(//*[count(//*) > 0]) > 0]";
    assert!(refused(&format!("@xpath('{many}', '{slow}')")).contains("too many steps"));
    let deep = |depth: usize| format!("@xpath('<a/>', '{}1{}')", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(evaluated(&deep(31)), json!(1));
    assert!(refused(&deep(32)).contains("nested more than 32 levels"));
    assert!(refused(&deep(100_000)).contains("nested more than 32 levels"));
    assert_eq!(evaluated(&format!("@xpath('<a/>', '1{}')", "+1".repeat(100_000))), json!(100_001));
}

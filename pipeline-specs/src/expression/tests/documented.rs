//! Every example of Data Factory's documentation, as tables of `expression => JSON`. Where what is printed there cannot
//! be, ` ## ` says what it is and why.
//!
//! Source: `articles/data-factory/control-flow-expression-language-functions.md` of `MicrosoftDocs/azure-docs`.

use serde_json::{Value, json};

use super::super::{Scope, evaluate_text, functions};

const TABLES: [(&str, &str); 8] = [
    ("rules", include_str!("documented/rules.txt")),
    ("string", include_str!("documented/string.txt")),
    ("collection", include_str!("documented/collection.txt")),
    ("logical", include_str!("documented/logical.txt")),
    ("conversion", include_str!("documented/conversion.txt")),
    ("xml", include_str!("documented/xml.txt")),
    ("math", include_str!("documented/math.txt")),
    ("date", include_str!("documented/date.txt")),
];

const NOW: &str = "2018-04-15T13:00:00Z";

const ITEMS: &str = "<?xml version=\"1.0\"?> <produce> <item> <name>Gala</name> <type>apple</type> <count>20</count> </item> \
    <item> <name>Honeycrisp</name> <type>apple</type> <count>10</count> </item> </produce>";
const FILE: &str = "<?xml version=\"1.0\"?> <file xmlns=\"http://contoso.com\"> <location>Paris</location> </file>";

/// What the examples suppose.
fn scope(now: &str) -> Scope {
    let parameters = json!({
        "firstName": "Sophia", "lastName": "Owen", "myString": "foo", "myNumber": 42, "subfield3": "rows",
        "items": ITEMS, "file": FILE,
    });
    let activities = [("Web1".to_owned(), json!({"output": {"data": {"rows": [10, 20]}}}))];
    let variables = [("companyName".to_owned(), json!("Contoso-\nCorporation"))];
    Scope::new(now.parse().unwrap(), "seed")
        .with("pipeline", json!({"TriggerTime": "2018-04-15T12:59:00.0000000Z", "parameters": parameters}))
        .with("item", json!(2))
        .with_keyed("activity", "an activity that has ended", activities.into())
        .with_keyed("variables", "a variable", variables.into())
}

struct Row<'t> {
    expression: &'t str,
    expected: Value,
    now: &'t str,
}

fn rows(table: &str) -> Vec<Row<'_>> {
    let (mut rows, mut now) = (Vec::new(), NOW);
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(time) = line.strip_prefix("now ") {
            now = time;
            continue;
        }
        let (expression, rest) = line.split_once(" => ").unwrap_or_else(|| panic!("no row: {line}"));
        let expected = rest.split_once(" ## ").map_or(rest, |(expected, _)| expected);
        let expected = serde_json::from_str(expected).unwrap_or_else(|error| panic!("{line}: {error}"));
        rows.push(Row { expression, expected, now });
    }
    rows
}

/// The rows whose expression gives something else.
fn differences(rows: &[Row<'_>]) -> Vec<String> {
    let difference = |row: &Row<'_>| match evaluate_text(row.expression, &scope(row.now)) {
        Ok(value) if value == row.expected => None,
        Ok(value) => Some(format!("{} gives {value}, not {}", row.expression, row.expected)),
        Err(error) => Some(format!("{}: {error}", row.expression)),
    };
    rows.iter().filter_map(difference).collect()
}

#[test]
fn every_documented_example_gives_its_result() {
    for (name, table) in TABLES {
        assert_eq!(differences(&rows(table)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_wrong_result_is_found_in_every_row() {
    for (name, table) in TABLES {
        let mut rows = rows(table);
        for row in &mut rows {
            row.expected = json!([row.expected.take()]);
        }
        assert_eq!(differences(&rows).len(), rows.len(), "{name}");
    }
}

#[test]
fn all_84_functions_have_an_example() {
    let called = |name: &str| {
        let call = format!("{}(", name.to_lowercase());
        let names_it = |expression: &str| {
            let text = expression.to_lowercase();
            text.match_indices(&call).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
        };
        TABLES.iter().any(|(_, table)| rows(table).iter().any(|row| names_it(row.expression)))
    };
    let names: Vec<_> = functions::names().collect();
    assert_eq!(names.len(), 84);
    assert_eq!(names.into_iter().filter(|name| !called(name)).collect::<Vec<_>>(), Vec::<&str>::new());
}

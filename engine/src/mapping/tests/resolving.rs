//! Which columns are meant, and what is said when none is.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{Yearless, by_name};
use crate::{
    ErrorKind,
    mapping::{
        AdditionalColumn, AdditionalValue, ColumnMapping, Interim, MAPPED_FROM, MappedColumn, Mapping, plan::Plan,
    },
    sink::{Taken, Takes},
};

fn source() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("Id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("NAME", DataType::Utf8, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true),
    ]))
}

fn named(name: &str) -> MappedColumn {
    MappedColumn { name: Some(name.to_owned()), ..MappedColumn::default() }
}

fn ordinal(ordinal: usize) -> MappedColumn {
    MappedColumn { ordinal: Some(ordinal), ..MappedColumn::default() }
}

fn mapping(columns: impl IntoIterator<Item = (MappedColumn, MappedColumn)>) -> Mapping {
    let column = |(at, (source, sink)): (usize, _)| ColumnMapping { source, sink, at: format!("$.mappings[{at}]") };
    Mapping { columns: Some(columns.into_iter().enumerate().map(column).collect()), ..by_name() }
}

fn table(columns: &[(&str, Option<Interim>)]) -> Takes {
    let column = |(name, interim): &(&str, Option<Interim>)| Taken { name: (*name).to_owned(), interim: *interim };
    Takes::Columns(columns.iter().map(column).collect())
}

/// `name type` of every mapped column, and what it is made of where that is said.
fn columns(mapping: &Mapping, takes: &Takes) -> Vec<String> {
    let plan = Plan::of(mapping, &source(), takes).unwrap_or_else(|error| panic!("{error}"));
    let column = |field: &Arc<Field>| {
        let from = field.metadata().get(MAPPED_FROM).map(|from| format!(" from {from}")).unwrap_or_default();
        format!("{} {}{from}", field.name(), field.data_type())
    };
    plan.schema.fields().iter().map(column).collect()
}

/// What is cut off without a word in the rows is said in the plan.
#[test]
fn what_a_conversion_may_cut_off_is_said() {
    let to = |interim| MappedColumn { interim: Some(interim), ..named("n") };
    let day = |cuts, source: &str, to| {
        let mut mapping = Mapping { converts: true, ..mapping([(named(source), to)]) };
        mapping.rules.cuts = cuts;
        columns(&mapping, &Takes::Anything)
    };
    let cut = ["n Date32 from at as Date, may be cut off"];
    assert_eq!(day(true, "at", to(Interim::Date)), cut);
    assert_eq!(day(false, "at", to(Interim::Date)), ["n Date32 from at as Date"]);
    assert_eq!(
        day(true, "Id", to(Interim::Int32)),
        ["n Int32 from Id as Int32"],
        "a whole number has nothing behind the point"
    );
    let text = ["n Int32 from name as Int32, may be cut off"];
    assert_eq!(day(true, "name", to(Interim::Int32)), text);
}

fn refused(mapping: &Mapping, takes: &Takes) -> Vec<String> {
    let Err(error) = Plan::of(mapping, &source(), takes) else { panic!("it is not refused") };
    assert_eq!(error.kind(), ErrorKind::Spec);
    let text = error.to_string();
    let problems = text.strip_prefix("the column mapping does not fit the source and the sink: ").expect(&text);
    problems.split("; $").map(|problem| format!("${}", problem.trim_start_matches('$'))).collect()
}

#[test]
fn columns_are_chosen_renamed_and_ordered() {
    let renamed = mapping([(named("at"), named("when")), (named("ID"), named("id")), (named("name"), named("name"))]);
    assert_eq!(
        columns(&renamed, &Takes::Anything),
        ["when Timestamp(µs) from at", "id Int64 from Id", "name Utf8"],
        "the exact name comes first, else the only one in another case"
    );
    let by_ordinal = mapping([(ordinal(1), named("first")), (ordinal(4), named("last")), (ordinal(1), named("again"))]);
    assert_eq!(
        columns(&by_ordinal, &Takes::Texts),
        ["first Int64 from Id", "last Timestamp(µs) from at", "again Int64 from Id"]
    );
    let both = MappedColumn { ordinal: Some(2), ..named("whatever the author called it") };
    assert_eq!(columns(&mapping([(both, named("b"))]), &Takes::Texts), ["b Utf8 from name"]);
    // Files have the order of the sink's ordinals.
    let into_file = mapping([(named("Id"), ordinal(2)), (named("at"), ordinal(1))]);
    assert_eq!(columns(&into_file, &Takes::Texts), ["at Timestamp(µs)", "Id Int64"]);
}

#[test]
fn a_table_is_found_by_name_or_ordinal() {
    let takes = table(&[("ID", None), ("Label", None)]);
    let mapped = mapping([(named("Id"), named("id")), (named("name"), ordinal(2))]);
    assert_eq!(columns(&mapped, &takes), ["ID Int64 from Id", "Label Utf8 from name"], "under the table's names");
    assert_eq!(
        columns(&by_name(), &table(&[("id", None)])),
        ["id Int64 from Id", "name Utf8", "NAME Utf8", "at Timestamp(µs)"]
    );
}

#[test]
fn every_problem_is_told_at_once() {
    let conflicting = MappedColumn { ordinal: Some(2), ..named("Id") };
    let wrong = mapping([
        (named("missing"), named("a")),
        (named("Name"), named("b")),
        (ordinal(5), named("c")),
        (conflicting, named("d")),
        (MappedColumn::default(), named("e")),
        (named("Id"), MappedColumn::default()),
        (named("Id"), named("f")),
        (named("at"), named("f")),
    ]);
    assert_eq!(
        refused(&wrong, &Takes::Anything),
        [
            "$.mappings[0].source: the source has no column 'missing'; it has 'Id', 'name', 'NAME', 'at'",
            "$.mappings[1].source: several columns of the source could be 'Name'; write the name as it is there",
            "$.mappings[2].source: the source has 4 columns, and none at ordinal 5",
            "$.mappings[3].source: 'name' says 'Id' and 'ordinal' says 'name'; remove one of them",
            "$.mappings[4].source: neither 'name' nor 'ordinal' says which column is meant",
            "$.mappings[5].sink: neither 'name' nor 'ordinal' says which column is meant",
            "$.mappings[7].sink: two columns go to 'f' of the sink; remove or rename one",
        ]
    );
    let takes = table(&[("a", None), ("b", None)]);
    let wrong = mapping([
        (named("Id"), named("z")),
        (named("at"), ordinal(3)),
        (named("at"), named("A")),
        (named("Id"), ordinal(1)),
    ]);
    assert_eq!(
        refused(&wrong, &takes),
        [
            "$.mappings[0].sink: the sink has no column 'z'; it has 'a', 'b'",
            "$.mappings[1].sink: the sink has 2 columns, and none at ordinal 3",
            "$.mappings[3].sink: two columns go to 'a' of the sink; remove or rename one",
        ]
    );
    let gap = mapping([(named("Id"), ordinal(1)), (named("at"), ordinal(3))]);
    assert!(refused(&gap, &Takes::Texts)[0].starts_with("$.mappings[1].sink: ordinals of the columns of a file are"));
    let twice = mapping([(named("Id"), ordinal(1)), (named("at"), ordinal(1))]);
    assert_eq!(refused(&twice, &Takes::Texts), ["$.mappings[1].sink: another column has ordinal 1 already"]);
    let partly = mapping([(named("Id"), ordinal(1)), (named("at"), named("at"))]);
    assert!(refused(&partly, &Takes::Texts)[0].contains("give this one an ordinal too"));
}

fn additional(columns: &[(&str, AdditionalValue)]) -> Vec<AdditionalColumn> {
    let column = |(at, (name, value)): (usize, &(&str, AdditionalValue))| AdditionalColumn {
        name: (*name).to_owned(),
        value: value.clone(),
        at: format!("$.additionalColumns[{at}]"),
    };
    columns.iter().enumerate().map(column).collect()
}

#[test]
fn additional_columns_come_behind_the_others_and_can_be_mapped() {
    let text = || AdditionalValue::Text(Some("secret".to_owned()));
    let columns_of = [
        ("who", text()),
        ("nothing", AdditionalValue::Text(None)),
        ("file", AdditionalValue::FilePath),
        ("copy", AdditionalValue::Column("id".to_owned())),
    ];
    let mut all = Mapping { additional: additional(&columns_of), ..by_name() };
    assert_eq!(
        columns(&all, &Takes::Anything)[4..],
        ["who Utf8 from a text", "nothing Utf8 from a text", "file Utf8 from $$FILEPATH", "copy Int64 from Id"],
        "what a text says is nobody's business"
    );
    all.columns = mapping([(named("who"), named("author"))]).columns;
    assert_eq!(columns(&all, &Takes::Anything), ["author Utf8 from a text"], "what is not mapped is dropped");
    let wrong = Mapping {
        additional: additional(&[
            ("at", text()),
            ("x", AdditionalValue::Column("gone".to_owned())),
            ("y", text()),
            ("y", text()),
        ]),
        ..by_name()
    };
    assert_eq!(
        refused(&wrong, &Takes::Anything),
        [
            "$.additionalColumns[0]: there is a column 'at' already; rename this one",
            "$.additionalColumns[1]: the source has no column 'gone'; it has 'Id', 'name', 'NAME', 'at'",
            "$.additionalColumns[3]: there is a column 'y' already; rename this one",
        ]
    );
    let by_ordinal = Mapping { columns: mapping([(ordinal(5), named("a"))]).columns, ..all };
    assert!(
        refused(&by_ordinal, &Takes::Anything)[0].contains("the source has 4 columns"),
        "ordinals count the source's"
    );
}

#[test]
fn types_come_from_the_table_then_from_the_definition() {
    let typed = |name: &str, interim| MappedColumn { interim: Some(interim), ..named(name) };
    let takes = table(&[
        ("a", Some(Interim::Int32)),
        ("b", Some(Interim::DateTime)),
        ("c", None),
        ("at", Some(Interim::String)),
    ]);
    let into_table = Mapping {
        converts: true,
        ..mapping([
            (named("Id"), typed("a", Interim::Int16)),
            (named("name"), named("b")),
            (named("NAME"), named("c")),
            (named("at"), named("at")),
        ])
    };
    assert_eq!(
        columns(&into_table, &takes),
        ["a Int32 from Id as Int32", "b Utf8 from name as DateTime", "c Utf8 from NAME", "at Utf8 from at as String"]
    );
    let plain = Mapping { converts: false, ..into_table.clone() };
    assert_eq!(columns(&plain, &takes)[0], "a Int32 from Id as Int32", "a type that is written is meant");
    assert_eq!(columns(&plain, &takes)[1], "b Utf8 from name", "and no other");
    let into_files = mapping([
        (named("Id"), typed("a", Interim::String)),
        (MappedColumn { interim: Some(Interim::Guid), ..named("name") }, named("b")),
        (typed("NAME", Interim::Guid), typed("c", Interim::Byte)),
    ]);
    assert_eq!(
        columns(&into_files, &Takes::Anything),
        ["a Utf8 from Id as String", "b Utf8 from name as Guid", "c UInt8 from NAME as Byte"]
    );
    let everything = Mapping { converts: true, ..by_name() };
    assert_eq!(columns(&everything, &Takes::Anything), ["Id Int64", "name Utf8", "NAME Utf8", "at Timestamp(µs)"]);
    assert_eq!(columns(&everything, &Takes::Texts), columns(&everything, &Takes::Anything), "the sink writes texts");
}

#[test]
fn a_conversion_that_there_is_not_is_refused_unless_a_table_decides() {
    let typed = |name: &str, interim| MappedColumn { interim: Some(interim), ..named(name) };
    let wrong = mapping([(named("Id"), typed("a", Interim::Guid)), (named("at"), typed("b", Interim::Int32))]);
    assert_eq!(
        refused(&wrong, &Takes::Anything),
        [
            "$.mappings[0]: column 'Id': Data Factory has no conversion from Int64 to Guid; change the type, or CAST it in the query",
            "$.mappings[1]: column 'at': Data Factory has no conversion from DateTime to Int32; change the type, or CAST it in the query",
        ]
    );
    let takes = table(&[("a", Some(Interim::Guid)), ("b", Some(Interim::Int32))]);
    assert_eq!(columns(&wrong, &takes), ["a Int64 from Id", "b Timestamp(µs) from at"]);
    let unreadable = MappedColumn { interim: Some(Interim::DateTime), format: Some(Arc::new(Yearless)), ..named("b") };
    let wrong = mapping([(named("name"), unreadable)]);
    assert_eq!(
        refused(&wrong, &Takes::Anything),
        ["$.mappings[0]: texts cannot be read by the format of DateTime: no year"]
    );
}

//! `synthetic-to-folder`: a TPC-H table to a folder, compared with what the generator prints.

use tpchgen::generators::LineItemGenerator;

use super::{
    example::Example,
    kill::survives_sigkill,
    oracle::Row,
    place::{Place, Shape},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_synthetic_table_survives_sigkill_on_its_way_to_a_folder() {
    let mut example = Example::new("synthetic-to-folder/pipeline/SyntheticToFolder.json");
    example.give("scaleFactor", "0.01");
    // The text form of TPC-H: every field ends with a bar.
    let fields =
        |line: String| -> Row { line.trim_end_matches('|').split('|').map(|it| Some(it.to_owned())).collect() };
    let expected: Vec<_> = LineItemGenerator::new(0.01, 1, 1).iter().map(|item| fields(item.to_string())).collect();
    assert_eq!(expected.len(), 60_175, "as TPC-H counts");
    survives_sigkill(&mut example, &Place::local(Shape::Folder("ropeway-out/lineitem")), &expected);
}

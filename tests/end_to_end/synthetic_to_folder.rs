//! `synthetic-to-folder`: a TPC-H table to a folder, compared with what the generator prints.

use tpchgen::{distribution::Distributions, generators::LineItemGenerator, text::TextPool};

use super::{
    example::Example,
    kill::survives_sigkill,
    oracle::Row,
    place::{Place, Shape},
};

const SCALE_FACTOR: f64 = 0.003;

#[tokio::test(flavor = "multi_thread")]
async fn a_synthetic_table_survives_sigkill_on_its_way_to_a_folder() {
    let mut example = Example::new("synthetic-to-folder/pipeline/SyntheticToFolder.json");
    example.give("scaleFactor", &SCALE_FACTOR.to_string());
    let expected = line_items(SCALE_FACTOR);
    assert!(expected.len() > 15_000, "{} rows", expected.len());
    survives_sigkill(&mut example, &Place::local(Shape::Folder("ropeway-out/lineitem")), &expected, 4);
}

/// The rows of lineitem.
pub(crate) fn line_items(scale_factor: f64) -> Vec<Row> {
    // Comments are cut from the same text as in Ropeway's tables, a short one.
    let distributions = Distributions::static_default();
    let text = TextPool::new(4 << 20, distributions);
    let items = LineItemGenerator::new_with_distributions_and_text_pool(scale_factor, 1, 1, distributions, &text);
    items.iter().map(|item| fields(&item.to_string())).collect()
}

/// The fields of a row in the text form of TPC-H, each with a bar after it; quantities are whole there.
fn fields(line: &str) -> Row {
    let mut row: Row = line.trim_end_matches('|').split('|').map(|it| Some(it.to_owned())).collect();
    row[4] = row[4].take().map(|quantity| quantity + ".00");
    row
}

//! `files-to-blob`: CSV files to a folder of Parquet blobs.

use std::{fmt::Write as _, fs};

use super::{
    example::Example,
    kill::survives_sigkill,
    oracle::Row,
    place::{Place, Shape},
};

#[tokio::test(flavor = "multi_thread")]
async fn files_survive_sigkill_on_their_way_to_a_folder_of_blobs() {
    let mut example = Example::new("files-to-blob/pipeline/CopyFiles.json");
    let folder = example.path("in/ropeway-in");
    fs::create_dir_all(folder.join("deeper")).expect("a writable folder");
    let mut expected = Vec::new();
    for (name, first) in [("a.csv", 0), ("b.csv", 10_000), ("deeper/c.csv", 20_000)] {
        let rows: Vec<Row> = (first..first + 10_000).map(row).collect();
        fs::write(folder.join(name), text(&rows)).expect("a writable folder");
        expected.extend(rows);
    }
    fs::write(folder.join("ignored.txt"), "no CSV").expect("a writable folder");
    example.give("root", example.path("in").to_str().expect("a plain path"));
    let blobs = Place::fake(Shape::Folder("ropeway-in")).await;
    survives_sigkill(&mut example, &blobs, &expected, 3);
}

fn row(id: u32) -> Row {
    vec![Some(id.to_string()), Some(format!("Zoë, \"{id}\"\nnext")), Some(format!("{}.{:02}", id / 3, id % 100))]
}

/// As the dataset says: a header, every text quoted, a backslash before a quote.
fn text(rows: &[Row]) -> String {
    let mut text = "id,name,amount\n".to_owned();
    for row in rows {
        let [id, name, amount] = [0, 1, 2].map(|at| row[at].clone().unwrap_or_default());
        writeln!(text, "{id},\"{}\",{amount}", name.replace('"', "\\\"")).expect("memory");
    }
    text
}

//! CSV files, and a SQL Server, as the examples that fill one of its tables want them.

use std::fs;

use super::{
    example::Example,
    oracle::Row,
    orders::{Orders, PASSWORD},
};

/// An example with the files that it reads, and the server that it writes to.
pub(crate) struct Arrivals {
    pub(crate) orders: Orders,
    pub(crate) example: Example,
    /// Of all files.
    pub(crate) rows: Vec<Row>,
}

impl Arrivals {
    /// So many files of so many rows: `id`, `name`, `amount`.
    pub(crate) fn new(pipeline: &str, files: u32, rows: u32) -> Self {
        let orders = Orders::new(1);
        let mut example = Example::new(pipeline);
        example.give("server", &format!("localhost,{}", orders.server.port()));
        example.secret("LS_SqlServer", "password", PASSWORD);
        example.trust(&orders.server.ca_pem);
        let folder = example.path("in/ropeway-in");
        fs::create_dir_all(&folder).expect("a writable folder");
        let mut all: Vec<Row> = Vec::new();
        for file in 0..files {
            let rows: Vec<Row> = (file * rows..(file + 1) * rows).map(row).collect();
            let lines = rows.iter().map(|row| row.iter().flatten().cloned().collect::<Vec<_>>().join(","));
            let text = std::iter::once("id,name,amount".to_owned()).chain(lines).collect::<Vec<_>>().join("\n");
            fs::write(folder.join(format!("{file}.csv")), text + "\n").expect("a writable folder");
            all.extend(rows);
        }
        example.give("root", example.path("in").to_str().expect("a plain path"));
        Self { orders, example, rows: all }
    }

    /// The rows of a query.
    pub(crate) fn ask(&self, query: &str) -> Vec<Row> {
        ask(&self.orders, query)
    }
}

/// The rows of a query.
pub(crate) fn ask(orders: &Orders, query: &str) -> Vec<Row> {
    let rows = orders.server.execute("Sales", query).unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect()
}

fn row(id: u32) -> Row {
    vec![Some(id.to_string()), Some(format!("Zo\u{eb} {id}")), Some(format!("{}.50", id / 3))]
}

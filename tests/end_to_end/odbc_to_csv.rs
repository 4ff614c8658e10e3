//! `odbc-to-csv-blob`: a query of PostgreSQL to one CSV blob of Azurite.

use ropeway_tests::odbc::{PASSWORD, PostgreSql};

use super::{
    example::Example,
    kill::survives_sigkill,
    place::{Place, Shape},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_query_survives_sigkill_on_its_way_to_a_csv_blob() {
    let database = PostgreSql::start();
    database.run(
        "CREATE TABLE customers AS SELECT id, \
         CASE WHEN id % 11 = 0 THEN '' WHEN id % 13 = 0 THEN NULL ELSE 'Zoë, \"' || id || E'\"\\nnext' END AS name, \
         chr(65 + id % 26) || 'X' AS country, timestamp '2024-02-28 23:59:58.5' + id * interval '1 hour' AS created_at \
         FROM generate_series(1, 30000) AS id",
    );
    let rows = database
        .rows("SELECT id, name, country, to_char(created_at, 'YYYY-MM-DD HH24:MI:SS.US') || '0' FROM customers");
    let mut example = Example::new("odbc-to-csv-blob/pipeline/CopyCustomers.json");
    example.give("server", "127.0.0.1");
    example.give("port", &database.port().to_string());
    example.give("database", "postgres");
    example.secret("LS_Odbc", "password", PASSWORD);
    let blob = Place::azurite(Shape::Single("customers.csv"));
    survives_sigkill(&mut example, &blob, &rows, 1);
}

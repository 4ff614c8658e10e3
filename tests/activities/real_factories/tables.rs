//! Factories that a control table drives.

use std::fs;

use ropeway_tests::{
    odbc::{PASSWORD, PostgreSql, USER},
    sql_server::Server,
};
use serde_json::{Value, json};

use super::real::{Real, expression, given, texts};
use crate::activities::factory::{only, runs};

/// What the gallery puts into properties of other sinks than the one that was chosen.
fn of_other_sinks() -> Value {
    json!({ "allowPolyBase_parameter": false, "writeBatchSize_parameter": 0, "polyBaseSettings_parameter": {},
            "enableStaging_parameter": false, "stagingSettings_parameter": {} })
}

/// The rest of "Bulk Copy from Database": tables of this kind, named by a control table, to files.
fn bulk_parameters(table: &str, source: &str, query: &str, control_query: &str, control: &Value) -> Value {
    let mut all = of_other_sinks();
    let more = json!({
        "factoryName": "adf", "DataSourceConnection": "Source", "ExternalControlTableConnection": "Source",
        "DataDestinationConnection": "Sink", "preCopyScript_parameter": false,
        "copyactivity_output_parameter":
            given(&[("FolderName", "@item().FilePath"), ("FileName", "@concat(item().PartitionID, '.csv')")]),
        "DataDestination_parameter_paramter": texts(&["FolderName", "FileName"]),
        "DataDestination_type_paramter": "DelimitedText",
        "DataDestination_typeproperties_paramter": {
            "location": { "type": "FileServerLocation", "folderPath": expression("@dataset().FolderName"),
                          "fileName": expression("@dataset().FileName") },
            "columnDelimiter": ",", "escapeChar": "\\", "quoteChar": "\"", "firstRowAsHeader": true,
        },
        "pipeline_parameter": texts(&["Control_Table_Name", "Control_Table_Schema_PartitionID"]),
        "CopySource_parameter": { "type": source, query: expression("@item().Query") },
        "SourceDataset_parameter": table, "SourceTable_parameter": {},
        "ExternalDataset_parameter": table, "ExternalTable_parameter": control,
        "LookupActivity_Source_parameter": { "type": source, query: expression(control_query) },
    });
    for (name, value) in more.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

const CONTROL: &str = "SELECT PartitionID, FilePath, Query FROM @{pipeline().parameters.Control_Table_Name}";

/// The rest of "Bulk Copy from Database" with tables of SQL Server.
pub(super) fn of_sql_server() -> Value {
    let control = json!({ "tableName": expression("@dataset().TableName") });
    bulk_parameters("SqlServerTable", "SqlServerSource", "sqlReaderQuery", CONTROL, &control)
}

/// The rest of "Delta copy from Database": what is new in a table of SQL Server, to a file.
pub(super) fn of_new_rows() -> Value {
    let mut all = of_other_sinks();
    let query = "SELECT * FROM @{pipeline().parameters.Source_Table} WHERE at > '@{activity('LookupLastWaterMark').output.firstRow.WatermarkValue}'";
    let newest = json!({ "type": "SqlServerSource",
                         "sqlReaderQuery": expression("SELECT MAX(at) AS NewWatermarkValue FROM @{pipeline().parameters.Source_Table}") });
    let more = json!({
        "factoryName": "adf", "DataSourceConnection": "Source", "ExternalControlTableConnection": "Source",
        "DataDestinationConnection": "Sink",
        "copyactivity_output_parameter": given(&[("FileName", "@concat(pipeline().RunId, '.csv')")]),
        "DataDestination_parameter_parameter": texts(&["FileName"]),
        "DataDestination_type_parameter": "DelimitedText",
        "DataDestination_typeproperties_parameter": {
            "location": { "type": "FileServerLocation", "folderPath": "out", "fileName": expression("@dataset().FileName") },
            "columnDelimiter": ",", "firstRowAsHeader": true,
        },
        "pipeline_parameter": texts(&["Source_Table", "Control_Table_Table_Name", "Control_Table_Column_Name"]),
        "sqlReaderQuery_parameter": expression(query), "OdbcReaderQuery_parameter": {}, "OracleReaderQuery_parameter": {},
        "LastSource_parameter": "SqlServerSource", "LastSourceDataset_parameter": "SqlServerTable",
        "CurrentSource_parameter": "SqlServerSource", "LookupCurrentActivity_Source_parameter": newest,
        "SourceDataset_parameter": "SqlServerTable", "SourceDataset_property_parameter": {},
    });
    for (name, value) in more.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

/// "Bulk Copy from Database": a control table names partitions, and each of them is copied by its own query.
#[test]
fn every_partition_of_a_control_table_in_sql_server_is_copied() {
    let Some(real) = Real::template("Bulk Copy from Database") else { return };
    let server = Server::start().expect("a server");
    for batch in [
        "CREATE TABLE dbo.orders (id int NOT NULL PRIMARY KEY, region nvarchar(10) NOT NULL, note nvarchar(20) NULL);
         INSERT INTO dbo.orders VALUES (1, N'north', N'a,b'), (2, N'south', NULL), (3, N'north', N'')",
        "CREATE TABLE dbo.partitions (PartitionID int NOT NULL PRIMARY KEY, FilePath nvarchar(100) NOT NULL, Query nvarchar(200) NOT NULL);
         INSERT INTO dbo.partitions VALUES
            (1, N'out/orders/north', N'SELECT id, note FROM dbo.orders WHERE region = N''north'''),
            (2, N'out/orders/south', N'SELECT id, note FROM dbo.orders WHERE region = N''south''')",
    ] {
        server.execute("sales", batch).expect("a table");
    }
    real.parameters(&of_sql_server());
    real.service(
        "Source",
        &json!({ "type": "SqlServer", "typeProperties": {
        "connectionString": { "type": "SecureString", "value": "**********" } } }),
    );
    real.service("Sink", &json!({ "type": "FileServer", "typeProperties": { "host": "**********", "userId": "x" } }));
    let data = real.workshop.data();
    let connection =
        format!("Server=localhost,{};Database=sales;User ID=sa;Password=Ropeway-1!;Encrypt=True", server.port());
    real.secrets(&json!({ "Source": { "connectionString": connection }, "Sink": { "host": data } }));
    let bundle = data.join(".authority.pem");
    fs::write(&bundle, &server.ca_pem).expect("a writable folder");
    real.is_valid(1, 1);
    let more = [
        "--ca-bundle",
        bundle.to_str().expect("a path"),
        "-p",
        "Control_Table_Name=dbo.partitions",
        "-p",
        "Control_Table_Schema_PartitionID=PartitionID",
    ];
    let report = real.run("BulkCopyfromDB_with_ControlTable", &more);
    assert_eq!(only(&report, "GetPartitionList")["output"]["count"], 2);
    assert_eq!(runs(&report, "CopyOnePartition").len(), 2);
    let file = |name: &str| fs::read_to_string(data.join("out/orders").join(name)).expect("a file");
    let lines = |name: &str| {
        let mut lines: Vec<String> = file(name).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines("north/1.csv"), ["1,\"a,b\"", "3,\"\"", "id,note"]);
    assert_eq!(lines("south/2.csv"), ["2,", "id,note"]);

    server.execute("sales", "INSERT INTO dbo.orders VALUES (4, N'south', N'new')").expect("a row");
    real.run("BulkCopyfromDB_with_ControlTable", &more);
    assert_eq!(lines("south/2.csv"), ["2,", "4,new", "id,note"]);
}

/// The same template with a real database behind ODBC.
#[test]
fn every_partition_of_a_control_table_in_postgresql_is_copied() {
    let Some(real) = Real::template("Bulk Copy from Database") else { return };
    let server = PostgreSql::start();
    server.run("CREATE TABLE orders (id int PRIMARY KEY, region text, note text)");
    server.run("INSERT INTO orders VALUES (1, 'north', 'a,b'), (2, 'south', NULL), (3, 'north', '')");
    server.run("CREATE TABLE partitions (\"PartitionID\" int PRIMARY KEY, \"FilePath\" text, \"Query\" text)");
    server.run(
        "INSERT INTO partitions VALUES (1, 'out/north', 'SELECT id, note FROM orders WHERE region = ''north'''), \
         (2, 'out/south', 'SELECT id, note FROM orders WHERE region = ''south''')",
    );
    let query = CONTROL.replace("PartitionID, FilePath, Query", "\"PartitionID\", \"FilePath\", \"Query\"");
    let control = json!({ "tableName": expression("@dataset().TableName") });
    real.parameters(&bulk_parameters("OdbcTable", "OdbcSource", "query", &query, &control));
    real.service(
        "Source",
        &json!({ "type": "Odbc", "typeProperties": { "authenticationType": "Basic", "userName": USER,
        "connectionString": { "type": "SecureString", "value": "**********" } } }),
    );
    real.service("Sink", &json!({ "type": "FileServer", "typeProperties": { "host": "**********", "userId": "x" } }));
    let data = real.workshop.data();
    real.secrets(&json!({
        "Source": { "connectionString": server.connection_string(), "password": PASSWORD }, "Sink": { "host": data },
    }));
    real.is_valid(1, 1);
    let more = ["-p", "Control_Table_Name=partitions", "-p", "Control_Table_Schema_PartitionID=PartitionID"];
    let report = real.run("BulkCopyfromDB_with_ControlTable", &more);
    assert_eq!(runs(&report, "CopyOnePartition").len(), 2);
    let file = |name: &str| fs::read_to_string(data.join("out").join(name)).expect("a file");
    assert_eq!(file("south/2.csv"), "id,note\r\n2,\r\n");
    let mut north: Vec<String> = file("north/1.csv").lines().map(str::to_owned).collect();
    north.sort();
    assert_eq!(north, ["1,\"a,b\"", "3,\"\"", "id,note"]);
}

//! How definitions become settings: layouts, secrets in every form, parameters from outside in, echoes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use ropeway_specs::{
    AdditionalValue, Diagnostic, Factory, Inputs, Mapping, Outcome, Outcomes, ResolvedCopy, Scene, Secrets, Status,
};
use serde_json::{Value, json};

/// A factory that copies a synthetic table to a folder, each definition open to change.
struct Definitions {
    pipeline: Value,
    source: Value,
    sink: Value,
    services: Vec<(&'static str, Value)>,
}

impl Definitions {
    fn new() -> Self {
        let reference = |name: &str| json!([{"referenceName": name, "type": "DatasetReference"}]);
        let copy = json!({
            "name": "Copy1", "type": "Copy", "inputs": reference("Source"), "outputs": reference("Sink"),
            "typeProperties": {"source": {"type": "SyntheticSource"}, "sink": {"type": "ParquetSink"}},
        });
        Self {
            pipeline: json!({"activities": [copy], "parameters": {}}),
            source: json!({
                "type": "SyntheticTable", "linkedServiceName": {"referenceName": "From"},
                "typeProperties": {"table": "orders"},
            }),
            sink: json!({
                "type": "Parquet", "linkedServiceName": {"referenceName": "To"},
                "typeProperties": {"location": {"type": "FileServerLocation", "folderPath": "out"}},
            }),
            services: vec![
                ("From", json!({"type": "Synthetic", "typeProperties": {}})),
                ("To", json!({"type": "FileServer", "typeProperties": {"host": "."}})),
            ],
        }
    }

    /// The source is a SQL Server table behind this linked service.
    fn with_sql_server(mut self, type_properties: Value) -> Self {
        self.services[0].1 = json!({
            "type": "SqlServer", "typeProperties": type_properties, "parameters": {"key": {"type": "SecureString", "defaultValue": "k"}},
        });
        self.source["type"] = "SqlServerTable".into();
        self.source["typeProperties"] = json!({"tableName": "dbo.t"});
        self.pipeline["activities"][0]["typeProperties"]["source"] = json!({"type": "SqlServerSource"});
        self
    }

    fn write(&self, root: &Path, flat: bool) {
        let mut all = vec![
            ("pipeline", "Main", &self.pipeline),
            ("dataset", "Source", &self.source),
            ("dataset", "Sink", &self.sink),
        ];
        all.extend(self.services.iter().map(|(name, service)| ("linkedService", *name, service)));
        for (kind, name, properties) in all {
            let folder = if flat { root.to_path_buf() } else { root.join(kind) };
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{name}.json")), json!({"name": name, "properties": properties}).to_string())
                .unwrap();
        }
    }

    fn resolve(&self, inputs: &Inputs, outcomes: &Outcomes) -> Result<ResolvedCopy, String> {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path(), false);
        let (factory, mut found) = Factory::load(folder.path());
        // What is only spelt in another way is told, and taken.
        found.retain(|found| !["key-case", "type-case", "quoted-value"].contains(&found.code));
        assert_eq!(text(&found), "");
        let pipeline = factory.pipeline("Main").unwrap();
        let activity = &pipeline.activities()[0];
        let scene = Scene { outcomes: outcomes.clone(), ..Scene::first(inputs, activity.name(), pipeline.variables()) };
        activity.copy(inputs, &scene).map_err(|found| text(&found))
    }

    fn source(&self, inputs: &Inputs) -> Result<Value, String> {
        self.resolve(inputs, &Outcomes::new()).map(|copy| copy.source.settings.into_exposed())
    }
}

fn inputs(secrets: &str) -> Inputs {
    let now = "2026-01-02T03:04:05.5Z".parse().unwrap();
    Inputs { secrets: Secrets::from_text(secrets).unwrap(), ..Inputs::manual("run-1", now) }
}

fn text(found: &[Diagnostic]) -> String {
    found.iter().map(|diagnostic| format!("{}: {}\n", diagnostic.path, diagnostic.message)).collect()
}

#[test]
fn every_layout_is_found() {
    for flat in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        Definitions::new().write(folder.path(), flat);
        let file = folder.path().join(if flat { "Main.json" } else { "pipeline/Main.json" });
        let (factory, found) = Factory::load_for_pipeline(&file, None);
        assert_eq!(text(&found), "", "flat: {flat}");
        assert_eq!(factory.pipeline_in(&file), Some("Main"));
        assert_eq!(factory.datasets().collect::<Vec<_>>(), ["Sink", "Source"]);
        let (pipeline, inputs) = (factory.pipeline("main").unwrap(), inputs("{}"));
        let activity = &pipeline.activities()[0];
        assert!(activity.copy(&inputs, &Scene::first(&inputs, activity.name(), pipeline.variables())).is_ok());
    }
    let (factories, apart) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Definitions::new().write(factories.path(), false);
    let file = apart.path().join("Main.json");
    fs::rename(factories.path().join("pipeline/Main.json"), &file).unwrap();
    let (factory, found) = Factory::load_for_pipeline(&file, Some(factories.path()));
    assert_eq!(text(&found), "");
    assert_eq!(factory.pipeline_in(&file), Some("Main"));
}

#[test]
fn secrets_are_taken_from_every_form() {
    let masked = json!({"type": "SecureString", "value": "**********"});
    let vault = json!({"type": "AzureKeyVaultSecret", "store": {"referenceName": "To"}, "secretName": "s"});
    let plain = json!({"type": "SecureString", "value": "@plain"});
    for (form, secrets, expected) in [
        (masked.clone(), r#"{"from": {"password": "supplied"}}"#, Ok("supplied")),
        (vault, r#"{"From": {"PASSWORD": "supplied"}}"#, Ok("supplied")),
        (plain.clone(), "{}", Ok("@plain")),
        (plain, r#"{"From": {"password": "supplied"}}"#, Ok("supplied")),
        (json!("@bare"), "{}", Ok("@bare")),
        (json!("x@{linkedService().key}"), "{}", Ok("xk")),
        (json!("***"), "{}", Err("masked")),
        (masked, "{}", Err("masked")),
    ] {
        let definitions = Definitions::new().with_sql_server(json!({"server": "s", "password": form}));
        match (definitions.source(&inputs(secrets)), expected) {
            (Ok(source), Ok(expected)) => assert_eq!(source["linkedService"]["password"], expected, "{form}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{form}: {found}"),
            (got, _) => panic!("{form}: {got:?}"),
        }
    }
}

#[test]
fn a_supplied_secret_replaces_or_supplements_a_connection_string() {
    let encrypted =
        json!({"connectionString": "Data Source=h;Initial Catalog=d;User ID=u", "encryptedCredential": "ey"});
    let definitions = Definitions::new().with_sql_server(encrypted);
    let source = definitions.source(&inputs(r#"{"From": {"password": "p"}}"#)).unwrap();
    let expected =
        json!({"type": "SqlServer", "connectionString": "Data Source=h;Initial Catalog=d;User ID=u", "password": "p"});
    assert_eq!(source["linkedService"], expected);
    let source = definitions.source(&inputs(r#"{"From": {"connectionString": "Server=other"}}"#)).unwrap();
    assert_eq!(source["linkedService"], json!({"type": "SqlServer", "connectionString": "Server=other"}));
    let found = definitions.source(&inputs("{}")).unwrap_err();
    assert!(found.contains("encryptedCredential") && found.contains("ROPEWAY_SECRET__FROM__PASSWORD"), "{found}");
}

/// An account has one address: whoever supplies a connection string means it instead of the endpoint of the definition.
#[test]
fn a_supplied_address_of_an_account_replaces_the_one_of_the_definition() {
    let mut definitions = Definitions::new();
    definitions.services[1].1 = json!({"type": "AzureBlobStorage", "typeProperties": {"serviceEndpoint": "https://a.blob.core.windows.net/", "accountKind": "StorageV2"}});
    definitions.sink["typeProperties"]["location"] = json!({"type": "AzureBlobStorageLocation", "container": "c"});
    let sink = |secrets: &str| {
        let copy = definitions.resolve(&inputs(secrets), &Outcomes::new()).unwrap();
        copy.sink.settings.into_exposed()["linkedService"].take()
    };
    let own = json!({"type": "AzureBlobStorage", "serviceEndpoint": "https://a.blob.core.windows.net/", "accountKind": "StorageV2"});
    assert_eq!(sink("{}"), own);
    let supplied = json!({"type": "AzureBlobStorage", "connectionString": "AccountName=b", "accountKind": "StorageV2"});
    assert_eq!(sink(r#"{"To": {"connectionString": "AccountName=b"}}"#), supplied);
    // A key opens the account that the definition names.
    assert_eq!(sink(r#"{"To": {"accountKey": "k"}}"#)["serviceEndpoint"], "https://a.blob.core.windows.net/");
}

#[test]
fn what_a_run_has_later_is_told_from_what_is_wrong() {
    let early = |expression: &str, later: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut definitions = Definitions::new();
        definitions.sink["typeProperties"]["location"]["folderPath"] = "@dataset().folder".into();
        definitions.sink["parameters"] = json!({"folder": {"type": "String"}});
        definitions.pipeline["activities"][0]["outputs"][0]["parameters"] = json!({"folder": expression});
        definitions.pipeline["variables"] = json!({"Place": {"type": "String", "defaultValue": "out"}});
        definitions.write(folder.path(), false);
        let (factory, _) = Factory::load(folder.path());
        let (pipeline, inputs) = (factory.pipeline("Main").unwrap(), inputs("{}"));
        let activity = &pipeline.activities()[0];
        let scene = Scene::first(&inputs, activity.name(), pipeline.variables());
        let scene = scene.before(later.iter().map(|name| (*name).to_owned()).collect());
        let found = activity.copy(&inputs, &scene).err().unwrap_or_default();
        (found.iter().any(Diagnostic::is_early), text(&found))
    };
    for expression in ["@item().x", "@concat('a', activity('Look').output.x)", "@variables('place')"] {
        let (is_early, said) = early(expression, &["PLACE"]);
        assert!(is_early && !said.is_empty(), "{expression}: {said}");
    }
    assert_eq!(early("@variables('place')", &[]), (false, String::new()));
    for wrong in ["@variables('plaec')", "@pipeline().parameters.x", "@nope()", "@dataset().folder"] {
        let (is_early, said) = early(wrong, &["Place"]);
        assert!(!is_early && !said.is_empty(), "{wrong}: {said}");
    }
}

#[test]
fn the_environment_supplies_secrets_too() {
    let definitions = Definitions::new().with_sql_server(json!({"server": "s", "password": "***"}));
    let mut inputs = inputs("{}");
    inputs.secrets = inputs.secrets.with_environment([("ROPEWAY_SECRET__FROM__PASSWORD".to_owned(), "e".to_owned())]);
    assert_eq!(definitions.source(&inputs).unwrap()["linkedService"]["password"], "e");
}

#[test]
fn parameters_are_evaluated_from_outside_in() {
    let mut definitions = Definitions::new();
    definitions.pipeline["parameters"] = json!({"day": {"type": "string", "defaultValue": "2026-01-31"}});
    definitions.pipeline["activities"][0]["outputs"][0]["parameters"] = json!({"path": {"value": "@formatDateTime(addDays(pipeline().parameters.day, 1), 'yyyy/MM')", "type": "Expression"}});
    definitions.sink["parameters"] =
        json!({"path": {"type": "String"}, "host": {"type": "String", "defaultValue": "/data"}});
    definitions.sink["typeProperties"]["location"]["folderPath"] = "@concat('in/', dataset().path)".into();
    definitions.sink["linkedServiceName"]["parameters"] = json!({"root": "@dataset().host"});
    definitions.services[1].1["parameters"] = json!({"root": {"type": "String"}});
    definitions.services[1].1["typeProperties"]["host"] = "@{linkedService().root}/ropeway".into();
    let copy = definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap();
    let sink = copy.sink.settings.expose();
    assert_eq!(sink["linkedService"]["host"], "/data/ropeway");
    assert_eq!(sink["dataset"]["location"]["folderPath"], "in/2026/02");
}

/// The service's editor keeps the default of a text that is JSON as what it says.
#[test]
fn the_default_of_a_text_may_be_written_as_json() {
    let mut definitions = Definitions::new();
    definitions.pipeline["parameters"] = json!({
        "table": {"type": "string", "defaultValue": {"name": "a", "path": [1, "/b"]}},
        "key": {"type": "SecureString", "defaultValue": {"type": "SecureString", "value": "k"}},
    });
    let shown = "@{pipeline().parameters.table}|@{string(pipeline().parameters.table)}|@{json(pipeline().parameters.table).path[1]}";
    definitions.pipeline["activities"][0]["typeProperties"]["source"]["sourceRetryWait"] = shown.into();
    let copy = definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap();
    let text = r#"{"name":"a","path":[1,"/b"]}"#;
    assert_eq!(copy.settings["source"]["sourceRetryWait"], format!("{text}|{text}|/b"));
}

#[test]
fn given_values_are_converted_to_the_declared_type() {
    let mut definitions = Definitions::new();
    let types = ["String", "Int", "Float", "Bool", "Array", "Object"];
    let mut declared = json!({});
    for name in types {
        declared[name] = json!({"type": name, "defaultValue": null});
    }
    definitions.pipeline["parameters"] = declared;
    definitions.pipeline["activities"][0]["typeProperties"]["source"]["sourceRetryWait"] =
        "@{string(pipeline().parameters)}".into();
    let echo = |given: Value| {
        let mut inputs = inputs("{}");
        inputs.parameters = given.as_object().unwrap().clone().into_iter().collect();
        let copy = definitions.resolve(&inputs, &Outcomes::new())?;
        let text = copy.settings["source"]["sourceRetryWait"].as_str().unwrap().to_owned();
        Ok::<Value, String>(serde_json::from_str(&text).unwrap())
    };
    let good = json!({"string": 2024, "Int": "7", "Float": "1.5", "Bool": "True", "Array": "[1]", "Object": {"a": 1}});
    let expected = json!({"String": "2024", "Int": 7, "Float": 1.5, "Bool": true, "Array": [1], "Object": {"a": 1}});
    assert_eq!(echo(good).unwrap(), expected);
    for wrong in [
        json!({"Int": 1.5}),
        json!({"Int": "x"}),
        json!({"Bool": 1}),
        json!({"Array": "{}"}),
        json!({"Object": "[1]"}),
        json!({"String": [1]}),
    ] {
        let found = echo(wrong.clone()).unwrap_err();
        assert!(found.contains("the given value is not"), "{wrong}: {found}");
    }
}

#[test]
fn a_secure_parameter_reaches_the_connector_and_no_report() {
    let mut definitions =
        Definitions::new().with_sql_server(json!({"server": "s", "userName": "@{linkedService().key}"}));
    definitions.pipeline["parameters"] = json!({"token": {"type": "SecureString"}});
    let source = &mut definitions.pipeline["activities"][0]["typeProperties"]["source"];
    source["sqlReaderQuery"] = "SELECT '@{pipeline().parameters.token}' AS t".into();
    let with = |token: &str| {
        let mut inputs = inputs("{}");
        inputs.parameters = [("token".to_owned(), token.into())].into();
        assert!(!format!("{inputs:?}").contains(token));
        definitions.resolve(&inputs, &Outcomes::new()).unwrap()
    };
    let copy = with("canary");
    let exposed = copy.source.settings.expose();
    assert_eq!(exposed["source"]["sqlReaderQuery"], "SELECT 'canary' AS t");
    assert_eq!(exposed["linkedService"]["userName"], "k");
    assert_eq!(copy.settings["source"]["sqlReaderQuery"], "SELECT '**********' AS t");
    assert!(!format!("{copy:?}").contains("canary"));
    assert_eq!(copy.fingerprint, with("another").fingerprint);
}

#[test]
fn a_later_activity_sees_the_earlier_ones() {
    let mut definitions = Definitions::new();
    definitions.pipeline["activities"][0]["dependsOn"] = json!([]);
    definitions.pipeline["activities"][0]["typeProperties"]["parallelCopies"] =
        "@{activity('Before').output.rowsCopied}".into();
    let before =
        Outcome { status: Status::Succeeded, output: json!({"rowsCopied": 3}), error: Value::Null, secure: false };
    let outcomes = Outcomes::from([("Before".to_owned(), before)]);
    assert_eq!(definitions.resolve(&inputs("{}"), &outcomes).unwrap().parallel_copies, Some(3));
    let found = definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap_err();
    assert!(found.contains("'Before' is not an activity that has ended"), "{found}");
}

#[test]
fn system_variables_have_their_documented_form() {
    let mut definitions = Definitions::new();
    let names = ["DataFactory", "Pipeline", "RunId", "TriggerType", "TriggerName", "TriggerTime"];
    let folder: Vec<String> = names.iter().map(|name| format!("@{{pipeline().{name}}}")).collect();
    definitions.pipeline["activities"][0]["outputs"][0]["parameters"] = json!({"path": folder.join("|")});
    definitions.sink["parameters"] = json!({"path": {"type": "String"}});
    definitions.sink["typeProperties"]["location"]["folderPath"] = "@dataset().path".into();
    let copy = definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap();
    assert_eq!(
        copy.sink.settings.expose()["dataset"]["location"]["folderPath"],
        "ropeway|Main|run-1|Manual|Manual|2026-01-02T03:04:05.5000000Z"
    );
}

/// What a copy with this translator says of columns.
fn mapped(mut translator: Value) -> Option<Mapping> {
    if translator.is_object() {
        translator["type"] = "TabularTranslator".into();
    }
    let mut definitions = Definitions::new();
    definitions.pipeline["activities"][0]["typeProperties"]["translator"] = translator;
    definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap().mapping
}

#[test]
fn a_translator_may_be_json_text() {
    let plain = json!({"type": "TabularTranslator", "typeConversion": true});
    assert!(mapped(plain.clone()).unwrap().type_conversion);
    assert_eq!(mapped(plain.to_string().into()), mapped(plain));
    assert_eq!(mapped("".into()), None);
    assert_eq!(mapped(json!({"type": "TabularTranslator"})), None);
    let mut definitions = Definitions::new();
    definitions.pipeline["activities"][0]["typeProperties"]["translator"] = "no json".into();
    assert!(definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap_err().contains("no object"));
}

#[test]
fn columns_are_mapped_in_all_three_ways() {
    let names = |translator| {
        let columns = mapped(translator).unwrap().columns.unwrap();
        columns.into_iter().map(|column| (column.source.name.unwrap(), column.sink.name.unwrap())).collect::<Vec<_>>()
    };
    let expected = [("UserId".to_owned(), "MyUserId".to_owned()), ("Name".to_owned(), "MyName".to_owned())];
    let item = |source: &str, sink: &str| json!({"source": {"name": source}, "sink": {"name": sink}});
    assert_eq!(names(json!({"mappings": [item("UserId", "MyUserId"), item("Name", "MyName")]})), expected);
    assert_eq!(names(json!({"columnMappings": "UserId: MyUserId, Name:MyName"})), expected);
    let object = json!({"UserId": "MyUserId", "Name": "MyName"});
    assert_eq!(names(json!({"columnMappings": object})), expected);
    assert_eq!(names(json!({"schemaMapping": object})), expected);
    // As an expression gives them.
    let text = json!({"mappings": [item("UserId", "MyUserId"), item("Name", "MyName")]}).to_string();
    assert_eq!(names(format!("@json('{text}')").into()), expected);
}

#[test]
fn ends_of_a_mapping_have_ordinals_types_and_formats() {
    let translator = json!({"mappings": [{
        "source": {"ordinal": "2", "type": "string", "physicalType": "varchar"},
        "sink": {"name": "day", "ordinal": 1, "type": "Datetime", "culture": "en-US", "format": "dd/MM/yyyy"},
    }, {
        "source": {"name": "b", "type": "Byte array"}, "sink": {"name": "c", "type": "byte[]"},
    }]});
    let mapping = mapped(translator).unwrap();
    assert!(!mapping.type_conversion);
    let columns = mapping.columns.unwrap();
    assert_eq!((columns[0].source.ordinal, columns[0].source.interim), (Some(2), Some("String")));
    assert_eq!((columns[0].sink.ordinal, columns[0].sink.interim), (Some(1), Some("DateTime")));
    assert_eq!((columns[1].source.interim, columns[1].sink.interim), (Some("Byte[]"), Some("Byte[]")));
    assert!(columns[0].sink.format.as_ref().unwrap().read("29/02/2024").is_some());
    assert_eq!(columns[1].path, "$.properties.activities[0].typeProperties.translator.mappings[1]");
}

#[test]
fn truncation_is_allowed_unless_the_definition_says_otherwise() {
    let settings = |settings: Value| {
        let translator = json!({"typeConversion": true, "typeConversionSettings": settings});
        let conversion = mapped(translator).unwrap().conversion;
        (conversion.allow_data_truncation, conversion.treat_boolean_as_number)
    };
    assert_eq!(settings(Value::Null), (true, false));
    assert_eq!(settings(json!({"allowDataTruncation": false, "treatBooleanAsNumber": "True"})), (false, true));
    let formats = json!({"typeConversion": "true", "typeConversionSettings": {"dateTimeFormat": "yyyy-MM-dd"}});
    let conversion = mapped(formats).unwrap().conversion;
    assert_eq!(conversion.date, conversion.date_time);
    assert!(conversion.date.is_some() && conversion.date_time_offset.is_none());
}

#[test]
fn additional_columns_are_texts_files_and_columns() {
    let mut definitions = Definitions::new();
    definitions.pipeline["activities"][0]["typeProperties"]["source"]["additionalColumns"] = json!([
        {"name": "pipeline", "value": {"value": "@pipeline().Pipeline", "type": "Expression"}},
        {"name": "static", "value": "x"},
        {"name": "number", "value": {"value": "@add(1, 2)", "type": "Expression"}},
        {"name": "nothing", "value": null},
        {"name": "copy", "value": "$$COLUMN:Order Id"},
    ]);
    let copy = definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap();
    assert_eq!(copy.source.settings.expose()["source"].get("additionalColumns"), None);
    let values: Vec<_> =
        copy.mapping.unwrap().additional.into_iter().map(|column| (column.name, column.value)).collect();
    let text = |text: &str| AdditionalValue::Text(Some(text.to_owned()));
    let expected = [
        ("pipeline", text("Main")),
        ("static", text("x")),
        ("number", text("3")),
        ("nothing", AdditionalValue::Text(None)),
        ("copy", AdditionalValue::Column("Order Id".to_owned())),
    ];
    assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn the_mapping_is_part_of_what_a_run_is() {
    let mut definitions = Definitions::new();
    let mut with = |name: &str, value: Value| {
        let properties = &mut definitions.pipeline["activities"][0]["typeProperties"];
        properties["translator"] =
            json!({"type": "TabularTranslator", "mappings": [{"source": {"name": "a"}, "sink": {"name": name}}]});
        properties["source"]["additionalColumns"] = json!([{"name": "x", "value": value}]);
        definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap().fingerprint
    };
    let first = with("b", "1".into());
    assert_eq!(first, with("b", "1".into()));
    assert_ne!(first, with("c", "1".into()));
    assert_ne!(first, with("b", "2".into()));
}

#[test]
fn the_sample_spelling_of_a_query_is_understood() {
    let mut definitions = Definitions::new().with_sql_server(json!({"server": "s", "userName": "u", "password": "p"}));
    definitions.pipeline["activities"][0]["typeProperties"]["source"] =
        json!({"type": "sqlServerSource", "Query": "SELECT 1"});
    let source = definitions.source(&inputs("{}")).unwrap();
    assert_eq!(source["source"], json!({"type": "SqlServerSource", "sqlReaderQuery": "SELECT 1"}));
}

#[test]
fn remarks_and_column_names_are_no_expressions() {
    let mut definitions = Definitions::new();
    definitions.pipeline["description"] = "@ask Jo".into();
    definitions.pipeline["annotations"] = json!(["@team"]);
    definitions.source["schema"] = json!([{"name": "@odata.etag", "type": "String"}]);
    let source = definitions.source(&inputs("{}")).unwrap();
    assert_eq!(source["dataset"]["columns"][0]["name"], "@odata.etag");
}

/// A copy into a table of one of SQL Server's linked services, with these properties of its sink.
fn into_sql(service: &str, dataset: &str, sink: Value) -> Result<ResolvedCopy, String> {
    let mut definitions = Definitions::new();
    definitions.services[1].1 = json!({"type": service, "typeProperties": {"server": "s", "database": "d",
        "authenticationType": "SystemAssignedManagedIdentity"}});
    definitions.sink["type"] = dataset.into();
    definitions.sink["typeProperties"] = json!({"schema": "dbo", "table": "t"});
    definitions.pipeline["activities"][0]["typeProperties"]["sink"] = sink;
    definitions.resolve(&inputs("{}"), &Outcomes::new())
}

#[test]
fn managed_instances_are_sql_servers_and_data_warehouses_are_not() {
    for sink in ["SqlMISink", "SqlSink"] {
        let copy = into_sql("AzureSqlMI", "AzureSqlMITable", json!({"type": sink, "writeBehavior": "insert"})).unwrap();
        assert_eq!(copy.sink.linked_service_type, "AzureSqlMI");
        assert_eq!(copy.sink.settings.expose()["dataset"]["table"], "t");
        assert_eq!(copy.warnings, []);
    }
    let crossed = into_sql("AzureSqlMI", "AzureSqlMITable", json!({"type": "AzureSqlSink"})).unwrap_err();
    assert!(crossed.contains("goes with 'SqlMISink', 'SqlSink'"), "{crossed}");
    let warehouse = into_sql("AzureSqlDW", "AzureSqlDWTable", json!({"type": "SqlDWSink"})).unwrap_err();
    assert!(warehouse.contains("'AzureSqlDW' is not supported as a sink yet"), "{warehouse}");
    let mut source = Definitions::new();
    source.services[0].1 = json!({"type": "AzureSqlMI", "typeProperties": {"server": "s"}});
    source.source["type"] = "AzureSqlMITable".into();
    source.source["typeProperties"] = json!({"schema": "dbo", "table": "t"});
    source.pipeline["activities"][0]["typeProperties"]["source"] = json!({"type": "SqlMISource"});
    let source = source.source(&inputs("{}")).unwrap();
    assert_eq!(
        (&source["linkedService"]["type"], &source["source"]["type"]),
        (&json!("AzureSqlMI"), &json!("SqlMISource"))
    );
}

#[test]
fn the_size_of_batches_has_a_meaning_for_stored_procedures_only() {
    let with = |more: Value| {
        let mut sink = json!({"type": "SqlServerSink", "writeBatchSize": 1000, "writeBatchTimeout": "00:30:00"});
        sink.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        text(&into_sql("SqlServer", "SqlServerTable", sink).unwrap().warnings)
    };
    // Data Factory's older documents write some of these names in capitals.
    let call = json!({"SqlWriterStoredProcedureName": "dbo.put", "SqlWriterTableType": "rows",
        "storedProcedureTableTypeParameterName": "rows", "storedProcedureParameters": {"a": {"value": "1", "type": "Int"}}});
    assert_eq!(with(call), "");
    for without in [json!({}), json!({"sqlWriterStoredProcedureName": ""})] {
        let warned = with(without);
        assert!(warned.contains("'writeBatchSize' of SqlServerSink is ignored: the rows of a chunk"), "{warned}");
        assert_eq!(warned.lines().count(), 1, "{warned}");
    }
}

/// A copy from one JSON file to another, with this translator.
fn of_objects(translator: Value) -> Definitions {
    let mut definitions = Definitions::new();
    definitions.services[0].1 = json!({"type": "FileServer", "typeProperties": {"host": "."}});
    for (end, folder) in [(&mut definitions.source, "in"), (&mut definitions.sink, "out")] {
        end["type"] = "Json".into();
        end["typeProperties"] = json!({
            "location": {"type": "FileServerLocation", "folderPath": folder},
            "encodingName": "UTF-8", "compression": {"type": "gzip", "level": "Fastest"},
        });
    }
    definitions.source["linkedServiceName"] = json!({"referenceName": "From"});
    definitions.pipeline["activities"][0]["typeProperties"] = json!({
        "source": {"type": "JsonSource", "formatSettings": {"type": "JsonReadSettings"}},
        "sink": {"type": "JsonSink", "formatSettings": {"type": "JsonWriteSettings", "filePattern": "arrayOfObjects"}},
        "translator": translator,
    });
    definitions
}

#[test]
fn paths_go_to_the_formats_and_names_to_the_engine() {
    let translator = json!({
        "type": "TabularTranslator", "collectionReference": "$['orders'][*]", "mapComplexValuesToString": "true",
        "mappings": [
            {"source": {"path": "$['number']", "type": "String"}, "sink": {"path": "$.order.number"}},
            {"source": {"path": "['tags'][0]"}, "sink": {"name": "tag"}},
            {"source": {"name": "city"}, "sink": {"path": "$.order.city"}},
            {"source": {"path": "$['number']"}, "sink": {"name": "again"}},
            {"source": {"path": "$['run']"}, "sink": {"name": "run"}},
        ],
    });
    let mut definitions = of_objects(translator);
    definitions.pipeline["activities"][0]["typeProperties"]["source"]["additionalColumns"] =
        json!([{"name": "run", "value": "1"}]);
    let copy = definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap();
    let source = copy.source.settings.into_exposed();
    let column = |name: &str, path: Value, of_element: bool, text: bool| json!({"name": name, "path": path, "ofElement": of_element, "text": text});
    let expected = json!({
        "collection": [{"name": "orders"}],
        "columns": [
            column("$['number']", json!([{"name": "number"}]), false, true),
            column("['tags'][0]", json!([{"name": "tags"}, {"index": 0}]), true, false),
            column("city", json!([{"name": "city"}]), false, false),
        ],
        "complexAsText": true,
    });
    assert_eq!(source["source"]["formatSettings"]["hierarchy"], expected);
    let sink = copy.sink.settings.into_exposed();
    let expected = json!([
        {"name": "$.order.number", "path": ["order", "number"]},
        {"name": "$.order.city", "path": ["order", "city"]},
    ]);
    assert_eq!(sink["sink"]["formatSettings"]["hierarchy"], expected);
    let columns = copy.mapping.unwrap().columns.unwrap();
    let names =
        columns.iter().map(|column| (column.source.name.as_deref().unwrap(), column.sink.name.as_deref().unwrap()));
    let expected = [
        ("$['number']", "$.order.number"),
        ("['tags'][0]", "tag"),
        ("city", "$.order.city"),
        ("$['number']", "again"),
        ("run", "run"),
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn mappings_of_objects_that_cannot_be_followed_are_refused_by_name() {
    let mapping = |source: Value, sink: Value| json!({"type": "TabularTranslator", "mappings": [{"source": source, "sink": sink}]});
    for (translator, said) in [
        (mapping(json!({"path": "$..a"}), json!({"name": "a"})), "mappings[0].source.path: '$..a' is no path"),
        (mapping(json!({"path": "$.a[*].b"}), json!({"name": "a"})), "collectionReference"),
        (mapping(json!({"ordinal": 1}), json!({"name": "a"})), "mappings[0].source.ordinal: objects have no first"),
        (mapping(json!({"path": "$.a"}), json!({"path": "$.b[0]"})), "mappings[0].sink.path: '$.b[0]' is no place"),
        (json!({"type": "TabularTranslator", "collectionReference": "$.a"}), "needs 'mappings'"),
    ] {
        let found = of_objects(translator.clone()).resolve(&inputs("{}"), &Outcomes::new()).unwrap_err();
        assert!(found.contains(said), "{translator}: {found}");
    }
    assert!(of_objects(Value::Null).resolve(&inputs("{}"), &Outcomes::new()).is_ok());
}

/// Every property of the newer formats is known, and none of them is refused.
#[test]
fn formats_of_files_are_resolved_with_all_their_properties() {
    let place = |folder: &str| json!({"type": "FileServerLocation", "folderPath": folder});
    let gzip = json!({"type": "TarGzip"});
    let read = |settings: Value| json!({"formatSettings": settings});
    let unpack = json!({"type": "TarGZipReadSettings", "preserveCompressionFileNameAsFolder": false});
    for (dataset, properties, source) in [
        (
            "Excel",
            json!({"sheetName": "Orders", "sheetIndex": 0, "range": "A3:H5", "firstRowAsHeader": true, "nullValue": "x", "compression": gzip}),
            json!({}),
        ),
        (
            "Xml",
            json!({"encodingName": "UTF-8", "nullValue": "x", "compression": gzip}),
            read(
                json!({"type": "XmlReadSettings", "validationMode": "none", "detectDataType": true, "namespaces": true,
                "namespacePrefixes": {"urn:o": "o"}, "compressionProperties": unpack}),
            ),
        ),
        (
            "Json",
            json!({"compression": gzip}),
            read(json!({"type": "JsonReadSettings", "compressionProperties": unpack})),
        ),
        ("Avro", json!({"avroCompressionCodec": "snappy", "avroCompressionLevel": 9}), json!({})),
        ("Orc", json!({"orcCompressionCodec": "zlib"}), json!({})),
    ] {
        let mut definitions = of_objects(Value::Null);
        definitions.source["type"] = dataset.into();
        definitions.source["typeProperties"] = properties;
        definitions.source["typeProperties"]["location"] = place("in");
        let mut from = source;
        from["type"] = format!("{dataset}Source").into();
        definitions.pipeline["activities"][0]["typeProperties"]["source"] = from;
        definitions.sink["type"] = "Avro".into();
        definitions.sink["typeProperties"] = json!({"location": place("out"), "avroCompressionCodec": "deflate"});
        let settings = json!({"type": "AvroWriteSettings", "recordName": "r", "recordNamespace": "n", "maxRowsPerFile": 9, "fileNamePrefix": "p"});
        definitions.pipeline["activities"][0]["typeProperties"]["sink"] =
            json!({"type": "AvroSink", "formatSettings": settings});
        let copy = definitions.resolve(&inputs("{}"), &Outcomes::new()).unwrap();
        // `false` asks for nothing.
        assert_eq!(text(&copy.warnings), "", "{dataset}");
        assert_eq!(copy.sink.settings.expose()["sink"]["formatSettings"]["recordName"], "r");
    }
}

#[test]
fn files_are_not_deleted_where_rows_of_them_are_left_out() {
    let asked = |deletes: Value, skips: Value| {
        let mut definitions = of_objects(Value::Null);
        let settings = &mut definitions.pipeline["activities"][0]["typeProperties"];
        settings["source"]["storeSettings"] =
            json!({"type": "FileServerReadSettings", "deleteFilesAfterCompletion": deletes});
        settings["enableSkipIncompatibleRow"] = skips;
        definitions.resolve(&inputs("{}"), &Outcomes::new())
    };
    for (deletes, skips) in [(json!(true), json!(true)), (json!("True"), json!("true"))] {
        let said = format!("{:?}", asked(deletes, skips).err().unwrap());
        assert!(said.contains("does not go with 'enableSkipIncompatibleRow'"), "{said}");
    }
    for (deletes, skips) in [(json!(true), json!(false)), (json!("false"), json!(true))] {
        assert!(asked(deletes, skips).is_ok());
    }
}

//! Properties of activities, and what of a copy is of no end.

use super::{
    CONNECTIONS, ClassProperties,
    Effect::{self, Done, Ignored},
};

const DECIMALS: Effect = Ignored("decimals that a number of JSON does not hold exactly are texts in any case");
const STAGING: Effect = Ignored("Ropeway copies directly, without a staging store");
const DELETED: Effect = Ignored("the activity's output names the files that were deleted");

pub(super) const CLASSES: ClassProperties = &[
    (
        "CopyActivityTypeProperties",
        &[
            ("source", Done),
            ("sink", Done),
            ("translator", Done),
            ("parallelCopies", Done),
            // Rows and a digest of every chunk are compared anyway; with it, the sink is read back too.
            ("validateDataConsistency", Done),
            ("enableStaging", STAGING),
            ("stagingSettings", STAGING),
            ("dataIntegrationUnits", Ignored("the copy runs on this machine; --parallel and --memory size it")),
            ("enableSkipIncompatibleRow", Done),
            ("redirectIncompatibleRowSettings", Done),
            ("skipErrorFile", Done),
            ("logSettings", Done),
            ("logStorageSettings", Done),
            ("preserve", Ignored("of a file its content is copied, and neither attributes nor access lists")),
            ("preserveRules", Ignored("of a file its content is copied, and neither attributes nor access lists")),
        ],
    ),
    (
        "LookupActivityTypeProperties",
        &[("source", Done), ("dataset", Done), ("firstRowOnly", Done), ("treatDecimalAsString", DECIMALS)],
    ),
    (
        "GetMetadataActivityTypeProperties",
        &[("dataset", Done), ("fieldList", Done), ("storeSettings", Done), ("formatSettings", Done)],
    ),
    (
        "DeleteActivityTypeProperties",
        &[
            ("dataset", Done),
            ("recursive", Done),
            ("storeSettings", Done),
            ("enableLogging", DELETED),
            ("logStorageSettings", DELETED),
            ("maxConcurrentConnections", CONNECTIONS),
        ],
    ),
    (
        "ValidationActivityTypeProperties",
        &[("dataset", Done), ("timeout", Done), ("sleep", Done), ("minimumSize", Done), ("childItems", Done)],
    ),
    (
        "ScriptActivityTypeProperties",
        &[
            ("scripts", Done),
            ("scriptBlockExecutionTimeout", Done),
            ("logSettings", Done),
            ("treatDecimalAsString", DECIMALS),
        ],
    ),
    ("ScriptBlock", &[("text", Done), ("parameters", Done)]),
    ("ScriptBlockParameter", &[("name", Done), ("value", Done), ("direction", Done), ("size", Done)]),
    (
        "SqlServerStoredProcedureActivityTypeProperties",
        &[("storedProcedureName", Done), ("storedProcedureParameters", Done)],
    ),
    (
        "WebActivityActivityTypeProperties",
        &[
            ("method", Done),
            ("url", Done),
            ("headers", Done),
            ("body", Done),
            ("authentication", Done),
            ("disableCertValidation", Done),
            ("httpRequestTimeout", Done),
            ("turnOffAsync", Done),
            ("connectVia", Ignored("Ropeway calls the endpoint from where it runs")),
        ],
    ),
    // What they say of levels and places is looked at in `skipping.rs`. Every line is durable before its chunk counts.
    (
        "LogSettings",
        &[("enableCopyActivityLog", Done), ("copyActivityLogSettings", Done), ("logLocationSettings", Done)],
    ),
    (
        "SkipErrorFile",
        &[("fileMissing", Done), ("fileForbidden", Done), ("dataInconsistency", Done), ("invalidFileName", Done)],
    ),
    ("CopyActivityLogSettings", &[("logLevel", Done), ("enableReliableLogging", Done)]),
    ("LogLocationSettings", &[("linkedServiceName", Done), ("path", Done)]),
    (
        "LogStorageSettings",
        &[("linkedServiceName", Done), ("path", Done), ("logLevel", Done), ("enableReliableLogging", Done)],
    ),
];

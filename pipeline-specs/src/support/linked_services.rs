//! Properties of linked services.

use super::{
    ClassProperties,
    Effect::{self, Done, Ignored},
    Properties, RETRY,
};

const POOL: Effect = Ignored("Ropeway keeps its own connections");
const MOUNTED: Effect = Ignored("Ropeway reads the mounted folder with its own account");

pub(super) const CLASSES: ClassProperties = &[
    (
        "SqlServerBaseLinkedServiceTypeProperties",
        &[
            ("server", Done),
            ("database", Done),
            ("encrypt", Done),
            ("trustServerCertificate", Done),
            ("hostNameInCertificate", Done),
            ("applicationIntent", Done),
            ("connectTimeout", Done),
            ("commandTimeout", Done),
            ("packetSize", Done),
            ("integratedSecurity", Done),
            ("connectRetryCount", RETRY),
            ("connectRetryInterval", RETRY),
            ("loadBalanceTimeout", POOL),
            ("maxPoolSize", POOL),
            ("minPoolSize", POOL),
            ("pooling", POOL),
            ("multipleActiveResultSets", POOL),
            ("multiSubnetFailover", Done),
            ("failoverPartner", Ignored("Ropeway connects to 'server' only")),
        ],
    ),
    (
        "SqlServerLinkedServiceTypeProperties",
        &[
            ("connectionString", Done),
            ("encryptedCredential", Done),
            ("authenticationType", Done),
            ("userName", Done),
            ("password", Done),
            ("credential", Done),
        ],
    ),
    ("AzureSqlDatabaseLinkedServiceTypeProperties", AZURE_SQL),
    ("AzureSqlMILinkedServiceTypeProperties", AZURE_SQL),
    (
        "OdbcLinkedServiceTypeProperties",
        &[
            ("connectionString", Done),
            ("encryptedCredential", Done),
            ("authenticationType", Done),
            ("userName", Done),
            ("password", Done),
            ("credential", Done),
        ],
    ),
    (
        "FileServerLinkedServiceTypeProperties",
        &[("encryptedCredential", MOUNTED), ("host", Done), ("userId", MOUNTED), ("password", MOUNTED)],
    ),
    (
        "AzureBlobStorageLinkedServiceTypeProperties",
        &[
            ("connectionString", Done),
            ("encryptedCredential", Done),
            ("accountKey", Done),
            ("sasUri", Done),
            ("sasToken", Done),
            ("serviceEndpoint", Done),
            ("containerUri", Done),
            ("authenticationType", Done),
            ("servicePrincipalId", Done),
            ("servicePrincipalKey", Done),
            ("tenant", Done),
            ("azureCloudType", Done),
            ("credential", Done),
            ("accountKind", Done),
        ],
    ),
    (
        "AzureStorageLinkedServiceTypeProperties",
        &[
            ("connectionString", Done),
            ("encryptedCredential", Done),
            ("accountKey", Done),
            ("sasUri", Done),
            ("sasToken", Done),
        ],
    ),
    (
        "AzureBlobFSLinkedServiceTypeProperties",
        &[
            ("url", Done),
            ("accountKey", Done),
            ("sasUri", Done),
            ("sasToken", Done),
            ("servicePrincipalId", Done),
            ("servicePrincipalKey", Done),
            ("servicePrincipalCredentialType", Done),
            ("servicePrincipalCredential", Done),
            ("tenant", Done),
            ("azureCloudType", Done),
            ("encryptedCredential", Done),
            ("credential", Done),
        ],
    ),
    // Who asks is the identity of this machine, or of its environment.
    ("AzureKeyVaultLinkedServiceTypeProperties", &[("baseUrl", Done)]),
    ("SyntheticLinkedServiceTypeProperties", &[]),
];

const AZURE_SQL: Properties = &[
    ("connectionString", Done),
    ("encryptedCredential", Done),
    ("authenticationType", Done),
    ("userName", Done),
    ("password", Done),
    ("servicePrincipalId", Done),
    ("servicePrincipalKey", Done),
    ("servicePrincipalCredentialType", Done),
    ("servicePrincipalCredential", Done),
    ("tenant", Done),
    ("azureCloudType", Done),
    ("credential", Done),
];

//! SQL Server and Azure SQL Database.

mod statements;

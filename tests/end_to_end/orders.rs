//! A SQL Server with a table of orders, as the two SQL Server examples want it.

use chrono::{Days, NaiveDate};
use ropeway_tests::sql_server::{Options, Server};

use super::{
    example::Example,
    oracle::Row,
    place::{Place, Shape},
};

/// The login of the examples.
pub(crate) const PASSWORD: &str = "canary-Sql;'pass\"word";
const COLUMNS: &str = "(OrderID, OrderDate, Customer, Amount)";

/// How the statement begins that reads the orders.
pub(crate) const READ: &str = "SELECT * FROM [dbo].[Orders]";

/// The server, and the rows it was given.
pub(crate) struct Orders {
    pub(crate) server: Server,
    pub(crate) rows: Vec<Row>,
}

impl Orders {
    /// So many orders, some without a customer, of the days from 2023-12-01 on.
    pub(crate) fn new(count: u32) -> Self {
        let mut options = Options { databases: vec!["Sales".to_owned()], ..Options::default() };
        options.users.insert("ropeway".to_owned(), PASSWORD.to_owned());
        let server = Server::start_with(options).expect("a server");
        let run = |batch: &str| server.execute("Sales", batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
        run("CREATE TABLE dbo.Orders (OrderID int NOT NULL PRIMARY KEY, OrderDate date NOT NULL, \
             Customer nvarchar(40) NULL, Amount decimal(10, 2) NOT NULL)");
        let rows: Vec<Row> = (1..=count).map(order).collect();
        // The stand-in nests the rows of VALUES in each other: few at once are faster.
        for some in rows.chunks(20) {
            let values: Vec<_> = some.iter().map(literals).collect();
            run(&format!("INSERT INTO dbo.Orders {COLUMNS} VALUES {}", values.join(", ")));
        }
        Self { server, rows }
    }

    /// So many orders, the example that copies them to one blob, and where the blob goes.
    pub(crate) async fn to_blob(count: u32) -> (Self, Example, Place) {
        let orders = Self::new(count);
        let mut example = Example::new("sql-server-to-parquet-blob/pipeline/CopyOrders.json");
        orders.feed(&mut example);
        (orders, example, Place::fake(Shape::Single("raw/orders.parquet")).await)
    }

    /// Lets an example read from here.
    pub(crate) fn feed(&self, example: &mut Example) {
        example.give("server", &format!("localhost,{}", self.server.port()));
        example.give("database", "Sales");
        example.secret("LS_SqlServer", "password", PASSWORD);
        example.trust(&self.server.ca_pem);
    }

    /// The orders of this day and later.
    pub(crate) fn since(&self, day: &str) -> Vec<Row> {
        self.rows.iter().filter(|row| row[1].as_deref() >= Some(day)).cloned().collect()
    }
}

fn order(id: u32) -> Row {
    let first = NaiveDate::from_ymd_opt(2023, 12, 1).expect("a date");
    let day = first.checked_add_days(Days::new(u64::from(id % 90))).expect("a date");
    let customer = (!id.is_multiple_of(7)).then(|| format!("Zoë's № {}, \"{}\"", id % 1000, id / 1000));
    vec![
        Some(id.to_string()),
        Some(day.to_string()),
        customer,
        Some(format!("{}.{:02}", i64::from(id) * 37 - 1000, id % 100)),
    ]
}

fn literals(row: &Row) -> String {
    let text = |value: &Option<String>| {
        value.as_ref().map_or_else(|| "NULL".to_owned(), |value| format!("N'{}'", value.replace('\'', "''")))
    };
    let plain = |value: &Option<String>| value.clone().unwrap_or_default();
    format!("({}, {}, {}, {})", plain(&row[0]), text(&row[1]), text(&row[2]), plain(&row[3]))
}

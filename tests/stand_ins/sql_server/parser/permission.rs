//! GRANT, DENY, REVOKE.

use super::super::SqlError;
use super::super::syntax::{Permit, Securable, Statement};
use super::Parser;

const PERMISSIONS: [&[&str]; 13] = [
    &["CREATE", "TABLE"],
    &["CREATE", "SCHEMA"],
    &["CREATE", "PROCEDURE"],
    &["CREATE", "TYPE"],
    &["ALTER", "ANY", "CONNECTION"],
    &["ALTER"],
    &["CONTROL"],
    &["SELECT"],
    &["INSERT"],
    &["UPDATE"],
    &["DELETE"],
    &["EXECUTE"],
    &["REFERENCES"],
];

impl Parser {
    pub(super) fn permit(&mut self, verb: &str) -> Result<Statement, SqlError> {
        self.advance();
        let mut permissions = Vec::new();
        loop {
            let known = PERMISSIONS.into_iter().find(|words| self.accept_all(words));
            permissions.push(known.ok_or_else(|| self.unexpected())?.join(" "));
            if !self.accept(",") {
                break;
            }
        }
        let on = if self.accept("ON") { Some(self.securable()?) } else { None };
        if !(verb == "REVOKE" && self.accept("FROM")) {
            self.expect("TO")?;
        }
        let user = self.identifier()?;
        Ok(Statement::Permit(Permit { denies: verb == "DENY", permissions, on, user }))
    }

    fn securable(&mut self) -> Result<Securable, SqlError> {
        if self.accept_all(&["SCHEMA", ":", ":"]) {
            return self.identifier().map(Securable::Schema);
        }
        self.accept_all(&["OBJECT", ":", ":"]);
        self.name().map(Securable::Object)
    }
}

//! The columns that names may mean.

use std::cell::Cell;

use super::super::error::SqlError;
use super::super::storage::same_name;
use super::super::types::SqlType;

/// A column in reach.
#[derive(Debug, Clone)]
pub struct ScopeColumn {
    /// The table's name or alias.
    pub table: Option<String>,
    /// Its own name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether it is an identity column.
    pub identity: bool,
    /// Whether it stands in a table.
    pub stored: bool,
}

/// The columns in reach, in the order of the row.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The columns.
    pub columns: Vec<ScopeColumn>,
}

impl Scope {
    /// The place of the column that a name means; nothing when there is none.
    pub fn find(&self, parts: &[String]) -> Result<Option<usize>, SqlError> {
        let Some((name, prefixes)) = parts.split_last() else { return Ok(None) };
        let table = prefixes.last();
        let mut found = self.columns.iter().enumerate().filter(|(_, column)| {
            same_name(&column.name, name)
                && table.is_none_or(|wanted| column.table.as_ref().is_some_and(|own| same_name(own, wanted)))
        });
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(SqlError::ambiguous_column(name)),
            (first, _) => Ok(first.map(|(place, _)| place)),
        }
    }
}

/// Scopes around a query, innermost first.
pub struct Around<'a> {
    /// The scope next out.
    pub scope: &'a Scope,
    /// Those around it.
    pub around: Option<&'a Around<'a>>,
    /// Set when a column was found here or further out.
    pub used: Cell<bool>,
}

impl Around<'_> {
    /// The level (from 1) and place of a column out there.
    pub fn find(&self, parts: &[String]) -> Result<Option<(usize, &super::ScopeColumn, usize)>, SqlError> {
        if let Some(place) = self.scope.find(parts)? {
            self.used.set(true);
            return Ok(self.scope.columns.get(place).map(|column| (1, column, place)));
        }
        let Some(further) = self.around else { return Ok(None) };
        let found = further.find(parts)?;
        if found.is_some() {
            self.used.set(true);
        }
        Ok(found.map(|(level, column, place)| (level + 1, column, place)))
    }
}

//! What a statement will give, and what its parameters must be: sp_describe_first_result_set and
//! sp_describe_undeclared_parameters.

use std::collections::BTreeMap;

use super::engine::ast::{Expr, From, Item, Kind, Query, Select, Source, Statement};
use super::engine::error::SqlError;
use super::engine::lexer::{Token, tokens};
use super::engine::storage::{Table, same_name};
use super::engine::types::{Family, MAX, SqlType as T};
use super::engine::value::Value;
use super::engine::world::World;
use super::engine::{ast, parse, plan, views};
use super::procedures::{Answer, declared};

const SYSNAME: T = T::NVarChar(128);

/// The columns of a text's first result.
pub fn first_result(mut world: World, text: &str, parameters: &str) -> Result<Answer, SqlError> {
    for (name, ty, _) in declared(parameters)? {
        world.variables.insert(name, (ty, Value::Null));
    }
    let statements = parse::batch(text)?;
    let query = statements.iter().find_map(|statement| match &statement.kind {
        Kind::Select(query) => Some(query),
        _ => None,
    });
    let mut rows = Vec::new();
    if let Some(query) = query {
        for (column, number) in plan::plan(&world, query)?.columns.into_iter().zip(1..) {
            let (precision, scale) = views::facets(column.ty);
            let textual = column.ty.family() == Family::Text && column.ty != T::Xml;
            let of_text = |value: Value| if textual { value } else { Value::Null };
            let mut row = vec![
                Value::Int(0),
                Value::Int(number),
                if column.name.is_empty() { Value::Null } else { Value::text(&column.name) },
                Value::Int(column.nullable.into()),
                Value::Int(views::type_id(column.ty)),
                Value::text(column.ty.declaration()),
                Value::Int(column.ty.byte_length().into()),
                Value::Int(precision),
                Value::Int(scale),
                of_text(Value::text("SQL_Latin1_General_CP1_CI_AS")),
            ];
            row.extend(std::iter::repeat_n(Value::Null, 9));
            row.extend([Value::Int(0), Value::Int(0), Value::Int(0)]);
            row.extend(std::iter::repeat_n(Value::Null, 5));
            row.extend([Value::Int(column.identity.into()), Value::Null, Value::Int(1), Value::Int(0), Value::Int(0)]);
            row.extend(std::iter::repeat_n(Value::Null, 3));
            let code = super::codec::type_info(column.ty).code();
            row.extend([Value::Int(code.into()), Value::Int(tds_length(column.ty))]);
            row.extend([of_text(Value::Int(0x00D0_0409)), of_text(Value::Int(52))]);
            rows.push(row);
        }
    }
    Ok(Answer::new(&FIRST_RESULT, rows))
}

/// All the columns that the real procedure answers with: ODBC's bulk copy counts them.
const FIRST_RESULT: [(&str, T); 39] = [
    ("is_hidden", T::Bit),
    ("column_ordinal", T::Int),
    ("name", SYSNAME),
    ("is_nullable", T::Bit),
    ("system_type_id", T::Int),
    ("system_type_name", T::NVarChar(256)),
    ("max_length", T::SmallInt),
    ("precision", T::TinyInt),
    ("scale", T::TinyInt),
    ("collation_name", SYSNAME),
    ("user_type_id", T::Int),
    ("user_type_database", SYSNAME),
    ("user_type_schema", SYSNAME),
    ("user_type_name", SYSNAME),
    ("assembly_qualified_type_name", T::NVarChar(4000)),
    ("xml_collection_id", T::Int),
    ("xml_collection_database", SYSNAME),
    ("xml_collection_schema", SYSNAME),
    ("xml_collection_name", SYSNAME),
    ("is_xml_document", T::Bit),
    ("is_case_sensitive", T::Bit),
    ("is_fixed_length_clr_type", T::Bit),
    ("source_server", SYSNAME),
    ("source_database", SYSNAME),
    ("source_schema", SYSNAME),
    ("source_table", SYSNAME),
    ("source_column", SYSNAME),
    ("is_identity_column", T::Bit),
    ("is_part_of_unique_key", T::Bit),
    ("is_updateable", T::Bit),
    ("is_computed_column", T::Bit),
    ("is_sparse_column_set", T::Bit),
    ("ordinal_in_order_by_list", T::SmallInt),
    ("order_by_list_length", T::SmallInt),
    ("order_by_is_descending", T::SmallInt),
    ("tds_type_id", T::Int),
    ("tds_length", T::Int),
    ("tds_collation_id", T::Int),
    ("tds_collation_sort_id", T::TinyInt),
];

/// A type's length as the wire tells it.
fn tds_length(ty: T) -> i64 {
    match ty.byte_length() {
        -1 => 65_535,
        n => i64::from(n),
    }
}

/// The types that a text's undeclared parameters must have, as far as their places tell.
pub fn undeclared(world: World, text: &str, parameters: &str) -> Result<Answer, SqlError> {
    let known = declared(parameters)?;
    let mut wanted: Vec<String> = Vec::new();
    for token in tokens(text)? {
        if let Token::Variable(name) = token.token
            && !name.starts_with("@@")
            && !wanted.contains(&name)
            && !known.iter().any(|(declared, ..)| *declared == name)
        {
            wanted.push(name);
        }
    }
    let mut found = Found { world: &world, types: BTreeMap::new() };
    for statement in parse::batch(text)? {
        found.statement(&statement)?;
    }
    let columns = [
        ("parameter_ordinal", T::Int),
        ("name", SYSNAME),
        ("suggested_system_type_id", T::Int),
        ("suggested_system_type_name", T::NVarChar(256)),
        ("suggested_max_length", T::SmallInt),
        ("suggested_precision", T::TinyInt),
        ("suggested_scale", T::TinyInt),
        ("suggested_user_type_id", T::Int),
        ("suggested_user_type_database", SYSNAME),
        ("suggested_user_type_schema", SYSNAME),
        ("suggested_user_type_name", SYSNAME),
        ("suggested_assembly_qualified_type_name", T::NVarChar(4000)),
        ("suggested_xml_collection_id", T::Int),
        ("suggested_xml_collection_database", SYSNAME),
        ("suggested_xml_collection_schema", SYSNAME),
        ("suggested_xml_collection_name", SYSNAME),
        ("suggested_is_xml_document", T::Bit),
        ("suggested_is_case_sensitive", T::Bit),
        ("suggested_is_fixed_length_clr_type", T::Bit),
        ("suggested_is_input", T::Bit),
        ("suggested_is_output", T::Bit),
        ("formal_parameter_name", SYSNAME),
        ("suggested_tds_type_id", T::Int),
        ("suggested_tds_length", T::Int),
    ];
    let mut rows = Vec::new();
    for (name, number) in wanted.into_iter().zip(1..) {
        let ty = *found.types.get(&name).ok_or_else(|| SqlError::undeducible(&name))?;
        let (precision, scale) = views::facets(ty);
        let mut row = vec![
            Value::Int(number),
            Value::text(&name),
            Value::Int(views::type_id(ty)),
            Value::text(ty.declaration()),
            Value::Int(ty.byte_length().into()),
            Value::Int(precision),
            Value::Int(scale),
        ];
        row.extend(std::iter::repeat_n(Value::Null, 9));
        row.extend([Value::Int(0), Value::Int(0), Value::Int(0), Value::Int(1), Value::Int(0), Value::Null]);
        row.extend([Value::Int(super::codec::type_info(ty).code().into()), Value::Int(tds_length(ty))]);
        rows.push(row);
    }
    Ok(Answer::new(&columns, rows))
}

struct Found<'a> {
    world: &'a World,
    types: BTreeMap<String, T>,
}

impl Found<'_> {
    fn note(&mut self, expr: &Expr, ty: T) {
        if let Expr::Variable(name) = expr {
            self.types.entry(name.clone()).or_insert(ty);
        }
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), SqlError> {
        match &statement.kind {
            Kind::Insert { table, columns, source, .. } => self.insert(table, columns, source),
            Kind::Update { table, set, filter, .. } => {
                let table = self.world.table(table)?;
                for (column, value) in set {
                    if let (Some(column), Some(value)) = (column_type(&table, column), value) {
                        self.note(value, column);
                        self.expression(value, &[&table]);
                    }
                }
                filter.iter().for_each(|filter| self.expression(filter, &[&table]));
                Ok(())
            }
            Kind::Delete { table, filter, .. } => {
                let table = self.world.table(table)?;
                filter.iter().for_each(|filter| self.expression(filter, &[&table]));
                Ok(())
            }
            Kind::Select(query) => self.query(query),
            _ => Ok(()),
        }
    }

    fn insert(&mut self, table: &ast::ObjectName, columns: &[String], source: &Source) -> Result<(), SqlError> {
        let table = self.world.table(table)?;
        let types: Vec<Option<T>> = if columns.is_empty() {
            table.columns.iter().filter(|column| column.identity.is_none()).map(|column| Some(column.ty)).collect()
        } else {
            columns.iter().map(|column| column_type(&table, column)).collect()
        };
        match source {
            Source::Values(rows) => {
                for row in rows {
                    for (value, ty) in row.iter().zip(&types) {
                        if let (Some(value), Some(ty)) = (value, ty) {
                            self.note(value, *ty);
                            self.expression(value, &[&table]);
                        }
                    }
                }
                Ok(())
            }
            Source::Query(query) => self.query(query),
            _ => Ok(()),
        }
    }

    fn query(&mut self, query: &Query) -> Result<(), SqlError> {
        if let Some(count) = query.offset.as_ref() {
            self.note(count, T::BigInt);
        }
        if let Some(count) = query.fetch.as_ref() {
            self.note(count, T::BigInt);
        }
        match &query.body {
            ast::Body::Select(select) => self.select(select),
            ast::Body::Combined { .. } => Ok(()),
        }
    }

    fn select(&mut self, select: &Select) -> Result<(), SqlError> {
        let mut tables = Vec::new();
        if let Some(from) = &select.from {
            self.tables(from, &mut tables)?;
        }
        let tables: Vec<&Table> = tables.iter().map(AsRef::as_ref).collect();
        if let Some(top) = &select.top {
            self.note(top, T::BigInt);
        }
        for item in &select.items {
            if let Item::Column { value, .. } = item {
                self.expression(value, &tables);
            }
        }
        select.filter.iter().chain(&select.having).for_each(|condition| self.expression(condition, &tables));
        Ok(())
    }

    fn tables(&self, from: &From, found: &mut Vec<std::sync::Arc<Table>>) -> Result<(), SqlError> {
        match from {
            From::Table { name, .. } => found.push(self.world.table(name)?),
            From::Join { left, right, .. } => {
                self.tables(left, found)?;
                self.tables(right, found)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn expression(&mut self, expr: &Expr, tables: &[&Table]) {
        let ty = |expr: &Expr| match expr {
            Expr::Column(parts) => {
                parts.last().and_then(|name| tables.iter().find_map(|table| column_type(table, name)))
            }
            Expr::Literal(Value::Text(_), T::NVarChar(_)) => Some(T::NVarChar(4000)),
            Expr::Literal(Value::Text(_), _) => Some(T::VarChar(8000)),
            Expr::Literal(value, ty) if !value.is_null() => Some(*ty),
            Expr::Cast { to, .. } => Some(*to),
            _ => None,
        };
        match expr {
            Expr::Binary(left, _, right) => {
                if let Some(ty) = ty(right) {
                    self.note(left, ty);
                }
                if let Some(ty) = ty(left) {
                    self.note(right, ty);
                }
                self.expression(left, tables);
                self.expression(right, tables);
            }
            Expr::Like { value, pattern, .. } => {
                self.note(pattern, ty(value).unwrap_or(T::NVarChar(MAX)));
            }
            Expr::Between { value, low, high, .. } => {
                if let Some(ty) = ty(value) {
                    self.note(low, ty);
                    self.note(high, ty);
                }
            }
            Expr::In { value, list, .. } => {
                if let Some(ty) = ty(value) {
                    list.iter().for_each(|item| self.note(item, ty));
                }
            }
            Expr::Cast { value, to, .. } => {
                self.note(value, *to);
                self.expression(value, tables);
            }
            Expr::Not(inner) | Expr::Negate(inner) => self.expression(inner, tables),
            Expr::Call { name, arguments, .. } => {
                for argument in arguments {
                    match name.as_str() {
                        "len" | "upper" | "lower" | "datalength" | "trim" => self.note(argument, T::NVarChar(4000)),
                        _ => {}
                    }
                    self.expression(argument, tables);
                }
            }
            _ => {}
        }
    }
}

fn column_type(table: &Table, name: &str) -> Option<T> {
    table.columns.iter().find(|column| same_name(&column.name, name)).map(|column| column.ty)
}

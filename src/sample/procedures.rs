//! The procedures that drivers call to learn about the catalog and about statements.

use super::batch::{Problem, Run};
use super::describe;
use super::engine::error::SqlError;
use super::engine::like::like;
use super::engine::parse;
use super::engine::plan::OutColumn;
use super::engine::storage::Table;
use super::engine::types::{Family, MAX, SqlType as T};
use super::engine::value::{Row, Value};
use super::engine::views;
use super::rpc::Param;

/// The rows of a procedure, and their columns.
pub struct Answer {
    /// The columns.
    pub columns: Vec<OutColumn>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Answer {
    /// Columns by name and type; rows of as many values.
    pub fn new(columns: &[(&str, T)], rows: Vec<Vec<Value>>) -> Self {
        let column = |(name, ty): &(&str, T)| OutColumn {
            name: (*name).to_owned(),
            ty: *ty,
            nullable: true,
            identity: false,
            stored: false,
        };
        Self { columns: columns.iter().map(column).collect(), rows: rows.into_iter().map(Row::from).collect() }
    }
}

const SYSNAME: T = T::NVarChar(128);

/// The parameters of a call, by name or by place.
struct Given<'a> {
    params: &'a [Param],
    names: &'a [&'a str],
}

impl Given<'_> {
    fn find(&self, name: &str) -> Option<&Param> {
        let place = self.names.iter().position(|known| *known == name);
        self.params
            .iter()
            .find(|param| param.name.trim_start_matches('@') == name)
            .or_else(|| place.and_then(|place| self.params.get(place)).filter(|param| param.name.is_empty()))
    }

    fn text(&self, name: &str) -> Result<Option<String>, SqlError> {
        self.find(name).map(Param::text).transpose().map(Option::flatten)
    }

    /// Whether a text is like the pattern that was given, if one was.
    fn allows(&self, name: &str, text: &str) -> Result<bool, SqlError> {
        match self.text(name)? {
            None => Ok(true),
            Some(pattern) if pattern.is_empty() => Ok(true),
            Some(pattern) => like(text, &pattern, Some('\\')),
        }
    }
}

impl Run<'_> {
    /// A procedure that every server has.
    pub async fn built_in(&mut self, plain: &str, name: &str, params: &[Param]) -> Result<(), Problem> {
        let state = self.connected.state.lock().await;
        let world = self.world(&state);
        drop(state);
        let database = world.database.name.clone();
        let given = |names: &'static [&'static str]| Given { params, names };
        let answer = match plain {
            "sp_set_session_context" => {
                let given = given(&["key", "value", "read_only"]);
                let key = given.text("key")?.ok_or_else(|| SqlError::missing_parameter(name, "@key"))?;
                let value = given.text("value")?.map_or(Value::Null, Value::text);
                let mut state = self.connected.state.lock().await;
                if state.context.len() >= 1_000 {
                    return Err(SqlError::query_memory().into());
                }
                state.context.insert(key.to_lowercase(), value);
                return Ok(());
            }
            "sp_who" | "sp_who2" => {
                let columns = [
                    ("spid", T::SmallInt),
                    ("status", T::NChar(30)),
                    ("loginame", SYSNAME),
                    ("hostname", SYSNAME),
                    ("dbname", SYSNAME),
                    ("cmd", SYSNAME),
                ];
                let row = |session: &super::SessionInfo| {
                    let running = session.spid == world.facts.spid;
                    vec![
                        Value::Int(session.spid.into()),
                        Value::text(if running { "runnable" } else { "sleeping" }),
                        Value::text(&session.login),
                        Value::text(&session.host_name),
                        Value::text(session.database()),
                        Value::text(if running { "SELECT" } else { "AWAITING COMMAND" }),
                    ]
                };
                Answer::new(&columns, views::seen(&world).iter().map(|session| row(session)).collect())
            }
            "sp_databases" => {
                let columns = [("DATABASE_NAME", SYSNAME), ("DATABASE_SIZE", T::Int), ("REMARKS", T::VarChar(254))];
                let row = |database: &super::engine::server::Database| {
                    let size = database.committed().weight() / 1024;
                    vec![Value::text(&database.name), Value::Int(i64::try_from(size).unwrap_or(0)), Value::Null]
                };
                Answer::new(&columns, views::visible(&world.server, &world).map(row).collect())
            }
            "sp_tables" => {
                let given = given(&["table_name", "table_owner", "table_qualifier", "table_type"]);
                let columns = [
                    ("TABLE_QUALIFIER", SYSNAME),
                    ("TABLE_OWNER", SYSNAME),
                    ("TABLE_NAME", SYSNAME),
                    ("TABLE_TYPE", T::VarChar(32)),
                    ("REMARKS", T::VarChar(254)),
                ];
                let mut rows = Vec::new();
                let types = given.text("table_type")?.unwrap_or_default();
                if types.is_empty() || types.to_uppercase().contains("TABLE") {
                    for table in world.tables.iter() {
                        if given.allows("table_name", &table.name)? && given.allows("table_owner", "dbo")? {
                            rows.push(vec![
                                Value::text(&database),
                                Value::text("dbo"),
                                Value::text(&table.name),
                                Value::text("TABLE"),
                                Value::Null,
                            ]);
                        }
                    }
                }
                Answer::new(&columns, rows)
            }
            "sp_columns" | "sp_columns_90" | "sp_columns_100" | "sp_columns_170" => {
                let given = given(&["table_name", "table_owner", "table_qualifier", "column_name"]);
                let mut rows = Vec::new();
                for table in world.tables.iter().chain(world.temporary.iter()) {
                    if given.allows("table_name", &table.name)? {
                        for (column, number) in table.columns.iter().zip(1..) {
                            if given.allows("column_name", &column.name)? {
                                rows.push(column_row(&database, table, column, number));
                            }
                        }
                    }
                }
                Answer::new(&COLUMNS, rows)
            }
            "sp_pkeys" => {
                let given = given(&["table_name", "table_owner", "table_qualifier"]);
                let columns = [
                    ("TABLE_QUALIFIER", SYSNAME),
                    ("TABLE_OWNER", SYSNAME),
                    ("TABLE_NAME", SYSNAME),
                    ("COLUMN_NAME", SYSNAME),
                    ("KEY_SEQ", T::SmallInt),
                    ("PK_NAME", SYSNAME),
                ];
                let mut rows = Vec::new();
                for table in world.tables.iter() {
                    if let (true, Some(key)) = (given.allows("table_name", &table.name)?, &table.primary_key) {
                        for (place, number) in key.columns.iter().zip(1..) {
                            let column = table.columns.get(*place).map_or("", |column| column.name.as_str());
                            rows.push(vec![
                                Value::text(&database),
                                Value::text("dbo"),
                                Value::text(&table.name),
                                Value::text(column),
                                Value::Int(number),
                                Value::text(&key.name),
                            ]);
                        }
                    }
                }
                Answer::new(&columns, rows)
            }
            "sp_bcp_dbcmptlevel" => Answer::new(&[("cmptlevel", T::TinyInt)], vec![vec![Value::Int(160)]]),
            "sp_tablecollations" | "sp_tablecollations_90" | "sp_tablecollations_100" => {
                let text =
                    given(&["object"]).text("object")?.ok_or_else(|| SqlError::missing_parameter(name, "@object"))?;
                let table = world.table(&parse::object_name(text.trim_start_matches('.'))?)?;
                collations(&table)
            }
            "sp_statistics" | "sp_statistics_100" => {
                let given = given(&["table_name"]);
                statistics(&database, world.tables.iter().map(AsRef::as_ref), &given)?
            }
            "sp_special_columns" | "sp_special_columns_100" => {
                let given = given(&["table_name"]);
                special_columns(world.tables.iter().map(AsRef::as_ref), &given)?
            }
            "sp_datatype_info" | "sp_datatype_info_90" | "sp_datatype_info_100" | "sp_datatype_info_170" => {
                let wanted =
                    given(&["data_type"]).find("data_type").map(Param::int).transpose()?.flatten().unwrap_or(0);
                let mut rows: Vec<(i64, Vec<Value>)> =
                    views::ALL_TYPES.into_iter().map(|ty| (odbc(ty).0, type_row(ty))).collect();
                rows.retain(|(number, _)| wanted == 0 || *number == wanted);
                rows.sort_by_key(|(number, _)| *number);
                Answer::new(&TYPES, rows.into_iter().map(|(_, row)| row).collect())
            }
            "sp_describe_first_result_set" => {
                let given = given(&["tsql", "params", "browse_information_mode"]);
                let text = given.text("tsql")?.ok_or_else(|| SqlError::missing_parameter(name, "@tsql"))?;
                describe::first_result(world, &text, &given.text("params")?.unwrap_or_default())?
            }
            "sp_describe_undeclared_parameters" => {
                let given = given(&["tsql", "params"]);
                let text = given.text("tsql")?.ok_or_else(|| SqlError::missing_parameter(name, "@tsql"))?;
                describe::undeclared(world, &text, &given.text("params")?.unwrap_or_default())?
            }
            "sp_server_info"
            | "sp_fkeys"
            | "sp_stored_procedures"
            | "sp_table_privileges"
            | "sp_column_privileges"
            | "sp_helptext" => {
                return Err(SqlError::unsupported(format!("The procedure {plain}")).into());
            }
            _ => return Err(SqlError::unknown_procedure(name).state(62).into()),
        };
        self.stream_rows(&answer.columns, answer.rows).await.map(|_| ())
    }
}

const COLUMNS: [(&str, T); 19] = [
    ("TABLE_QUALIFIER", SYSNAME),
    ("TABLE_OWNER", SYSNAME),
    ("TABLE_NAME", SYSNAME),
    ("COLUMN_NAME", SYSNAME),
    ("DATA_TYPE", T::SmallInt),
    ("TYPE_NAME", SYSNAME),
    ("PRECISION", T::Int),
    ("LENGTH", T::Int),
    ("SCALE", T::SmallInt),
    ("RADIX", T::SmallInt),
    ("NULLABLE", T::SmallInt),
    ("REMARKS", T::VarChar(254)),
    ("COLUMN_DEF", T::NVarChar(4000)),
    ("SQL_DATA_TYPE", T::SmallInt),
    ("SQL_DATETIME_SUB", T::SmallInt),
    ("CHAR_OCTET_LENGTH", T::Int),
    ("ORDINAL_POSITION", T::Int),
    ("IS_NULLABLE", T::VarChar(254)),
    ("SS_DATA_TYPE", T::TinyInt),
];

/// ODBC's number of a type, the same without its kind of date, and that kind.
fn odbc(ty: T) -> (i64, i64, Option<i64>) {
    let same = |n| (n, n, None);
    match ty {
        T::Bit => same(-7),
        T::TinyInt => same(-6),
        T::SmallInt => same(5),
        T::Int => same(4),
        T::BigInt => same(-5),
        T::Real => same(7),
        T::Float => same(6),
        T::Decimal { .. } | T::Money | T::SmallMoney => same(3),
        T::Date => (91, 9, Some(1)),
        T::Time(_) => same(-154),
        T::SmallDateTime | T::DateTime | T::DateTime2(_) => (93, 9, Some(3)),
        T::DateTimeOffset(_) => same(-155),
        T::Guid => same(-11),
        T::Char(_) => same(1),
        T::VarChar(_) => same(12),
        T::NChar(_) => same(-8),
        T::NVarChar(_) => same(-9),
        T::Binary(_) => same(-2),
        T::VarBinary(_) => same(-3),
        T::Text => same(-1),
        T::NText => same(-10),
        T::Image => same(-4),
        T::Xml => same(-152),
    }
}

/// ODBC's precision: digits or characters.
fn precision(ty: T) -> i64 {
    match (ty.length(), views::facets(ty).0) {
        (MAX, _) if matches!(ty, T::Text | T::Image) => 2_147_483_647,
        (MAX, _) if ty == T::NText => 1_073_741_823,
        (MAX, _) => 0,
        (0, _) if ty == T::Guid => 36,
        (0, digits) => digits,
        (n, _) => n.into(),
    }
}

/// What ODBC calls the length: bytes as C has the value.
fn octets(ty: T) -> i64 {
    match ty {
        T::Decimal { precision, .. } => i64::from(precision) + 2,
        T::Money => 21,
        T::SmallMoney => 12,
        T::Date => 6,
        T::DateTime | T::SmallDateTime | T::DateTime2(_) => 16,
        T::Time(_) => 12,
        T::DateTimeOffset(_) => 20,
        T::Text | T::Image => 2_147_483_647,
        T::NText => 2_147_483_646,
        _ => match ty.byte_length() {
            -1 => 0,
            n => n.into(),
        },
    }
}

fn column_row(database: &str, table: &Table, column: &super::engine::storage::Column, number: i64) -> Vec<Value> {
    let ty = column.ty;
    let (kind, plain, sub) = odbc(ty);
    let numeric = matches!(ty.family(), Family::Integer | Family::Decimal | Family::Float);
    let name = if column.identity.is_some() { format!("{} identity", ty.name()) } else { ty.name().to_owned() };
    let scale = match ty.family() {
        Family::Integer | Family::Decimal | Family::DateTime | Family::Time | Family::Offset => {
            Value::Int(views::facets(ty).1)
        }
        _ => Value::Null,
    };
    let textual = matches!(ty.family(), Family::Text | Family::Binary);
    vec![
        Value::text(database),
        Value::text("dbo"),
        Value::text(&table.name),
        Value::text(&column.name),
        Value::Int(kind),
        Value::text(name),
        Value::Int(precision(ty)),
        Value::Int(octets(ty)),
        scale,
        if numeric { Value::Int(10) } else { Value::Null },
        Value::Int(column.nullable.into()),
        Value::Null,
        Value::Null,
        Value::Int(plain),
        sub.map_or(Value::Null, Value::Int),
        if textual { Value::Int(octets(ty)) } else { Value::Null },
        Value::Int(number),
        Value::text(if column.nullable { "YES" } else { "NO" }),
        Value::Int(views::type_id(ty)),
    ]
}

/// What bulk load asks before it begins: the collation of each column of text.
fn collations(table: &Table) -> Answer {
    let columns =
        [("colid", T::Int), ("name", SYSNAME), ("tds_collation_100", T::Binary(5)), ("collation_100", SYSNAME)];
    let row = |(column, number): (&super::engine::storage::Column, i64)| {
        let textual = column.ty.family() == Family::Text && column.ty != T::Xml;
        let (bytes, name) = if textual {
            (Value::Bytes(super::login::COLLATION.as_slice().into()), Value::text("SQL_Latin1_General_CP1_CI_AS"))
        } else {
            (Value::Null, Value::Null)
        };
        vec![Value::Int(number), Value::text(&column.name), bytes, name]
    };
    Answer::new(&columns, table.columns.iter().zip(1..).map(row).collect())
}

fn statistics<'t>(
    database: &str,
    tables: impl Iterator<Item = &'t Table>,
    given: &Given<'_>,
) -> Result<Answer, SqlError> {
    let columns = [
        ("TABLE_QUALIFIER", SYSNAME),
        ("TABLE_OWNER", SYSNAME),
        ("TABLE_NAME", SYSNAME),
        ("NON_UNIQUE", T::SmallInt),
        ("INDEX_QUALIFIER", SYSNAME),
        ("INDEX_NAME", SYSNAME),
        ("TYPE", T::SmallInt),
        ("SEQ_IN_INDEX", T::SmallInt),
        ("COLUMN_NAME", SYSNAME),
        ("COLLATION", T::Char(1)),
        ("CARDINALITY", T::Int),
        ("PAGES", T::Int),
        ("FILTER_CONDITION", T::VarChar(128)),
    ];
    let mut rows = Vec::new();
    for table in tables {
        if !given.allows("table_name", &table.name)? {
            continue;
        }
        let count = Value::Int(i64::try_from(table.len()).unwrap_or(0));
        let head = || vec![Value::text(database), Value::text("dbo"), Value::text(&table.name)];
        let mut row = head();
        row.extend([
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Int(0),
            Value::Null,
            Value::Null,
            Value::Null,
            count.clone(),
            Value::Int(1),
            Value::Null,
        ]);
        rows.push(row);
        for (place, number) in table.primary_key.iter().flat_map(|key| &key.columns).zip(1..) {
            let column = table.columns.get(*place).map_or("", |column| column.name.as_str());
            let key = table.primary_key.as_ref().map_or("", |key| key.name.as_str());
            let mut row = head();
            row.extend([
                Value::Int(0),
                Value::text(&table.name),
                Value::text(key),
                Value::Int(1),
                Value::Int(number),
                Value::text(column),
                Value::text("A"),
                count.clone(),
                Value::Int(1),
                Value::Null,
            ]);
            rows.push(row);
        }
    }
    Ok(Answer::new(&columns, rows))
}

fn special_columns<'t>(tables: impl Iterator<Item = &'t Table>, given: &Given<'_>) -> Result<Answer, SqlError> {
    let columns = [
        ("SCOPE", T::SmallInt),
        ("COLUMN_NAME", SYSNAME),
        ("DATA_TYPE", T::SmallInt),
        ("TYPE_NAME", SYSNAME),
        ("PRECISION", T::Int),
        ("LENGTH", T::Int),
        ("SCALE", T::SmallInt),
        ("PSEUDO_COLUMN", T::SmallInt),
    ];
    let mut rows = Vec::new();
    for table in tables {
        if !given.allows("table_name", &table.name)? {
            continue;
        }
        for column in
            table.primary_key.iter().flat_map(|key| &key.columns).filter_map(|place| table.columns.get(*place))
        {
            rows.push(vec![
                Value::Int(1),
                Value::text(&column.name),
                Value::Int(odbc(column.ty).0),
                Value::text(column.ty.name()),
                Value::Int(precision(column.ty)),
                Value::Int(octets(column.ty)),
                Value::Int(views::facets(column.ty).1),
                Value::Int(1),
            ]);
        }
    }
    Ok(Answer::new(&columns, rows))
}

const TYPES: [(&str, T); 20] = [
    ("TYPE_NAME", SYSNAME),
    ("DATA_TYPE", T::SmallInt),
    ("PRECISION", T::Int),
    ("LITERAL_PREFIX", T::VarChar(32)),
    ("LITERAL_SUFFIX", T::VarChar(32)),
    ("CREATE_PARAMS", T::VarChar(32)),
    ("NULLABLE", T::SmallInt),
    ("CASE_SENSITIVE", T::SmallInt),
    ("SEARCHABLE", T::SmallInt),
    ("UNSIGNED_ATTRIBUTE", T::SmallInt),
    ("MONEY", T::SmallInt),
    ("AUTO_INCREMENT", T::SmallInt),
    ("LOCAL_TYPE_NAME", SYSNAME),
    ("MINIMUM_SCALE", T::SmallInt),
    ("MAXIMUM_SCALE", T::SmallInt),
    ("SQL_DATA_TYPE", T::SmallInt),
    ("SQL_DATETIME_SUB", T::SmallInt),
    ("NUM_PREC_RADIX", T::Int),
    ("INTERVAL_PRECISION", T::SmallInt),
    ("USERTYPE", T::SmallInt),
];

fn type_row(ty: T) -> Vec<Value> {
    let (kind, plain, sub) = odbc(ty);
    let numeric = matches!(ty.family(), Family::Integer | Family::Decimal | Family::Float);
    let (prefix, suffix) = match ty.family() {
        Family::Text if ty.is_unicode() => (Value::text("N'"), Value::text("'")),
        Family::Binary => (Value::text("0x"), Value::Null),
        Family::Integer | Family::Float | Family::Decimal => (Value::Null, Value::Null),
        _ => (Value::text("'"), Value::text("'")),
    };
    let params = match ty {
        T::Decimal { .. } => Value::text("precision,scale"),
        T::Char(_) | T::NChar(_) | T::Binary(_) => Value::text("length"),
        T::VarChar(_) | T::NVarChar(_) | T::VarBinary(_) => Value::text("max length"),
        T::Time(_) | T::DateTime2(_) | T::DateTimeOffset(_) => Value::text("scale"),
        _ => Value::Null,
    };
    let flag = |yes: bool| if numeric { Value::Int(yes.into()) } else { Value::Null };
    let scale = views::facets(ty).1;
    vec![
        Value::text(ty.name()),
        Value::Int(kind),
        Value::Int(precision(ty)),
        prefix,
        suffix,
        params,
        Value::Int(1),
        Value::Int(0),
        Value::Int(if ty.length() == MAX && ty != T::Xml { 1 } else { 3 }),
        flag(ty == T::TinyInt || ty == T::Bit),
        Value::Int((ty == T::Money || ty == T::SmallMoney).into()),
        flag(false),
        Value::text(ty.name()),
        if numeric { Value::Int(if matches!(ty, T::Decimal { .. }) { 0 } else { scale }) } else { Value::Null },
        if numeric { Value::Int(scale) } else { Value::Null },
        Value::Int(plain),
        sub.map_or(Value::Null, Value::Int),
        if numeric { Value::Int(10) } else { Value::Null },
        Value::Null,
        Value::Int(0),
    ]
}

/// Declarations of parameters, as `sp_describe_…` are given them.
pub fn declared(text: &str) -> Result<Vec<(String, T, bool)>, SqlError> {
    parse::parameters(text)
}

//! `sys` and `INFORMATION_SCHEMA`: what the catalog says of itself, made anew for each statement.

use super::ast::Expr;
use super::server::{Database, Server, SessionInfo};
use super::storage::{Column, Table, Tables, same_name};
use super::types::SqlType as T;
use super::value::{Row, Value};
use super::world::World;

/// The view of this schema and name, if there is one.
pub fn view(world: &World, database: &Database, tables: &Tables, schema: &str, name: &str) -> Option<Table> {
    let name = name.to_ascii_lowercase();
    if same_name(schema, "information_schema") {
        return match name.as_str() {
            "tables" => Some(information_tables(database, tables)),
            "columns" => Some(information_columns(database, tables)),
            "schemata" => Some(table(
                "schemata",
                &[("CATALOG_NAME", SYSNAME), ("SCHEMA_NAME", SYSNAME)],
                vec![vec![text(&database.name), text("dbo")]],
            )),
            _ => None,
        };
    }
    if !same_name(schema, "sys") {
        return None;
    }
    match name.as_str() {
        "databases" | "sysdatabases" => Some(databases(world)),
        "tables" => Some(objects(tables, "tables")),
        "objects" | "all_objects" | "sysobjects" => Some(objects(tables, "objects")),
        "columns" | "all_columns" | "syscolumns" => Some(columns(tables)),
        "schemas" => {
            let rows =
                [("dbo", 1), ("INFORMATION_SCHEMA", 3), ("sys", 4)].map(|(name, id)| vec![text(name), int(id), int(1)]);
            Some(table("schemas", &[("name", SYSNAME), ("schema_id", T::Int), ("principal_id", T::Int)], rows.to_vec()))
        }
        "types" | "systypes" => Some(types()),
        "dm_exec_sessions" => Some(sessions(world)),
        "dm_exec_connections" => Some(connections(world)),
        "database_principals" => {
            let mut rows = vec![
                vec![text("dbo"), int(1), text("S"), text("SQL_USER")],
                vec![text("public"), int(0), text("R"), text("DATABASE_ROLE")],
            ];
            let members = world
                .server
                .logins
                .iter()
                .filter(|login| !login.administrator && same_name(&login.database, &database.name));
            rows.extend(
                members.zip(5..).map(|(login, id)| vec![text(&login.name), int(id), text("S"), text("SQL_USER")]),
            );
            let columns =
                [("name", SYSNAME), ("principal_id", T::Int), ("type", T::Char(1)), ("type_desc", T::NVarChar(60))];
            Some(table("database_principals", &columns, rows))
        }
        "server_principals" | "sql_logins" => {
            let seen = world
                .server
                .logins
                .iter()
                .zip(1..)
                .filter(|(login, _)| world.login.administrator || same_name(&login.name, &world.login.name));
            let rows = seen
                .map(|(login, id)| {
                    vec![text(&login.name), int(id), text("S"), text("SQL_LOGIN"), int(0), text(&login.database)]
                })
                .collect();
            let columns = [
                ("name", SYSNAME),
                ("principal_id", T::Int),
                ("type", T::Char(1)),
                ("type_desc", T::NVarChar(60)),
                ("is_disabled", T::Bit),
                ("default_database_name", SYSNAME),
            ];
            Some(table("server_principals", &columns, rows))
        }
        "identity_columns" => Some(identities(tables)),
        "indexes" => Some(indexes(tables)),
        _ => None,
    }
}

const SYSNAME: T = T::NVarChar(128);

fn text(text: &str) -> Value {
    Value::text(text)
}

fn int(n: i64) -> Value {
    Value::Int(n)
}

fn table(name: &str, columns: &[(&str, T)], rows: Vec<Vec<Value>>) -> Table {
    let columns = columns.iter().map(|(name, ty)| Column::plain(*name, *ty, true)).collect();
    Table::of_rows("sys", name, columns, rows.into_iter().map(Row::from).collect())
}

/// The databases that the login may open.
pub fn visible<'a>(server: &'a Server, world: &'a World) -> impl Iterator<Item = &'a Database> {
    server
        .databases
        .iter()
        .map(AsRef::as_ref)
        .filter(|database| world.server.may_open(&world.login, database) || database.id == 2)
}

fn databases(world: &World) -> Table {
    let columns = [
        ("name", SYSNAME),
        ("database_id", T::Int),
        ("dbid", T::SmallInt),
        ("create_date", T::DateTime),
        ("compatibility_level", T::TinyInt),
        ("collation_name", SYSNAME),
        ("state", T::TinyInt),
        ("state_desc", T::NVarChar(60)),
        ("is_read_only", T::Bit),
        ("user_access_desc", T::NVarChar(60)),
        ("recovery_model", T::TinyInt),
        ("recovery_model_desc", T::NVarChar(60)),
        ("snapshot_isolation_state", T::TinyInt),
        ("is_read_committed_snapshot_on", T::Bit),
        ("is_auto_close_on", T::Bit),
        ("owner_sid", T::VarBinary(85)),
    ];
    let row = |database: &Database| {
        vec![
            text(&database.name),
            int(database.id.into()),
            int(database.id.into()),
            Value::DateTime(super::calendar::round_datetime(world.server.started)),
            int(160),
            text("SQL_Latin1_General_CP1_CI_AS"),
            int(0),
            text("ONLINE"),
            int(0),
            text("MULTI_USER"),
            int(3),
            text("SIMPLE"),
            int(1),
            int(1),
            int(0),
            Value::Bytes([1u8].as_slice().into()),
        ]
    };
    table("databases", &columns, visible(&world.server, world).map(row).collect())
}

fn objects(tables: &Tables, name: &str) -> Table {
    let columns = [
        ("name", SYSNAME),
        ("object_id", T::Int),
        ("id", T::Int),
        ("schema_id", T::Int),
        ("parent_object_id", T::Int),
        ("type", T::Char(2)),
        ("xtype", T::Char(2)),
        ("type_desc", T::NVarChar(60)),
        ("create_date", T::DateTime),
        ("modify_date", T::DateTime),
        ("is_ms_shipped", T::Bit),
    ];
    let row = |t: &Table| {
        let made = Value::DateTime(super::calendar::round_datetime(t.created));
        vec![
            text(&t.name),
            int(t.id.into()),
            int(t.id.into()),
            int(1),
            int(0),
            text("U "),
            text("U "),
            text("USER_TABLE"),
            made.clone(),
            made,
            int(0),
        ]
    };
    table(name, &columns, tables.iter().map(|t| row(t)).collect())
}

/// `system_type_id` and `user_type_id` of a type.
pub fn type_id(ty: T) -> i64 {
    match ty {
        T::Image => 34,
        T::Text => 35,
        T::Guid => 36,
        T::Date => 40,
        T::Time(_) => 41,
        T::DateTime2(_) => 42,
        T::DateTimeOffset(_) => 43,
        T::TinyInt => 48,
        T::SmallInt => 52,
        T::Int => 56,
        T::SmallDateTime => 58,
        T::Real => 59,
        T::Money => 60,
        T::DateTime => 61,
        T::Float => 62,
        T::NText => 99,
        T::Bit => 104,
        T::Decimal { .. } => 106,
        T::SmallMoney => 122,
        T::BigInt => 127,
        T::VarBinary(_) => 165,
        T::VarChar(_) => 167,
        T::Binary(_) => 173,
        T::Char(_) => 175,
        T::NVarChar(_) => 231,
        T::NChar(_) => 239,
        T::Xml => 241,
    }
}

/// Precision and scale as the catalog has them.
pub fn facets(ty: T) -> (i64, i64) {
    match ty {
        T::Decimal { precision, scale } => (precision.into(), scale.into()),
        T::Bit => (1, 0),
        T::TinyInt => (3, 0),
        T::SmallInt => (5, 0),
        T::Int => (10, 0),
        T::BigInt => (19, 0),
        T::Real => (24, 0),
        T::Float => (53, 0),
        T::Money => (19, 4),
        T::SmallMoney => (10, 4),
        T::Date => (10, 0),
        T::Time(scale) => (if scale == 0 { 8 } else { 9 + i64::from(scale) }, scale.into()),
        T::SmallDateTime => (16, 0),
        T::DateTime => (23, 3),
        T::DateTime2(scale) => (if scale == 0 { 19 } else { 20 + i64::from(scale) }, scale.into()),
        T::DateTimeOffset(scale) => (if scale == 0 { 26 } else { 27 + i64::from(scale) }, scale.into()),
        _ => (0, 0),
    }
}

fn collation(ty: T) -> Value {
    if ty.family() == super::types::Family::Text { text("SQL_Latin1_General_CP1_CI_AS") } else { Value::Null }
}

fn columns(tables: &Tables) -> Table {
    let columns = [
        ("object_id", T::Int),
        ("id", T::Int),
        ("name", SYSNAME),
        ("column_id", T::Int),
        ("system_type_id", T::TinyInt),
        ("user_type_id", T::Int),
        ("max_length", T::SmallInt),
        ("precision", T::TinyInt),
        ("scale", T::TinyInt),
        ("collation_name", SYSNAME),
        ("is_nullable", T::Bit),
        ("is_identity", T::Bit),
        ("is_computed", T::Bit),
        ("generated_always_type", T::TinyInt),
        ("is_hidden", T::Bit),
        ("is_sparse", T::Bit),
        ("default_object_id", T::Int),
    ];
    let mut rows = Vec::new();
    for t in tables.iter() {
        for (column, number) in t.columns.iter().zip(1..) {
            let (precision, scale) = facets(column.ty);
            rows.push(vec![
                int(t.id.into()),
                int(t.id.into()),
                text(&column.name),
                int(number),
                int(type_id(column.ty)),
                int(type_id(column.ty)),
                int(column.ty.byte_length().into()),
                int(precision),
                int(scale),
                collation(column.ty),
                int(column.nullable.into()),
                int(column.identity.is_some().into()),
                int(0),
                int(0),
                int(0),
                int(0),
                int(0),
            ]);
        }
    }
    table("columns", &columns, rows)
}

/// All types, with the facets that the catalog gives them.
pub const ALL_TYPES: [T; 27] = [
    T::Bit,
    T::TinyInt,
    T::SmallInt,
    T::Int,
    T::BigInt,
    T::Real,
    T::Float,
    T::Decimal { precision: 38, scale: 38 },
    T::Money,
    T::SmallMoney,
    T::Date,
    T::Time(7),
    T::SmallDateTime,
    T::DateTime,
    T::DateTime2(7),
    T::DateTimeOffset(7),
    T::Guid,
    T::Char(8000),
    T::VarChar(8000),
    T::NChar(4000),
    T::NVarChar(4000),
    T::Binary(8000),
    T::VarBinary(8000),
    T::Text,
    T::NText,
    T::Image,
    T::Xml,
];

fn types() -> Table {
    let columns = [
        ("name", SYSNAME),
        ("system_type_id", T::TinyInt),
        ("user_type_id", T::Int),
        ("schema_id", T::Int),
        ("max_length", T::SmallInt),
        ("precision", T::TinyInt),
        ("scale", T::TinyInt),
        ("is_nullable", T::Bit),
        ("is_user_defined", T::Bit),
        ("is_table_type", T::Bit),
    ];
    let row = |ty: T| {
        let (precision, scale) = facets(ty);
        vec![
            text(ty.name()),
            int(type_id(ty)),
            int(type_id(ty)),
            int(4),
            int(ty.byte_length().into()),
            int(precision),
            int(scale),
            int(1),
            int(0),
            int(0),
        ]
    };
    table("types", &columns, ALL_TYPES.into_iter().map(row).collect())
}

/// Sessions that the login may see: its own, or all for an administrator.
pub fn seen(world: &World) -> Vec<std::sync::Arc<SessionInfo>> {
    let mut sessions = world.server.sessions();
    sessions.retain(|session| world.login.administrator || session.spid == world.facts.spid);
    sessions
}

fn sessions(world: &World) -> Table {
    let columns = [
        ("session_id", T::SmallInt),
        ("login_time", T::DateTime),
        ("host_name", SYSNAME),
        ("program_name", SYSNAME),
        ("host_process_id", T::Int),
        ("client_version", T::Int),
        ("client_interface_name", T::NVarChar(32)),
        ("login_name", SYSNAME),
        ("original_login_name", SYSNAME),
        ("status", T::NVarChar(30)),
        ("is_user_process", T::Bit),
        ("database_id", T::SmallInt),
        ("language", SYSNAME),
        ("transaction_isolation_level", T::SmallInt),
    ];
    let row = |session: &SessionInfo| {
        let database = world.server.database(&session.database()).map_or(1, |database| database.id);
        vec![
            int(session.spid.into()),
            Value::DateTime(super::calendar::round_datetime(session.since)),
            text(&session.host_name),
            text(&session.program_name),
            int(session.client_pid.into()),
            int(7),
            text(&session.library),
            text(&session.login),
            text(&session.login),
            text(if session.spid == world.facts.spid { "running" } else { "sleeping" }),
            int(1),
            int(database.into()),
            text("us_english"),
            int(2),
        ]
    };
    table("dm_exec_sessions", &columns, seen(world).iter().map(|session| row(session)).collect())
}

fn connections(world: &World) -> Table {
    let columns = [
        ("session_id", T::Int),
        ("connect_time", T::DateTime),
        ("net_transport", T::NVarChar(40)),
        ("protocol_type", T::NVarChar(40)),
        ("protocol_version", T::Int),
        ("encrypt_option", T::NVarChar(40)),
        ("auth_scheme", T::NVarChar(40)),
        ("net_packet_size", T::Int),
        ("client_net_address", T::VarChar(48)),
        ("client_tcp_port", T::Int),
    ];
    let row = |session: &SessionInfo| {
        vec![
            int(session.spid.into()),
            Value::DateTime(super::calendar::round_datetime(session.since)),
            text("TCP"),
            text("TSQL"),
            int(i64::from(session.tds_version.cast_signed())),
            text(if session.encrypted { "TRUE" } else { "FALSE" }),
            text("SQL"),
            int(i64::try_from(session.packet_size).unwrap_or(0)),
            text(&session.address.ip().to_string()),
            int(session.address.port().into()),
        ]
    };
    table("dm_exec_connections", &columns, seen(world).iter().map(|session| row(session)).collect())
}

fn information_tables(database: &Database, tables: &Tables) -> Table {
    let columns = [
        ("TABLE_CATALOG", SYSNAME),
        ("TABLE_SCHEMA", SYSNAME),
        ("TABLE_NAME", SYSNAME),
        ("TABLE_TYPE", T::VarChar(10)),
    ];
    let row = |t: &Table| vec![text(&database.name), text("dbo"), text(&t.name), text("BASE TABLE")];
    table("TABLES", &columns, tables.iter().map(|t| row(t)).collect())
}

fn information_columns(database: &Database, tables: &Tables) -> Table {
    let columns = [
        ("TABLE_CATALOG", SYSNAME),
        ("TABLE_SCHEMA", SYSNAME),
        ("TABLE_NAME", SYSNAME),
        ("COLUMN_NAME", SYSNAME),
        ("ORDINAL_POSITION", T::Int),
        ("COLUMN_DEFAULT", T::NVarChar(4000)),
        ("IS_NULLABLE", T::VarChar(3)),
        ("DATA_TYPE", SYSNAME),
        ("CHARACTER_MAXIMUM_LENGTH", T::Int),
        ("NUMERIC_PRECISION", T::TinyInt),
        ("NUMERIC_SCALE", T::Int),
        ("DATETIME_PRECISION", T::SmallInt),
        ("COLLATION_NAME", SYSNAME),
    ];
    let mut rows = Vec::new();
    for t in tables.iter() {
        for (column, number) in t.columns.iter().zip(1..) {
            use super::types::Family as F;
            let (precision, scale) = facets(column.ty);
            let numeric = matches!(column.ty.family(), F::Integer | F::Decimal | F::Float) && column.ty != T::Bit;
            let length = match column.ty.length() {
                0 => Value::Null,
                super::types::MAX => int(-1),
                n => int(n.into()),
            };
            rows.push(vec![
                text(&database.name),
                text("dbo"),
                text(&t.name),
                text(&column.name),
                int(number),
                column.default.as_ref().map_or(Value::Null, |default| text(&default_text(default))),
                text(if column.nullable { "YES" } else { "NO" }),
                text(column.ty.name()),
                length,
                if numeric { int(precision) } else { Value::Null },
                if numeric { int(scale) } else { Value::Null },
                if matches!(column.ty.family(), F::Date | F::Time | F::DateTime | F::Offset) {
                    int(scale)
                } else {
                    Value::Null
                },
                collation(column.ty),
            ]);
        }
    }
    table("COLUMNS", &columns, rows)
}

fn default_text(default: &Expr) -> String {
    match default {
        Expr::Literal(Value::Text(text), _) => format!("('{text}')"),
        Expr::Literal(Value::Int(n), _) => format!("(({n}))"),
        Expr::Call { name, .. } => format!("({name}())"),
        _ => "(…)".to_owned(),
    }
}

fn identities(tables: &Tables) -> Table {
    let columns = [
        ("object_id", T::Int),
        ("name", SYSNAME),
        ("column_id", T::Int),
        ("seed_value", T::BigInt),
        ("increment_value", T::BigInt),
    ];
    let mut rows = Vec::new();
    for t in tables.iter() {
        for (column, number) in t.columns.iter().zip(1..) {
            if let Some(identity) = &column.identity {
                rows.push(vec![
                    int(t.id.into()),
                    text(&column.name),
                    int(number),
                    int(identity.seed),
                    int(identity.increment),
                ]);
            }
        }
    }
    table("identity_columns", &columns, rows)
}

fn indexes(tables: &Tables) -> Table {
    let columns = [
        ("object_id", T::Int),
        ("name", SYSNAME),
        ("index_id", T::Int),
        ("type", T::TinyInt),
        ("type_desc", T::NVarChar(60)),
        ("is_unique", T::Bit),
        ("is_primary_key", T::Bit),
    ];
    let row = |t: &Table| match &t.primary_key {
        Some(key) => vec![int(t.id.into()), text(&key.name), int(1), int(1), text("CLUSTERED"), int(1), int(1)],
        None => vec![int(t.id.into()), Value::Null, int(0), int(0), text("HEAP"), int(0), int(0)],
    };
    table("indexes", &columns, tables.iter().map(|t| row(t)).collect())
}

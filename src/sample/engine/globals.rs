//! Functions and `@@` names that tell of the session, the server and the time: constants, as far as one statement goes.

use super::ast::Operator;
use super::bound::{Bound, Kind};
use super::error::SqlError;
use super::storage::same_name;
use super::types::SqlType as T;
use super::value::{Decimal, Value};
use super::world::World;

/// What `@@VERSION` says: in the form that drivers read, and plainly what it is.
pub fn version_text() -> String {
    "Microsoft SQL Server 2022 (RTM) - 16.0.1.0 (X64) model: Gatehouse sample server, not a Microsoft SQL Server"
        .to_owned()
}

fn name(text: &str) -> Bound {
    Bound::constant(Value::text(text), T::NVarChar(128))
}

fn int(n: i64) -> Bound {
    Bound::constant(Value::Int(n), T::Int)
}

fn optional(text: Option<String>) -> Bound {
    Bound::constant(text.map_or(Value::Null, Value::text), T::NVarChar(4000))
}

/// `@@name`.
pub fn global(world: &World, variable: &str) -> Option<Bound> {
    let facts = &world.facts;
    Some(match variable {
        "@@version" => Bound::constant(Value::text(version_text()), T::NVarChar(300)),
        "@@spid" => Bound::constant(Value::Int(facts.spid.into()), T::SmallInt),
        "@@trancount" => int(facts.depth.into()),
        "@@rowcount" => int(facts.rowcount),
        "@@error" => int(facts.error.into()),
        "@@identity" => identity(facts.identity),
        "@@servername" => name(&world.server.name),
        "@@servicename" => name("MSSQLSERVER"),
        "@@language" => name(&facts.language),
        "@@langid" => Bound::constant(Value::Int(0), T::SmallInt),
        "@@datefirst" => Bound::constant(Value::Int(7), T::TinyInt),
        "@@dbts" => Bound::constant(Value::Bytes([0u8; 8].as_slice().into()), T::Binary(8)),
        "@@lock_timeout" => int(facts.lock_timeout),
        "@@max_connections" => int(32_767),
        "@@max_precision" => Bound::constant(Value::Int(38), T::TinyInt),
        "@@microsoftversion" => int(0x1000_0001),
        "@@nestlevel" => int(facts.nest_level),
        "@@options" => int(5_432),
        "@@textsize" => int(i64::from(i32::MAX)),
        "@@fetch_status" => int(0),
        _ => return None,
    })
}

fn identity(value: Option<i64>) -> Bound {
    let value = value.map_or(Value::Null, |n| Value::Decimal(Decimal { units: i128::from(n), scale: 0 }));
    Bound::constant(value, T::Decimal { precision: 38, scale: 0 })
}

fn argument(arguments: &[Bound], index: usize) -> Option<String> {
    let bound = arguments.get(index)?;
    let value = bound.clone().cast_to(T::NVarChar(4000)).eval(&[], &None).ok()?;
    value.as_text().map(str::to_owned)
}

fn number(arguments: &[Bound], index: usize) -> Option<i64> {
    arguments.get(index)?.clone().cast_to(T::BigInt).eval(&[], &None).ok()?.as_int()
}

/// A function whose argument may differ from row to row: the answer that stands beside the value that the argument has.
fn by_row(
    arguments: &[Bound],
    ty: T,
    answers: impl Iterator<Item = (Bound, Bound)>,
    otherwise: Option<Bound>,
) -> Bound {
    let Some(argument) = arguments.first() else { return Bound::constant(Value::Null, ty) };
    let asked = Box::new(argument.clone().cast_to(ty));
    let mut answer = T::Int;
    let branches = answers
        .map(|(value, told)| {
            answer = told.ty;
            let equal = Kind::Compare(Operator::Equal, asked.clone(), Box::new(value.cast_to(ty)));
            (Bound::condition(equal), told)
        })
        .collect();
    Bound { kind: Kind::Case { branches, otherwise: otherwise.map(Box::new) }, ty: answer, nullable: true }
}

/// A function of the session, or `None` when it is none of these.
pub fn function(world: &World, called: &str, arguments: &[Bound]) -> Result<Option<Bound>, SqlError> {
    let facts = &world.facts;
    let moment = |ty: T| super::convert::moment_of(world.now, 0, ty).map(|value| Bound::constant(value, ty));
    let first = || argument(arguments, 0).unwrap_or_default();
    Ok(Some(match called {
        "getdate" | "getutcdate" | "current_timestamp" | "now" => moment(T::DateTime)?,
        "sysdatetime" | "sysutcdatetime" => moment(T::DateTime2(7))?,
        "sysdatetimeoffset" => moment(T::DateTimeOffset(7))?,
        "db_name" if arguments.is_empty() => name(&world.database.name),
        "db_name" => {
            let id = number(arguments, 0);
            let found = world
                .server
                .databases
                .iter()
                .find(|d| Some(i64::from(d.id)) == id && world.server.may_open(&world.login, d));
            optional(found.map(|d| d.name.clone()))
        }
        "db_id" if arguments.is_empty() => Bound::constant(Value::Int(world.database.id.into()), T::SmallInt),
        "db_id" => {
            let found = world.server.database(&first()).filter(|d| world.server.may_open(&world.login, d));
            Bound::constant(found.map_or(Value::Null, |d| Value::Int(d.id.into())), T::SmallInt)
        }
        "has_dbaccess" => {
            let databases = world.server.databases.iter();
            let access = databases.map(|d| (name(&d.name), int(i64::from(world.server.may_open(&world.login, d)))));
            by_row(arguments, T::NVarChar(128), access, Some(int(0)))
        }
        "suser_sname" | "suser_name" | "original_login" | "system_user" => name(&world.login.name),
        "user_name" | "current_user" | "session_user" | "user" => name(world.user()),
        "user_id" | "database_principal_id" => int(if world.login.administrator { 1 } else { 5 }),
        "host_name" => name(&facts.host_name),
        "host_id" => name("0"),
        "app_name" | "program_name" => name(&facts.program_name),
        "schema_name" => name("dbo"),
        "schema_id" => int(1),
        "scope_identity" => identity(facts.identity),
        "ident_current" => identity(facts.identity),
        "rowcount_big" => Bound::constant(Value::Int(facts.rowcount), T::BigInt),
        "xact_state" => Bound::constant(Value::Int(i64::from(facts.depth > 0)), T::SmallInt),
        "is_srvrolemember" => int(i64::from(
            world.login.administrator && same_name(&first(), "sysadmin") || same_name(&first(), "public"),
        )),
        "is_member" | "is_rolemember" => int(i64::from(super::permission::is_member(&world.login, &first()))),
        "object_id" => {
            let found = super::parse::object_name(&first()).ok().and_then(|name| world.table(&name).ok());
            Bound::constant(found.map_or(Value::Null, |table| Value::Int(table.id.into())), T::Int)
        }
        "object_name" => {
            let id = number(arguments, 0);
            optional(world.tables.iter().find(|table| Some(i64::from(table.id)) == id).map(|table| table.name.clone()))
        }
        "type_name" => {
            let names = super::views::ALL_TYPES.into_iter().map(|ty| (int(super::views::type_id(ty)), name(ty.name())));
            by_row(arguments, T::BigInt, names, None)
        }
        "type_id" => {
            let found = super::views::ALL_TYPES.into_iter().find(|ty| same_name(ty.name(), &first()));
            Bound::constant(found.map_or(Value::Null, |ty| Value::Int(super::views::type_id(ty))), T::Int)
        }
        "col_name" => {
            let (id, column) = (number(arguments, 0), number(arguments, 1).and_then(|n| usize::try_from(n - 1).ok()));
            let table = world.tables.iter().find(|table| Some(i64::from(table.id)) == id);
            optional(
                table
                    .zip(column)
                    .and_then(|(table, column)| table.columns.get(column))
                    .map(|column| column.name.clone()),
            )
        }
        "serverproperty" => optional(server_property(world, &first())),
        "connectionproperty" => optional(match first().to_ascii_lowercase().as_str() {
            "net_transport" => Some("TCP".to_owned()),
            "protocol_type" => Some("TSQL".to_owned()),
            "auth_scheme" => Some("SQL".to_owned()),
            "client_net_address" => Some(facts.client.clone()),
            _ => None,
        }),
        "databasepropertyex" => {
            optional(match argument(arguments, 1).unwrap_or_default().to_ascii_lowercase().as_str() {
                "status" => Some("ONLINE".to_owned()),
                "collation" => Some("SQL_Latin1_General_CP1_CI_AS".to_owned()),
                "updateability" => Some("READ_WRITE".to_owned()),
                "recovery" => Some("SIMPLE".to_owned()),
                _ => None,
            })
        }
        "session_context" => {
            let value = facts.context.get(&first().to_lowercase()).cloned().unwrap_or(Value::Null);
            Bound::constant(value, T::NVarChar(4000))
        }
        "error_number" => {
            Bound::constant(facts.caught.as_ref().map_or(Value::Null, |e| Value::Int(e.number.into())), T::Int)
        }
        "error_severity" => {
            Bound::constant(facts.caught.as_ref().map_or(Value::Null, |e| Value::Int(e.class.into())), T::Int)
        }
        "error_state" => {
            Bound::constant(facts.caught.as_ref().map_or(Value::Null, |e| Value::Int(e.state.into())), T::Int)
        }
        "error_line" => {
            Bound::constant(facts.caught.as_ref().map_or(Value::Null, |e| Value::Int(e.line.into())), T::Int)
        }
        "error_procedure" => optional(facts.caught.as_ref().map(|e| e.procedure.clone()).filter(|p| !p.is_empty())),
        "error_message" => optional(facts.caught.as_ref().map(|e| e.message.clone())),
        _ => return Ok(None),
    }))
}

fn server_property(world: &World, property: &str) -> Option<String> {
    let text = match property.to_ascii_lowercase().as_str() {
        "productversion" => "16.0.1.0",
        "productlevel" => "RTM",
        "productmajorversion" => "16",
        "productminorversion" => "0",
        "productbuild" => "1",
        "edition" => "Gatehouse sample server (a model)",
        "engineedition" => "3",
        "editionid" => "0",
        "servername" | "machinename" => &world.server.name,
        "collation" => "SQL_Latin1_General_CP1_CI_AS",
        "isclustered" | "ishadrenabled" | "isintegratedsecurityonly" | "issingleuser" | "isfulltextinstalled" => "0",
        _ => return None,
    };
    Some(text.to_owned())
}

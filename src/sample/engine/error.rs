//! What the sample server says when it says no: SQL Server's numbers, classes and texts, all in this one file.

/// An error or message as a statement raises it; `class` above 10 is an error, 20 and more ends the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// SQL Server's message number.
    pub number: i32,
    /// Severity.
    pub class: u8,
    /// State: where in the server it was raised.
    pub state: u8,
    /// The text.
    pub message: String,
    /// The line of the batch, counted from 1; 0 when unknown yet.
    pub line: u32,
    /// The procedure that raised it, empty for a batch.
    pub procedure: String,
}

impl SqlError {
    /// An error of state 1, without a line.
    pub fn new(number: i32, class: u8, message: impl Into<String>) -> Self {
        Self { number, class, state: 1, message: message.into(), line: 0, procedure: String::new() }
    }

    /// The same in another state.
    #[must_use]
    pub fn state(mut self, state: u8) -> Self {
        self.state = state;
        self
    }

    /// The same, with its line where it has none yet.
    #[must_use]
    pub fn at(mut self, line: u32) -> Self {
        if self.line == 0 {
            self.line = line;
        }
        self
    }

    /// Whether the session ends with it.
    pub fn ends_session(&self) -> bool {
        self.class >= 20
    }

    /// Whether the rest of the batch is not run after it, whatever XACT_ABORT says.
    pub fn ends_batch(&self) -> bool {
        self.class >= 17
            || matches!(
                self.number,
                102 | 105 | 137 | 156 | 170 | 207 | 208 | 241 | 245 | 295 | 916 | 1205 | 8114 | 8169 | 40000
            )
    }

    /// Whether it takes the whole transaction with it.
    pub fn ends_transaction(&self) -> bool {
        self.number == 1205 || self.ends_session()
    }
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.number, self.message)
    }
}

impl std::error::Error for SqlError {}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident($($arg:ident),*) = $number:literal, $class:literal, $text:literal;)+) => {
        impl SqlError {$(
            $(#[$doc])*
            pub fn $name($($arg: impl std::fmt::Display),*) -> Self {
                Self::new($number, $class, format!($text))
            }
        )+}
    };
}

errors! {
    /// The parser met something else than it can read.
    syntax(near) = 102, 15, "Incorrect syntax near '{near}'.";
    /// The parser met a keyword where none may stand.
    syntax_keyword(word) = 156, 15, "Incorrect syntax near the keyword '{word}'.";
    /// A string that never ends.
    unclosed(text) = 105, 15, "Unclosed quotation mark after the character string '{text}'.";
    /// INSERT with more or fewer values than columns.
    column_count() = 213, 16, "Column name or number of supplied values does not match table definition.";
    /// A variable that was not declared.
    undeclared(name) = 137, 15, "Must declare the scalar variable \"{name}\".";
    /// The same variable twice.
    redeclared(name) = 134, 15, "The variable name '{name}' has already been declared. Variable names must be unique within a query batch or stored procedure.";
    /// A column that is not there.
    unknown_column(name) = 207, 16, "Invalid column name '{name}'.";
    /// A column that two tables have.
    ambiguous_column(name) = 209, 16, "Ambiguous column name '{name}'.";
    /// A prefix that names no table of the query.
    unbound(name) = 4104, 16, "The multi-part identifier \"{name}\" could not be bound.";
    /// A table or view that is not there.
    unknown_object(name) = 208, 16, "Invalid object name '{name}'.";
    /// A procedure that is not there.
    unknown_procedure(name) = 2812, 16, "Could not find stored procedure '{name}'.";
    /// A function that is not there.
    unknown_function(name) = 195, 15, "'{name}' is not a recognized built-in function name.";
    /// A function with too few or too many arguments.
    argument_count(name, count) = 174, 15, "The {name} function requires {count} argument(s).";
    /// A type that is not there.
    unknown_type(name) = 2715, 16, "Column, parameter, or variable: Cannot find data type {name}.";
    /// A table that is there already.
    object_exists(name) = 2714, 16, "There is already an object named '{name}' in the database.";
    /// DROP of what is not there, or not to be dropped.
    cannot_drop(name) = 3701, 11, "Cannot drop the table '{name}', because it does not exist or you do not have permission.";
    /// TRUNCATE of what is not there.
    cannot_find(name) = 4701, 16, "Cannot find the object \"{name}\" because it does not exist or you do not have permissions.";
    /// NULL for a column that takes none.
    not_nullable(column, table, verb) = 515, 16, "Cannot insert the value NULL into column '{column}', table '{table}'; column does not allow nulls. {verb} fails.";
    /// A key that is there already.
    duplicate_key(constraint, table, key) = 2627, 14, "Violation of PRIMARY KEY constraint '{constraint}'. Cannot insert duplicate key in object '{table}'. The duplicate key value is ({key}).";
    /// A given value for an identity column.
    identity_insert(table) = 544, 16, "Cannot insert explicit value for identity column in table '{table}' when IDENTITY_INSERT is set to OFF.";
    /// A value longer than its column.
    truncated(table, column, value) = 2628, 16, "String or binary data would be truncated in table '{table}', column '{column}'. Truncated value: '{value}'.";
    /// An integer beyond its type in an expression.
    arithmetic_overflow(what) = 8115, 16, "Arithmetic overflow error converting expression to data type {what}.";
    /// An integer beyond a small type.
    small_overflow(what, value) = 220, 16, "Arithmetic overflow error for data type {what}, value = {value}.";
    /// Division by zero.
    divide_by_zero() = 8134, 16, "Divide by zero error encountered.";
    /// A text that is not the number it should become.
    conversion(from, value, to) = 245, 16, "Conversion failed when converting the {from} value '{value}' to data type {to}.";
    /// A text that is not a date or time.
    conversion_date() = 241, 16, "Conversion failed when converting date and/or time from character string.";
    /// A text that is not a guid.
    conversion_guid() = 8169, 16, "Conversion failed when converting from a character string to uniqueidentifier.";
    /// A text that is not a decimal or float.
    conversion_numeric(from, to) = 8114, 16, "Error converting data type {from} to {to}.";
    /// Types that do not convert by themselves.
    clash(left, right) = 206, 16, "Operand type clash: {left} is incompatible with {right}";
    /// CAST between types that have no conversion.
    no_conversion(from, to) = 529, 16, "Explicit conversion from data type {from} to {to} is not allowed.";
    /// Operators on types that have none.
    bad_operand(ty, operator) = 8117, 16, "Operand data type {ty} is invalid for {operator} operator.";
    /// A condition that is none.
    not_a_condition(near) = 4145, 15, "An expression of non-boolean type specified in a context where a condition is expected, near '{near}'.";
    /// A subquery with more than one row.
    many_rows() = 512, 16, "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.";
    /// A subquery with more than one column.
    many_columns() = 116, 16, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.";
    /// A column neither grouped nor aggregated.
    not_grouped(column) = 8120, 16, "Column '{column}' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.";
    /// UNION of different widths.
    union_width() = 205, 16, "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.";
    /// `*` without FROM.
    star_without_from() = 263, 16, "Must specify table to select from.";
    /// ORDER BY a position that is not there.
    order_position(position) = 108, 15, "The ORDER BY position number {position} is out of range of the number of items in the select list.";
    /// A column without a name where one is needed.
    unnamed_column(position, table) = 1038, 15, "An object or column name is missing or empty (column {position} of '{table}'). Add a name as the alias name.";
    /// The database is not open to this login.
    no_access(login, database) = 916, 14, "The server principal \"{login}\" is not able to access the database \"{database}\" under the current security context.";
    /// A database that is not there.
    unknown_database(name) = 911, 16, "Database '{name}' does not exist. Make sure that the name is entered correctly.";
    /// A right on an object that the user has not.
    denied(right, object, database) = 229, 14, "The {right} permission was denied on the object '{object}', database '{database}', schema 'dbo'.";
    /// A right in the database that the user has not.
    denied_in_database(right, database) = 262, 14, "{right} permission denied in database '{database}'.";
    /// A right on the server that the login has not.
    denied_on_server(right) = 6102, 14, "User does not have permission to use the {right} statement.";
    /// COMMIT without BEGIN.
    commit_without_begin() = 3902, 16, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.";
    /// ROLLBACK without BEGIN.
    rollback_without_begin() = 3903, 16, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.";
    /// ROLLBACK to a name that is none.
    unknown_savepoint(name) = 6401, 16, "Cannot roll back {name}. No transaction or savepoint of that name was found.";
    /// SAVE TRANSACTION outside a transaction.
    save_without_begin() = 628, 16, "Cannot issue SAVE TRANSACTION when there is no active transaction.";
    /// The victim of a deadlock.
    deadlock(spid) = 1205, 13, "Transaction (Process ID {spid}) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.";
    /// LOCK_TIMEOUT passed.
    lock_timeout() = 1222, 16, "Lock request time out period exceeded.";
    /// The database is full.
    full(object, database) = 1105, 17, "Could not allocate space for object '{object}' in database '{database}' because the 'PRIMARY' filegroup is full. The sample server's memory limit is reached.";
    /// A query needs more memory than one may have.
    query_memory() = 701, 17, "There is insufficient system memory in resource pool 'default' to run this query. The sample server bounds what one query may hold.";
    /// Nested too deep.
    too_deep() = 191, 15, "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.";
    /// A prepared handle that is not there.
    unknown_handle(handle) = 8179, 16, "Could not find prepared statement with handle {handle}.";
    /// A parameter that was not given.
    missing_parameter(procedure, name) = 201, 16, "Procedure or function '{procedure}' expects parameter '{name}', which was not supplied.";
    /// More parameters than there are.
    too_many_parameters(procedure) = 8144, 16, "Procedure or function {procedure} has too many arguments specified.";
    /// A parameter of a name that there is not.
    unknown_parameter(name, procedure) = 8145, 16, "{name} is not a parameter for procedure {procedure}.";
    /// RAISERROR of 19 and more without the right, or without LOG.
    severity_too_high() = 2754, 16, "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option.";
    /// KILL of a session that is not there.
    unknown_spid(spid) = 6106, 16, "Process ID {spid} is not an active process ID.";
    /// KILL of oneself.
    kill_self() = 6104, 16, "Cannot use KILL to kill your own process.";
    /// Nothing that this model knows: said plainly, and never answered with a made-up result.
    unsupported(what) = 40000, 16, "{what} is not supported by Gatehouse's sample server, which is a model and not SQL Server.";
    /// A parameter's type cannot be told.
    undeducible(name) = 11503, 16, "The type for parameter '{name}' cannot be deduced in this context.";
    /// Wrong use of TOP or FETCH.
    bad_count() = 1060, 15, "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.";
    /// A bulk load that does not fit its announcement.
    bulk_mismatch() = 4816, 16, "Invalid column type from bcp client.";
    /// A malformed request.
    malformed(what) = 4002, 16, "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly or a part of it could not be read ({what}).";
}

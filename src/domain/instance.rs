//! Names of SQL Server instances: what stands behind the backslash in `OLDSERVER\ERP`.

/// Whether an instance can have this name: 1 to 16 letters, digits, and `_ $ # & -`, as SQL Server's own set-up has it.
pub fn is_instance_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '#' | '&' | '-');
    (1..=16).contains(&name.len()) && name.chars().all(allowed)
}

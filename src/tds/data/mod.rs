//! Types, values, columns and rows (MS-TDS 2.2.5.4 to 2.2.5.6, 2.2.7): what results, parameters and bulk loads are made of.
//!
//! Values of the 8-bit character types are kept as bytes: which characters they are is the collation's matter. Text of the
//! Unicode types is read with U+FFFD for a surrogate on its own. Rows are read one at a time, so that memory is bounded by
//! the columns and the bytes of one row.

mod collation;
mod column;
mod plp;
mod return_value;
mod row;
mod table;
mod types;
mod value;
mod variant;

#[cfg(test)]
pub(super) mod tests;

pub use collation::Collation;
pub use column::{Column, ColumnFlags, Columns};
pub use return_value::ReturnValue;
pub use row::{RowItem, Rows};
pub use table::{Table, TableType};
pub use types::{Place, TypeInfo, UNLIMITED, UdtName, XmlSchema};
pub use value::Value;
pub use variant::Variant;

//! `.udl`: a data link, which Windows opens with a double click and any OLE DB program can name.

use super::{File, FileError, file_name, fit, utf16};
use crate::workstation::connection::Connection;
use crate::workstation::strings::ole_db;

/// A data link of the connection. The two lines before the string are part of the format.
pub fn udl(connection: &Connection) -> Result<File, FileError> {
    let connection = fit(connection)?;
    let string = ole_db::write(&connection);
    let text = format!("[oledb]\r\n; Everything after this line is an OLE DB initstring\r\n{string}\r\n");
    Ok(File { name: file_name(&connection, "udl"), media_type: "application/octet-stream", content: utf16(&text) })
}

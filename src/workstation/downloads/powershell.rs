//! `.ps1`: a connection test. It connects with what every Windows has, asks for the password, says how it went, and closes.

use super::{File, FileError, file_name, fit};
use crate::workstation::connection::Connection;
use crate::workstation::strings::Format;

/// A script that tests the connection with .NET's own SqlClient. Windows starts no script that was downloaded unless it is told
/// to, so the first lines say how.
///
/// Every value stands in single quotes, in which PowerShell knows nothing but the quote itself; it takes the typographic
/// ones for it, too. The file begins with UTF-8's mark: without it Windows PowerShell reads another code page.
pub fn powershell(connection: &Connection) -> Result<File, FileError> {
    let connection = fit(connection)?;
    // .NET Framework's SqlClient knows neither `Strict` nor a name in the certificate.
    let plain = Connection {
        encryption: crate::workstation::connection::Encryption::Mandatory,
        trust: Default::default(),
        ..connection.clone()
    };
    let string = Format::SqlClient.write(&Connection { user: "-".to_owned(), ..plain })?;
    let string = string.expose().replace("User ID=\"-\";", "");
    let text = format!(
        "# A connection test: opens a connection to the database {comment} through Gatehouse, says how it went, and closes it.\r\n\
         # It asks for the password: a pass, or a device's secret. To start it:\r\n\
         #   powershell -ExecutionPolicy Bypass -File {name}\r\n\
         $ErrorActionPreference = 'Stop'\r\n\
         $credential = Get-Credential -UserName {user} -Message {message}\r\n\
         $credential.Password.MakeReadOnly()\r\n\
         $login = New-Object System.Data.SqlClient.SqlCredential($credential.UserName, $credential.Password)\r\n\
         $connection = New-Object System.Data.SqlClient.SqlConnection({string}, $login)\r\n\
         try {{\r\n\
         \x20   $connection.Open()\r\n\
         \x20   $command = $connection.CreateCommand()\r\n\
         \x20   $command.CommandText = 'SELECT SUSER_SNAME(), DB_NAME(), @@VERSION'\r\n\
         \x20   $reader = $command.ExecuteReader()\r\n\
         \x20   [void] $reader.Read()\r\n\
         \x20   Write-Output ('Connected as {{0}} to {{1}}: {{2}}' -f $reader[0], $reader[1], $reader[2])\r\n\
         }} finally {{\r\n\
         \x20   $connection.Dispose()\r\n\
         }}\r\n",
        name = file_name(&connection, "ps1"),
        comment = quoted(&connection.database),
        user = quoted(&connection.user),
        message = quoted(&format!("Password for {} at Gatehouse", connection.user)),
        string = quoted(&string),
    );
    let content = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
    Ok(File { name: file_name(&connection, "ps1"), media_type: "text/plain; charset=utf-8", content })
}

/// A text in single quotes: quotes doubled, those that PowerShell takes for one included.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        out.push(c);
        if QUOTES.contains(&c) {
            out.push(c);
        }
    }
    out.push('\'');
    out
}

/// What PowerShell's tokenizer takes for a single quote.
pub(super) const QUOTES: [char; 5] = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];

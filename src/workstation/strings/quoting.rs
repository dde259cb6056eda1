//! `keyword=value;` with the two ways of quoting a value that the formats share.

/// Room for a whole string at once: a text that grows leaves copies of what it held behind.
pub(super) const ROOM: usize = 4096;

/// Adds `keyword=value;`, the value as it is: for values that the appliance chose.
pub(super) fn plain(out: &mut String, keyword: &str, value: &str) {
    out.push_str(keyword);
    out.push('=');
    out.push_str(value);
    out.push(';');
}

/// Adds `keyword={value};`, closing braces doubled: ODBC ([MS-ODBCSTR] 2.1.2) and JDBC.
pub(super) fn braced(out: &mut String, keyword: &str, value: &str) {
    enclosed(out, keyword, value, '{', '}');
}

/// Adds `keyword="value";`, quotes doubled: ADO.NET and OLE DB.
pub(super) fn quoted(out: &mut String, keyword: &str, value: &str) {
    enclosed(out, keyword, value, '"', '"');
}

fn enclosed(out: &mut String, keyword: &str, value: &str, open: char, close: char) {
    out.push_str(keyword);
    out.push('=');
    out.push(open);
    for c in value.chars() {
        out.push(c);
        if c == close {
            out.push(c);
        }
    }
    out.push(close);
    out.push(';');
}

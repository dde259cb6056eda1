//! What a host may be called.

/// Whether `text` is a DNS name or an address.
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.parse::<std::net::IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_certificate_can_carry_is_objected_to() {
        for wrong in ["", "a b", "-a", "a..b", "sql:1433", "https://sql"] {
            assert!(!is_host(wrong), "{wrong:?}");
        }
        for right in ["sql", "sql.example.org", "10.0.0.5", "::1"] {
            assert!(is_host(right), "{right:?}");
        }
    }
}

//! Where an answer may be sent: exactly an address that was registered; of a loopback address, any port (RFC 8252, 7.3).

/// Why an address may not be registered; nothing where it may: `https:`, plain HTTP to a loopback address, or a scheme of the
/// program's own, which has a dot in it.
pub(super) fn fault(address: &str) -> Option<&'static str> {
    if address.len() > LONGEST {
        return Some("it is longer than 300 characters");
    }
    if address.contains('#') {
        return Some("it has a fragment (#)");
    }
    if address.contains('*') {
        return Some("it has a wildcard (*), and answers go to exact addresses alone");
    }
    if !address.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>')) {
        return Some("it has a character that no address has");
    }
    if loopback(address).is_some() {
        return None;
    }
    match address.split_once(':') {
        Some(("https", rest)) => {
            let host = rest.strip_prefix("//").unwrap_or_default().split(['/', '?']).next().unwrap_or_default();
            match (host.is_empty(), host.contains('@')) {
                (true, _) => Some("it has no host"),
                (false, true) => Some("it has a user name before its host"),
                (false, false) => None,
            }
        }
        Some(("http", _)) => Some("it is plain HTTP, and not to 127.0.0.1, [::1] or localhost"),
        Some((scheme, _)) if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-') => {
            Some("it has no scheme")
        }
        Some((scheme, _)) if scheme.contains('.') => None,
        Some(_) => Some("a scheme of the program's own has a dot in it, such as com.example.reports"),
        None => Some("it has no scheme"),
    }
}

/// Whether `asked` is the registered address, or the same loopback address on another port.
pub(super) fn matches(registered: &str, asked: &str) -> bool {
    match (loopback(registered), loopback(asked)) {
        (Some(registered), Some(asked)) => registered == asked,
        (None, None) => registered == asked,
        _ => false,
    }
}

/// The host and the path of a loopback address, without its port.
fn loopback(address: &str) -> Option<(&str, &str)> {
    let rest = address.strip_prefix("http://")?;
    let host = HOSTS.into_iter().find(|host| rest.starts_with(host))?;
    let rest = rest.strip_prefix(host)?;
    let (port, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let good = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0),
        None => port.is_empty(),
    };
    good.then_some((host, path))
}

const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_the_same_on_any_port_and_no_other_is() {
        let registered = "http://127.0.0.1/callback";
        for same in ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"] {
            assert!(matches(registered, same), "{same}");
        }
        for other in [
            "http://127.0.0.1:1/other",
            "http://[::1]:1/callback",
            "https://127.0.0.1/callback",
            "http://127.0.0.1",
            "http://127.0.0.1.example.org/callback",
            "http://127.0.0.1:1@example.org/callback",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:1/callback#x",
            "",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
        let exact = "https://app.example.org/done?x=1";
        assert!(matches(exact, exact));
        for other in
            ["https://app.example.org/done", "https://app.example.org:443/done?x=1", "https://APP.example.org/done?x=1"]
        {
            assert!(!matches(exact, other), "{other}");
        }
    }

    #[test]
    fn what_would_leak_an_answer_is_not_registered() {
        for good in
            ["https://app.example.org/done", "http://localhost/x", "http://[::1]:8080/", "org.example.app:/done"]
        {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, why) in [
            ("", "no scheme"),
            ("http://app.example.org/done", "plain HTTP"),
            ("javascript:alert(1)", "a dot"),
            ("data:text/html,x", "a dot"),
            ("https://", "no host"),
            ("https://a@b/", "a user name"),
            ("https://app.example.org/#x", "fragment"),
            ("https://*.example.org/", "wildcard"),
            ("http://127.0.0.1:*/", "wildcard"),
            ("https://app example.org/", "a character"),
            ("http://127.0.0.1.evil.org/", "plain HTTP"),
            ("http://127.0.0.1:99999/", "plain HTTP"),
            ("//x", "no scheme"),
            ("a/b.c:x", "no scheme"),
            ("https:x", "no host"),
            (&format!("https://{}", "x".repeat(300)), "longer"),
        ] {
            let told = fault(bad).unwrap_or_else(|| panic!("{bad}"));
            assert!(told.contains(why), "{bad}: {told}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_matches_a_loopback_address_but_with_its_host_and_path(asked in "http://[a-z0-9.:@\\[\\]/]{0,30}") {
            if matches("http://127.0.0.1/callback", &asked) {
                proptest::prop_assert!(asked.starts_with("http://127.0.0.1") && asked.ends_with("/callback"));
                let port = &asked["http://127.0.0.1".len()..asked.len() - "/callback".len()];
                proptest::prop_assert!(port.is_empty() || port[1..].parse::<u16>().is_ok());
            }
        }
    }
}

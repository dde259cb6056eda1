//! Where an answer may be sent: exactly an address that was registered; of a loopback address, any port (RFC 8252, 7.3).

/// Whether an address may be registered: `https:`, plain HTTP to a loopback address, or a scheme of the program's own,
/// which has a dot in it.
pub(super) fn may_be_registered(address: &str) -> bool {
    let plain =
        address.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>'));
    if !plain || address.len() > LONGEST {
        return false;
    }
    if loopback(address).is_some() {
        return true;
    }
    match address.split_once(':') {
        Some(("https", rest)) => rest.strip_prefix("//").is_some_and(|rest| {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            !host.is_empty() && !host.contains('@')
        }),
        Some((scheme, _)) => {
            scheme.contains('.') && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        }
        None => false,
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
            assert!(may_be_registered(good), "{good}");
        }
        for bad in [
            "",
            "http://app.example.org/done",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "https://a@b/",
            "https://app.example.org/#x",
            "https://app example.org/",
            "http://127.0.0.1.evil.org/",
            "//x",
            "https:x",
        ] {
            assert!(!may_be_registered(bad), "{bad}");
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

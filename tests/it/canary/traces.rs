//! The forms in which a secret could lie about, and the search for them.

use std::path::Path;

use base64::Engine as _;

/// Every form of `secret` that would give it away: as text in UTF-8 and UTF-16, in base64 and hexadecimal, and as LOGIN7 hides it.
pub fn forms(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf8 = secret.as_bytes().to_vec();
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hidden = utf16.iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // Without its end, which depends on what follows.
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&utf8[..utf8.len() / 3 * 3]);
    let list: Vec<String> = utf8.iter().map(u8::to_string).collect();
    vec![
        ("hexadecimal", hex(&utf8).into_bytes()),
        ("upper-case hexadecimal", hex(&utf8).to_uppercase().into_bytes()),
        ("base64", base64.into_bytes()),
        ("a list of numbers", list.join(", ").into_bytes()),
        ("UTF-16", utf16),
        ("LOGIN7's form", hidden),
        ("UTF-8", utf8),
    ]
}

/// Where in `haystack` a secret lies, in whatever form.
pub fn find(haystack: &[u8], secrets: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for secret in secrets {
        for (form, bytes) in forms(secret) {
            if let Some(at) = haystack.windows(bytes.len()).position(|window| window == bytes) {
                let around = &haystack[at.saturating_sub(200)..(at + 200).min(haystack.len())];
                found.push(format!("{secret} as {form}, in: {}", String::from_utf8_lossy(around)));
            }
        }
    }
    found
}

/// Where in the files below `folder` a secret lies.
pub fn find_in_files(folder: &Path, secrets: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap()) {
        if entry.file_type().is_file() {
            let content = std::fs::read(entry.path()).unwrap();
            found.extend(find(&content, secrets).into_iter().map(|text| format!("{}: {text}", entry.path().display())));
        }
    }
    found
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = "canary-Zürich-9182";
    for (form, bytes) in forms(secret) {
        let haystack = [b"before ".as_slice(), &bytes, b" after"].concat();
        assert!(!find(&haystack, &[secret]).is_empty(), "{form}");
    }
    assert!(find(b"nothing of the kind", &[secret]).is_empty());
    let printed = format!("{:?} {:x?}", secret.as_bytes(), ());
    assert!(!find(printed.as_bytes(), &[secret]).is_empty(), "bytes as Rust prints them");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(folder.path().join("deep/file"), secret).unwrap();
    assert_eq!(find_in_files(folder.path(), &[secret]).len(), 1);
}

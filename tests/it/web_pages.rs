//! The pages and endpoints, asked in process.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use gatehouse::domain::Role;
use gatehouse::tls::Anchor;
use gatehouse::web::{DemoNote, Parts, SignedBy, Trust, router};
use tower::ServiceExt as _;

use crate::support::house::House;
use crate::support::pages;

/// What the pages are made from, over a house with an administrator.
async fn web(demo: Option<DemoNote>) -> (House, Parts) {
    let house = House::build();
    house.account("root", Role::Administrator).await;
    let parts = pages::parts(&house).await;
    (house, Parts { demo: demo.map(Arc::new), ..parts })
}

async fn ask(parts: &Parts, method: &str, path: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    router(parts.clone().into()).oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn the_front_page_says_what_runs_and_escapes_the_appliances_name() {
    let (_house, web) = web(None).await;
    let response = ask(&web, "GET", "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = text(response).await;
    assert!(page.contains("1433") && page.contains("Takes logins"));
    assert!(!page.contains("<b>gate</b>"), "{page}");
    assert!(!page.contains("demo"), "an appliance that is no demo does not speak of one");
}

#[tokio::test]
async fn the_demos_front_page_names_the_account_and_the_database() {
    let note = DemoNote { database: "trade".into(), account: "ada".into() };
    let (_house, web) = web(Some(note)).await;
    let page = text(ask(&web, "GET", "/").await).await;
    assert!(page.contains("<code>trade</code>") && page.contains("<code>ada</code>"));
}

#[tokio::test]
async fn the_page_about_trust_shows_the_fingerprint_and_every_way_to_install_the_authority() {
    let (_house, web) = web(None).await;
    let authority = (web.trust.authority)().unwrap();
    let front = text(ask(&web, "GET", "/").await).await;
    assert!(front.contains("href=\"/trust/\""), "the front page leads there");
    let page = text(ask(&web, "GET", "/trust/").await).await;
    for line in authority.fingerprint_lines() {
        assert!(page.contains(&format!("<code>{line}</code>")), "{line} in {page}");
    }
    let command = format!("gatehouse trust install https://sql.corp.example --fingerprint {}", authority.sha256());
    for way in [
        "Group Policy",
        "Intune",
        "Import-Certificate",
        "certutil -addstore",
        "update-ca-certificates",
        "update-ca-trust",
        "security add-trusted-cert",
        "ImportEnterpriseRoots",
        "CACertificates",
        &command,
    ] {
        assert!(page.contains(way), "{way} in {page}");
    }
    assert!(!page.contains("<b>root</b>") && !page.contains("Nothing needs installing"), "{page}");
}

#[tokio::test]
async fn the_authoritys_certificate_is_handed_out_in_both_forms() {
    let (_house, web) = web(None).await;
    let authority = (web.trust.authority)().unwrap();
    for (path, kind, ending) in [
        ("/trust/authority.pem", "application/pem-certificate-chain", "pem"),
        ("/trust/authority.crt", "application/x-x509-ca-cert", "crt"),
        ("/trust/authority.cer", "application/pkix-cert", "cer"),
    ] {
        let response = ask(&web, "GET", path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
        let name = format!("attachment; filename=\"gatehouse-authority-{}.{ending}\"", authority.short());
        assert_eq!(response.headers()[header::CONTENT_DISPOSITION], name.as_str());
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        assert_eq!(body.starts_with(b"-----BEGIN CERTIFICATE-----"), ending == "pem");
        assert_eq!(Anchor::read(&body).unwrap(), authority);
    }
    let response = ask(&web, "GET", "/trust").await;
    assert_eq!(response.headers()[header::LOCATION], "/trust/");
    let none = Parts { trust: Trust { authority: Arc::new(|| None), ..web.trust.clone() }, ..web };
    assert_eq!(ask(&none, "GET", "/trust/authority.pem").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn where_browsers_believe_the_certificate_the_page_says_that_nothing_needs_installing() {
    let (_house, web) = web(None).await;
    let anchor = (web.trust.authority)().unwrap();
    let signed_by = |by| Parts { trust: pages::trust(&anchor, by), ..web.clone() };
    let public = signed_by(SignedBy::Public("Let's Encrypt".to_owned()));
    let page = text(ask(&public, "GET", "/trust/").await).await;
    assert!(page.contains("Nothing needs installing") && page.contains("Let&#39;s Encrypt"), "{page}");
    let company = signed_by(SignedBy::Other("CN=Contoso Issuing CA".to_owned()));
    let page = text(ask(&company, "GET", "/trust/").await).await;
    assert!(page.contains("Contoso Issuing CA") && !page.contains("Nothing needs installing"), "{page}");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_a_request_id() {
    let (_house, web) = web(None).await;
    for path in ["/", "/healthz/live", "/nowhere", "/assets/gatehouse.css"] {
        let response = ask(&web, "GET", path).await;
        let headers = response.headers();
        assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"), "{path}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers["x-request-id"].len(), 32, "{path}");
        assert!(!headers.contains_key(header::SERVER), "no banner");
    }
}

/// A browser that once got it would refuse any other certificate for months.
#[tokio::test]
async fn browsers_are_told_to_insist_on_https_only_while_the_certificate_is_publicly_trusted() {
    let (_house, web) = web(None).await;
    let told = async |path| ask(&web, "GET", path).await.headers().get("strict-transport-security").cloned();
    assert_eq!(told("/").await, None);
    web.public_trust.set(true);
    assert_eq!(told("/").await.unwrap(), "max-age=15552000");
    assert!(told("/nowhere").await.is_some());
    web.public_trust.set(false);
    assert_eq!(told("/").await, None);
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_method_are_problem_documents_with_the_request_id() {
    let (_house, web) = web(None).await;
    for (method, path, status) in [("GET", "/nowhere", 404), ("GET", "/assets/../Cargo.toml", 404), ("POST", "/", 405)]
    {
        let response = ask(&web, method, path).await;
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(problem["request_id"], id);
        assert_eq!(problem["status"], status);
    }
}

#[tokio::test]
async fn an_appliance_that_drains_is_alive_but_not_ready() {
    let (_house, web) = web(None).await;
    assert_eq!(ask(&web, "GET", "/healthz/ready").await.status(), StatusCode::OK);
    web.readiness.set(false);
    assert_eq!(ask(&web, "GET", "/healthz/ready").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&web, "GET", "/healthz/live").await.status(), StatusCode::OK);
    assert!(text(ask(&web, "GET", "/").await).await.contains("Takes no logins"));
}

#[tokio::test]
async fn an_asset_known_already_is_not_sent_again() {
    let (_house, web) = web(None).await;
    let first = ask(&web, "GET", "/assets/gatehouse.css").await;
    let tag = first.headers()[header::ETAG].clone();
    let again = Request::builder().uri("/assets/gatehouse.css").header(header::IF_NONE_MATCH, tag).body(Body::empty());
    let response = router(web.into()).oneshot(again.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
}

/// What the content security policy forbids must not be in a template, nor may one skip escaping.
#[test]
fn no_template_has_anything_inline_or_unescaped() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web/templates");
    let mut read = 0;
    for entry in walkdir::WalkDir::new(root).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file()) {
        let template = std::fs::read_to_string(entry.path()).unwrap().to_lowercase();
        let breach = inline_breach(&template);
        assert_eq!(breach, None, "{}", entry.path().display());
        read += 1;
    }
    assert!(read > 0, "no template was read");
}

/// WCAG 2.2: a language (3.1.1), one first heading (1.3.1), a way past what stands on each page (2.4.1), a label for each field (3.3.2).
#[test]
fn each_page_has_a_language_one_first_heading_a_skip_link_and_a_label_for_each_field() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web/templates");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let base = read(&root.join("base.html"));
    let mut pages = 0;
    for entry in walkdir::WalkDir::new(&root).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file()) {
        let (name, template) = (entry.path().strip_prefix(&root).unwrap().display().to_string(), read(entry.path()));
        assert_eq!(unlabelled(&template), None, "a field in {name}");
        let heading = template.split_once("{% block heading %}").and_then(|(_, rest)| rest.split_once("{% endblock"));
        let whole = match heading {
            _ if name == "base.html" => base.replace("{% block heading %}", "{% block heading %}x"),
            Some((heading, _)) if template.starts_with("{% extends \"base.html\" %}") => {
                let filled = base.replace("{% block heading %}", &format!("{{% block heading %}}{}", heading.trim()));
                filled.replace("{% block content %}", &format!("{{% block content %}}{template}"))
            }
            None if template.contains("<html") => template,
            _ => {
                assert!(!template.contains("extends") && !template.contains("<h1"), "{name} is part of a page");
                continue;
            }
        };
        assert_eq!(page_breach(&whole), None, "{name}");
        pages += 1;
    }
    assert!(pages > 20, "the templates were read");
}

fn page_breach(page: &str) -> Option<&'static str> {
    let heading = page.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>")).map(|(heading, _)| heading);
    let text = heading.map(|heading| heading.replace("{% block heading %}", "").replace("{% endblock %}", ""));
    let rules: [(&'static str, bool); 4] = [
        ("no language", !page.contains("<html lang=\"en\">")),
        ("not one first heading", page.matches("<h1").count() != 1),
        ("an empty heading", text.is_none_or(|text| text.trim().is_empty())),
        ("no way past the bar", !page.contains("href=\"#content\"") || page.matches("id=\"content\"").count() != 1),
    ];
    rules.into_iter().find_map(|(rule, broken)| broken.then_some(rule))
}

/// The first field without a label: with none around it, and none for its id.
fn unlabelled(template: &str) -> Option<String> {
    let mut rest = template;
    while let Some(at) = ["<input", "<select", "<textarea"].into_iter().filter_map(|tag| rest.find(tag)).min() {
        let before = &template[..template.len() - rest.len() + at];
        let field = rest[at..].split('\n').next().unwrap();
        rest = &rest[at + 1..];
        let id = field.split_once(" id=\"").and_then(|(_, id)| id.split('"').next());
        let inside = before.rfind("<label").is_some_and(|open| !before[open..].contains("</label>"));
        let named = id.is_some_and(|id| template.contains(&format!("<label for=\"{id}\"")));
        if !field.starts_with("<input type=\"hidden\"") && !inside && !named {
            return Some(field.to_owned());
        }
    }
    None
}

#[test]
fn the_rules_of_pages_can_fail() {
    let good = "<html lang=\"en\"><a href=\"#content\">Skip</a><main id=\"content\"><h1>x</h1></main>";
    assert_eq!(page_breach(good), None);
    for (is, was) in
        [(" lang=\"en\"", ""), ("<h1>x</h1>", ""), ("<h1>x", "<h1>"), ("#content", "#"), ("<h1>", "<h1>x</h1><h1>")]
    {
        assert!(page_breach(&good.replace(is, was)).is_some(), "{is}");
    }
    for good in ["<label for=\"a\">A</label><input id=\"a\">", "<label><input> A</label>", "<input type=\"hidden\">"] {
        assert_eq!(unlabelled(good), None);
    }
    for bad in
        ["<input id=\"a\">", "<label for=\"a\">A</label><input id=\"b\">", "<label>A</label><select>", "<textarea>"]
    {
        assert!(unlabelled(bad).is_some(), "{bad}");
    }
}

fn inline_breach(template: &str) -> Option<&'static str> {
    let spaced = template.replace(['\n', '\t'], " ");
    let rules: [(&'static str, bool); 5] = [
        (
            "a script without src",
            spaced.split("<script").skip(1).any(|s| !s.split('>').next().unwrap_or("").contains(" src=")),
        ),
        ("an inline style", spaced.contains(" style=") || spaced.contains("<style")),
        (
            "an inline handler",
            spaced.split(" on").skip(1).any(|s| {
                s.split('=')
                    .next()
                    .is_some_and(|n| !n.is_empty() && n.chars().all(char::is_alphabetic) && s.contains('='))
            }),
        ),
        ("a javascript: address", spaced.contains("javascript:")),
        ("|safe", spaced.contains("|safe") || spaced.contains("| safe")),
    ];
    rules.into_iter().find_map(|(rule, broken)| broken.then_some(rule))
}

#[test]
fn the_template_rules_can_fail() {
    for bad in
        ["<script>x</script>", "<p style=\"x\">", "<a onclick=\"x\">", "<a href=\"javascript:x\">", "{{ x|safe }}"]
    {
        assert!(inline_breach(bad).is_some(), "{bad}");
    }
    assert_eq!(inline_breach("<script src=\"/a.js\"></script>"), None);
}

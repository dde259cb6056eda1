//! The documents that workstations read, and the JSON Schemas that are published of them. To write those anew:
//! `GATEHOUSE_TEST_REWRITE=1 cargo test --test it workstation_documents`.

use std::path::Path;

use gatehouse::workstation::documents::{Config, Discovery, schemas};
use serde_json::{Value, json};

use crate::workstation_config::Desk;

fn schema(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/schemas").join(name);
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn the_published_schemas_are_those_of_the_documents() {
    for (name, schema) in schemas() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/schemas").join(name);
        let expected = format!("{schema:#}\n");
        if std::env::var_os("GATEHOUSE_TEST_REWRITE").is_some() {
            std::fs::write(&file, &expected).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == expected,
            "packaging/schemas/{name} is not what the program would write; see the head of {}",
            file!()
        );
    }
}

#[tokio::test]
async fn real_documents_are_as_their_schemas_say() {
    let desk = Desk::with_everything().await;
    let discovery = serde_json::to_value(desk.workstations.discovery().1).unwrap();
    let config = serde_json::to_value(desk.document("ada").await).unwrap();
    assert!(config["integrations"].as_array().unwrap().len() >= 4, "one of each kind is in it");
    for (name, document) in [("discovery.v1.schema.json", &discovery), ("workstation-config.v1.schema.json", &config)] {
        let validator = jsonschema::draft202012::new(&schema(name)).unwrap();
        let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
        // The schema says something: each member that it requires is missed.
        let required = schema(name)["required"].as_array().unwrap().clone();
        assert!(required.len() > 3);
        for member in required {
            let mut without = document.clone();
            without.as_object_mut().unwrap().remove(member.as_str().unwrap());
            assert!(!validator.is_valid(&without), "{name} without {member}");
        }
    }
    let validator = jsonschema::draft202012::new(&schema("workstation-config.v1.schema.json")).unwrap();
    let mut wrong = config.clone();
    wrong["databases"][0]["port"] = json!("1433");
    assert!(!validator.is_valid(&wrong));
    let mut wrong = config;
    wrong["integrations"][0]["type"] = json!("teapot");
    assert!(!validator.is_valid(&wrong));
}

#[tokio::test]
async fn a_reader_of_today_passes_over_what_a_later_version_adds() {
    let desk = Desk::with_everything().await;
    let mut config = serde_json::to_value(desk.document("ada").await).unwrap();
    let read: Config = serde_json::from_value(config.clone()).unwrap();
    for place in ["", "/account", "/pass", "/databases/0", "/databases/0/trust", "/integrations/0", "/integrations/1"] {
        config.pointer_mut(place).unwrap()["added-later"] = json!({ "x": 1 });
    }
    assert_eq!(serde_json::from_value::<Config>(config).unwrap(), read);
}

#[tokio::test]
async fn the_discovery_document_tells_strangers_no_more_than_they_need() {
    let desk = Desk::with_everything().await;
    let (tag, document) = desk.workstations.discovery();
    let text = serde_json::to_string(&document).unwrap();
    assert!(text.len() < 1024, "it is small");
    // Without what is random, where three letters are found by chance.
    let sha256 = document.authority.as_ref().map(|authority| authority.sha256.clone()).unwrap();
    let said = text.replace(&document.appliance.id, "").replace(&sha256, "");
    for hidden in [env!("CARGO_PKG_VERSION"), "ada", "crm", "sql.example.com"] {
        assert!(!said.contains(hidden), "{hidden}");
    }
    assert_eq!(document.appliance.id, desk.workstations.appliance_id().to_string());
    assert_eq!(document.authority.as_ref().map(|authority| authority.sha256.len()), Some(64));
    assert!(tag.is_in(tag.as_str()));
    // The same at another start: it can be kept.
    let again = desk.reopened().await;
    assert_eq!(again.discovery(), (tag, document));
    assert_eq!(serde_json::from_str::<Discovery>(&text).unwrap(), again.discovery().1);
}

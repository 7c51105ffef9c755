//! Generated clients, in TypeScript and Python: a program that uses one compiles, and does its work.

use std::fs;
use std::path::{Path, PathBuf};

use tests::http::{PASSWORD, User};
use tests::product::Product;
use tokio::process::Command;
use uuid::Uuid;

use super::{run, tool};

/// The document that is checked in, which is the one that the product answers with.
fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/api/openapi.json")
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract").join(name)
}

/// An empty folder, which is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("analytics-engine-client-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is in the folder for what is temporary.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn node() -> Command {
    Command::new("node")
}

/// The arguments of a program that uses a client.
fn signing_in(user: &User) -> [&str; 3] {
    [&user.http, &user.email, PASSWORD]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_linter_finds_nothing_in_the_document() {
    let folder = Folder::new();
    let linter = tool("node_modules/@redocly/cli/bin/cli.js");
    let printed = run(node()
        .arg(linter)
        .args(["lint", "--format=stylish"])
        .arg(document())
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
        .current_dir(&folder.0))
    .await;
    assert!(
        printed.contains("is valid") && !printed.contains("You have"),
        "{printed}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typescript_client_does_its_work() {
    let product = Product::shared().await;
    let user = product.client().await;
    let folder = Folder::new();
    fs::copy(program("flow.ts"), folder.0.join("flow.ts")).unwrap();
    fs::write(folder.0.join("package.json"), r#"{ "type": "module" }"#).unwrap();
    std::os::unix::fs::symlink(tool("node_modules"), folder.0.join("node_modules")).unwrap();
    run(node()
        .arg(tool("node_modules/openapi-typescript/bin/cli.js"))
        .arg(document())
        .args(["--output", "schema.d.ts"])
        .current_dir(&folder.0))
    .await;
    let compiler = tool("node_modules/typescript/bin/tsc");
    let strictly = "--strict --noUncheckedIndexedAccess --target es2022 --module nodenext --lib es2022,dom";
    run(node()
        .arg(compiler)
        .args(strictly.split(' '))
        .arg("flow.ts")
        .current_dir(&folder.0))
    .await;
    let printed = run(node().arg("flow.js").args(signing_in(&user)).current_dir(&folder.0)).await;
    assert!(printed.ends_with("done\n"), "{printed}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_client_does_its_work() {
    let product = Product::shared().await;
    let user = product.client().await;
    let folder = Folder::new();
    fs::copy(program("flow.py"), folder.0.join("flow.py")).unwrap();
    // No formatter is called.
    fs::write(folder.0.join("settings.yaml"), "post_hooks: []\n").unwrap();
    let generated = run(Command::new(tool("python/bin/openapi-python-client"))
        .args([
            "generate",
            "--meta=none",
            "--output-path=analytics_client",
            "--config=settings.yaml",
            "--path",
        ])
        .arg(document())
        .current_dir(&folder.0))
    .await;
    // It says that it leaves out one form of a body, and nothing else.
    let left_out = generated.matches("WARNING").count();
    let is_known = generated.contains("Unsupported content type application/x-ndjson");
    assert!(
        left_out == 1 && is_known && !generated.contains("Unable"),
        "{generated}"
    );
    let printed = run(Command::new(tool("python/bin/python"))
        .arg("flow.py")
        .args(signing_in(&user))
        .current_dir(&folder.0))
    .await;
    assert!(printed.ends_with("done\n"), "{printed}");
    product.stop().await;
}

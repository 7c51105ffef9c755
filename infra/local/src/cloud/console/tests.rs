#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_stand_in::s3::Destinations;
use aws_stand_in::tasks::Tasks;
use tokio::net::TcpListener;

use super::*;

async fn console(folder: &Path, tasks: &mut Tasks) -> Console {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let objects = ObjectStore::start(tasks, listener, &folder.join("s3"), Destinations::new(Vec::new())).unwrap();
    Console {
        address: String::new(),
        objects,
        bucket: "pages".to_owned(),
        built: folder.join("dist"),
        config: "{}".to_owned(),
    }
}

#[tokio::test]
async fn a_page_says_that_it_is_built_until_it_is() {
    let folder = std::env::temp_dir().join(format!("console-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut tasks = Tasks::default();
    let console = console(&folder, &mut tasks).await;
    let object = |key: &str| std::fs::read_to_string(folder.join("s3/pages").join(key));
    console.publish().unwrap();
    assert_eq!(object("index.html").unwrap(), UNDER_WAY);
    assert_eq!(object("config.json").unwrap(), "{}");

    let failed = console
        .build("echo why; exit 3", &folder)
        .await
        .unwrap_err()
        .to_string();
    assert!(failed.contains("exit status: 3") && failed.contains(LOG), "{failed}");
    assert_eq!(std::fs::read_to_string(folder.join(LOG)).unwrap(), "why\n");
    let build = format!(
        "mkdir -p {0}/assets && echo page > {0}/index.html && echo script > {0}/assets/a.js",
        console.built.display()
    );
    console.build(&build, &folder).await.unwrap();
    assert_eq!(object("index.html").unwrap(), "page\n");
    assert_eq!(object("assets/a.js").unwrap(), "script\n");
    std::fs::remove_dir_all(&folder).unwrap();
}

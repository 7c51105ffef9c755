//! Clients and their users.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Product;
use crate::http::{PASSWORD, User};
use crate::json::JsonExt as _;

const ENTITIES: &str = include_str!("../../../infra/local/demo/entities.json");
const KPIS: &str = include_str!("../../../infra/local/demo/kpis.json");

impl Product {
    /// A new client that has defined nothing, by its administrator, who is signed in.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn client(&self) -> User {
        self.client_in("UTC").await
    }

    /// The same, in a time zone.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn client_in(&self, time_zone: &str) -> User {
        self.client_of(time_zone, &json!({})).await
    }

    /// The same, with what it declares of its calendar.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn client_of(&self, time_zone: &str, calendar: &Value) -> User {
        let name = format!("client {}", Uuid::now_v7().simple());
        let email = format!("admin@{}.example.com", name.replace(' ', "-"));
        let new =
            json!({ "name": name, "time_zone": time_zone, "calendar": calendar, "email": email, "password": PASSWORD });
        let answer = self.invoke("provision-client", &new).await;
        let client = answer["client"].text();
        #[allow(clippy::panic, reason = "a test without its client fails")]
        let client = client
            .parse()
            .unwrap_or_else(|error| panic!("{client} is no id: {error}"));
        self.sign_in(client, &name, &email).await
    }

    /// A new client with the demo's definitions: the entity `Flight` and its KPIs. By its administrator, who is signed in.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn airline(&self) -> User {
        let airline = self.client().await;
        Self::define_flights(&airline).await;
        airline
    }

    /// Defines the entity `Flight` and the demo's KPIs over it.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn define_flights(client: &User) {
        for (path, definitions) in [("/v1/entities", ENTITIES), ("/v1/kpis", KPIS)] {
            #[allow(
                clippy::expect_used,
                reason = "it is in the repository, and each start of the demo reads it"
            )]
            let definitions: Vec<Value> = serde_json::from_str(definitions).expect("the demo's definitions are JSON");
            for definition in &definitions {
                client.post(path, definition).await.created();
            }
        }
    }

    /// Another user of a client, signed in.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn colleague(&self, of: &User, role: &str) -> User {
        let email = format!("{role}@{}.example.com", of.client_name.replace(' ', "-"));
        let new = json!({ "client": of.client, "email": email, "password": PASSWORD, "role": role });
        self.invoke("provision-client", &new).await;
        self.sign_in(of.client, &of.client_name, &email).await
    }

    /// A user who issues licences to every client.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn operator(&self) -> User {
        let provider = self.client().await;
        self.colleague(&provider, "operator").await
    }

    async fn sign_in(&self, client: Uuid, client_name: &str, email: &str) -> User {
        let user = User {
            client,
            client_name: client_name.to_owned(),
            email: email.to_owned(),
            token: String::new(),
            refresh_token: String::new(),
            http: self.http().to_owned(),
        };
        user.signed_in().await
    }
}

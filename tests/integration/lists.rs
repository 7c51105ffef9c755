//! Every list of the API keeps the same rules: its pages follow each other, its filters are checked, and a cursor fits its own list and filters alone. The lists, and
//! what each takes, are read from the routes, so that none is forgotten.

use reqwest::Method;
use route::list::{MAX_FILTER_TEXT, MAX_LIMIT};
use route::{Form, Parameter, Place, Route};
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

/// Routes that answer several things and are no lists, each with what bounds it.
const NO_LISTS: [&str; 1] = [
    // The five queues of the product, by their names, and the last hundred files of nobody.
    "listQueues",
];

/// All lists of the API.
fn lists() -> Vec<&'static Route> {
    let mut all = describe_api::described();
    all.retain(|route| route.operation.starts_with("list") && !NO_LISTS.contains(&route.operation));
    all
}

/// What stands in the query string for a parameter, as a URL writes it.
fn pair(name: &str, value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let value: String = value.bytes().map(byte).collect();
    format!("{name}={value}")
}

/// A client of whom every list has something, and the path of each of them.
struct Organisation {
    admin: User,
    proposal: String,
}

impl Organisation {
    async fn of(product: &Product) -> Self {
        let admin = product.airline().await;
        for (code, domain) in [("Crate", "post"), ("Parcel", "post"), ("Letter", "mail")] {
            let attributes = json!([{ "name": "weight", "type": "decimal" }]);
            let entity = json!({ "code": code, "domain": domain, "description": "100_% of what is sent", "attributes": attributes });
            admin.post("/v1/entities", &entity).await.created();
        }
        for (code, module, unit) in [
            ("CRATES", "stock", "crates"),
            ("CRATES_TWICE", "stock", "100_%"),
            ("CRATES_AGAIN", "", ""),
        ] {
            let kpi =
                json!({ "code": code, "name": "Größe", "formula": "COUNT(Crate) * 2", "module": module, "unit": unit });
            admin.post("/v1/kpis", &kpi).await.created();
            let stream = json!({ "kpi": code, "period": "minute" });
            admin.post("/v1/streams/start", &stream).await.ok();
        }
        for _ in 0..3 {
            assert_eq!(
                admin
                    .ingest("Crate", &json!([{ "time": "2026-03-28T10:00:00Z", "weight": "much" }]))
                    .await,
                (0, 1)
            );
        }
        for role in ["viewer", "analyst"] {
            product.colleague(&admin, role).await;
        }
        let label = json!([{ "name": "label", "type": "text", "required": true }]);
        let boxes = json!({ "code": "Box", "domain": "air", "attributes": label, "key": ["label"] });
        admin.post("/v1/entities", &boxes).await.created();
        for (code, attribute) in [("FLIGHT_CRATE", "origin"), ("FLIGHT_PARCEL", "destination")] {
            let relationship = json!({ "code": code, "description": "100_% of them", "from_entity": "Flight", "attribute": attribute,
                "to_entity": "Box", "key": "label", "cardinality": "one", "resolved": "as_of_now" });
            admin.post("/v1/relationships", &relationship).await.created();
        }
        for (code, name, entity) in [
            ("LOADER", "Größe", "Crate"),
            ("PILOT", "Pilot", "Flight"),
            ("CLERK", "Clerk", "Flight"),
        ] {
            let actor = json!({ "code": code, "name": name, "works_with": [{ "entity": entity }] });
            admin.post("/v1/actors", &actor).await.created();
        }
        for (code, industry) in [("POST", "post"), ("AIR_POST", "post"), ("AIR", "travel")] {
            let stages =
                json!([{ "name": "Loading", "actors": ["LOADER"], "entities": ["Crate"], "kpis": ["CRATES"] }]);
            let pattern =
                json!({ "code": code, "name": code, "industry": industry, "value_chain": "chain", "stages": stages });
            admin.post("/v1/value-chain-patterns", &pattern).await.created();
        }
        let mut proposal = String::new();
        for name in ["One", "Two", "Three"] {
            let cart = json!({ "name": name, "kpis": ["CRATES"] });
            let begun = admin.post("/v1/proposals", &cart).await.created();
            begun["id"].text().clone_into(&mut proposal);
        }
        Self { admin, proposal }
    }

    fn path(&self, route: &Route) -> String {
        let code = if route.path.contains("/kpis/") {
            "FLIGHTS"
        } else {
            "Flight"
        };
        route.path.replace("{code}", code).replace("{id}", &self.proposal)
    }

    /// A page of a list: its items, and where the next one begins.
    async fn page(&self, path: &str, query: &str) -> (Vec<Value>, Option<String>) {
        let page = self.admin.get(&format!("{path}?{query}")).await.ok();
        let next = &page["next"];
        assert!(
            next.is_string() || next.is_null(),
            "{path}?{query} says no `next`: {page}"
        );
        let name = path.rsplit('/').next().unwrap().replace('-', "_");
        (page[name.as_str()].list().to_vec(), next.as_str().map(str::to_owned))
    }

    /// The whole list, page by page.
    async fn walked(&self, path: &str, query: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let (more, next) = self.page(path, &format!("{query}{cursor}")).await;
            items.extend(more);
            match next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

/// Values of a parameter that it does not take, and why.
fn wrong(parameter: &Parameter) -> Vec<(String, &'static str)> {
    let long = "x".repeat(MAX_FILTER_TEXT + 1);
    let values: Vec<(&str, &str)> = match parameter.form {
        Form::Whole(_, _) => vec![
            ("0", "from 1 to 1000"),
            ("1001", "from 1 to 1000"),
            ("-1", ""),
            ("1.5", ""),
            ("all", ""),
        ],
        Form::Uuid => vec![("7", "UUID"), ("' OR true --", "UUID")],
        Form::Time => vec![
            ("yesterday", "2026-01-01T00:00:00Z"),
            ("2026-01-01", ""),
            ("1774692000", ""),
        ],
        Form::OneOf(_) => vec![("nonsense", "one of"), ("TRUE", "one of"), (" ", "")],
        Form::Within(_) => vec![("a\0b", "1 to 1024"), (&long, "1 to 1024")],
        Form::Like(_) => vec![("next", "leave `cursor` out"), ("AAAA", "`next`"), ("%", "")],
        Form::Text | Form::ByKey => panic!("a list has no parameter {} of any text", parameter.name),
    };
    let empty = [("", "or leave it out")];
    values
        .into_iter()
        .chain(empty)
        .map(|(value, hint)| (value.to_owned(), hint))
        .collect()
}

/// Values of a parameter that it takes.
fn right(parameter: &Parameter) -> Vec<String> {
    match parameter.form {
        Form::Whole(least, most) => vec![least.to_string(), most.to_string()],
        Form::Uuid => vec![uuid::Uuid::nil().to_string()],
        // What is in force: there was nothing yet at most times.
        Form::Time if parameter.name == "at" => vec!["9999-01-01T00:00:00Z".to_owned()],
        Form::Time => vec![
            "2026-01-01T00:00:00Z".to_owned(),
            "2026-01-01T01:00:00+01:00".to_owned(),
        ],
        Form::OneOf(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        Form::Within(most) => vec!["x".to_owned(), "' OR true --".to_owned(), "ü".repeat(most)],
        _ => Vec::new(),
    }
}

/// The query parameters of a list but those of which other clients' lists come.
fn queries(route: &Route) -> impl Iterator<Item = &Parameter> {
    route
        .parameters
        .iter()
        .filter(|parameter| parameter.place == Place::Query && parameter.name != "client")
}

#[test]
fn every_list_has_a_limit_and_a_cursor_and_says_what_is_next() {
    let lists = lists();
    assert!(lists.len() >= 12, "{}", lists.len());
    let document = serde_json::to_value(api::openapi::document(&describe_api::described())).unwrap();
    for route in lists {
        for wanted in [Parameter::LIMIT, Parameter::CURSOR] {
            let found = queries(route).find(|parameter| parameter.name == wanted.name);
            let found = found.unwrap_or_else(|| panic!("{} has no {}", route.key(), wanted.name));
            assert_eq!(
                (found.form, found.description),
                (wanted.form, wanted.description),
                "{}",
                route.key()
            );
        }
        let body = route.answer.body.as_ref().unwrap();
        let schema = &document["components"]["schemas"][(body.name)().as_ref()]["properties"];
        let array = schema
            .as_object()
            .unwrap()
            .iter()
            .find(|(name, _)| route.path.rsplit('/').next().unwrap().replace('-', "_") == **name);
        assert_eq!(
            array.map(|(_, list)| list["type"].clone()),
            Some(json!("array")),
            "{}",
            route.key()
        );
        assert!(schema["next"].is_object(), "{} says no `next`", route.key());
    }
    assert_eq!(Parameter::LIMIT.form, Form::Whole(1, MAX_LIMIT));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_takes_what_it_describes_and_refuses_all_else() {
    let product = Product::shared().await;
    let organisation = Organisation::of(&product).await;
    for route in lists() {
        let path = organisation.path(route);
        let get =
            async |query: &str, status: u16| organisation.admin.get(&format!("{path}?{query}")).await.expect(status);
        let head = organisation.admin.request(Method::HEAD, &path).await;
        assert_eq!(head.status, 200, "HEAD {path}");
        let unknown = get("limt=1", 400).await;
        assert!(
            unknown.detail().contains("\"limt\"") && unknown["hint"].text().contains("limit"),
            "{unknown}"
        );
        for old in [
            "before=01933b5c-6f3a-7d3a-8d4e-0123456789ab",
            "after=x",
            "offset=1",
            "page=2",
        ] {
            get(old, 400).await;
        }
        for parameter in queries(route) {
            let name = parameter.name;
            for value in right(parameter) {
                get(&pair(name, &value), 200).await;
            }
            for (value, hint) in wrong(parameter) {
                let refused = get(&pair(name, &value), 400).await;
                assert!(refused.detail().contains(&format!("`{name}`")), "{refused}");
                assert!(refused["hint"].text().contains(hint), "{hint:?} is not in {refused}");
            }
            let twice = get(&format!("{name}=1&{name}=1"), 400).await;
            assert!(
                twice.detail().contains(name) && twice.detail().contains("more than once"),
                "{twice}"
            );
        }
        if queries(route).any(|parameter| parameter.name == "from") {
            get("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 422).await;
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_is_its_pages_and_a_cursor_fits_no_other() {
    let product = Product::shared().await;
    let organisation = Organisation::of(&product).await;
    let stranger = product.airline().await;
    let (_, elsewhere) = organisation.page("/v1/kpis", "limit=1").await;
    let elsewhere = elsewhere.expect("there are more KPIs than one");
    for route in lists() {
        let path = organisation.path(route);
        let (whole, end) = organisation.page(&path, &format!("limit={MAX_LIMIT}")).await;
        assert_eq!(end, None, "{path}");
        assert_eq!(organisation.page(&path, "").await.0, whole, "{path}");
        for limit in [1, 2, whole.len().max(1)] {
            assert_eq!(
                organisation.walked(&path, &format!("limit={limit}")).await,
                whole,
                "{path} by {limit}"
            );
        }
        let refused = async |user: &User, path: &str, cursor: &str, told: &str| {
            let answer = user.get(&format!("{path}?cursor={cursor}")).await.refused(400);
            assert!(
                answer["type"].text().ends_with(":unfit-cursor") && answer.detail().contains(told),
                "{answer}"
            );
        };
        if path != "/v1/kpis" {
            refused(&organisation.admin, &path, &elsewhere, "another list").await;
        }
        let (_, next) = organisation.page(&path, "limit=1").await;
        let Some(next) = next else { continue };
        refused(
            &organisation.admin,
            &path,
            &next[..next.len() - 1],
            "changed, or cut off",
        )
        .await;
        // The stranger's lists have other paths where the path names a proposal.
        if !route.path.contains("{id}") {
            refused(&stranger, &path, &next, "another organisation's").await;
        }
        for parameter in queries(route).filter(|parameter| !["limit", "cursor"].contains(&parameter.name)) {
            let filter = pair(parameter.name, &right(parameter)[0]);
            let answer = organisation
                .admin
                .get(&format!("{path}?cursor={next}&{filter}"))
                .await
                .refused(400);
            assert!(answer.detail().contains("other filters"), "{answer}");
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_find_what_has_them() {
    let product = Product::shared().await;
    let organisation = Organisation::of(&product).await;
    let email = organisation.admin.email.to_uppercase();
    for (path, query, field, expected) in [
        (
            "/v1/entities",
            "domain=post".to_owned(),
            "code",
            vec!["Crate", "Parcel"],
        ),
        (
            "/v1/entities",
            pair("search", "100_%"),
            "code",
            vec!["Crate", "Letter", "Parcel"],
        ),
        ("/v1/entities", "search=flig".to_owned(), "code", vec!["Flight"]),
        (
            "/v1/entities",
            "domain=post&search=parcel".to_owned(),
            "code",
            vec!["Parcel"],
        ),
        ("/v1/entities", "domain=POST".to_owned(), "code", vec![]),
        (
            "/v1/kpis",
            "entity=Crate".to_owned(),
            "code",
            vec!["CRATES", "CRATES_AGAIN", "CRATES_TWICE"],
        ),
        (
            "/v1/kpis",
            "entity=Crate&module=stock".to_owned(),
            "code",
            vec!["CRATES", "CRATES_TWICE"],
        ),
        ("/v1/kpis", pair("unit", "100_%"), "code", vec!["CRATES_TWICE"]),
        (
            "/v1/kpis",
            "direction=higher_is_better&value_chain=AVIATION".to_owned(),
            "code",
            vec!["DISTANCE_FLOWN", "ON_TIME_RATE", "ON_TIME_RATE_ORD"],
        ),
        (
            "/v1/kpis",
            pair("search", "GRÖßE"),
            "code",
            vec!["CRATES", "CRATES_AGAIN", "CRATES_TWICE"],
        ),
        ("/v1/kpis", pair("search", "%"), "code", vec![]),
        (
            "/v1/kpis",
            pair("search", "longest ARRIVAL"),
            "code",
            vec!["LONGEST_DELAY"],
        ),
        (
            "/v1/streams",
            "kpi=CRATES&control=pinned".to_owned(),
            "kpi",
            vec!["CRATES"],
        ),
        ("/v1/streams", "period=hour".to_owned(), "kpi", vec![]),
        ("/v1/streams", "control=paused".to_owned(), "kpi", vec![]),
        ("/v1/users", "role=viewer".to_owned(), "role", vec!["viewer"]),
        (
            "/v1/users",
            pair("search", &email),
            "email",
            vec![organisation.admin.email.as_str()],
        ),
        ("/v1/users", "has_password=false".to_owned(), "email", vec![]),
        (
            "/v1/proposals",
            "search=t&state=draft".to_owned(),
            "name",
            vec!["Three", "Two"],
        ),
        ("/v1/proposals", "state=issued".to_owned(), "name", vec![]),
        (
            "/v1/batches",
            "entity=Crate&source=events&state=finished".to_owned(),
            "entity",
            vec!["Crate"; 3],
        ),
        ("/v1/batches", "state=undone".to_owned(), "entity", vec![]),
        ("/v1/batches", "to=2026-01-01T00:00:00Z".to_owned(), "entity", vec![]),
        (
            "/v1/dead-letters",
            "field=weight&replayed=false".to_owned(),
            "field",
            vec!["weight"; 3],
        ),
        ("/v1/dead-letters", "reason=MUCH".to_owned(), "entity", vec!["Crate"; 3]),
        ("/v1/dead-letters", pair("reason", "%"), "entity", vec![]),
        (
            "/v1/dead-letters",
            "from=2026-01-01T00:00:00Z&entity=Crate".to_owned(),
            "entity",
            vec!["Crate"; 3],
        ),
        (
            "/v1/entities/Flight/groupings",
            "state=stopped".to_owned(),
            "state",
            vec![],
        ),
        ("/v1/licences", "valid=false".to_owned(), "id", vec![]),
    ] {
        for limit in [1, 100] {
            let found = organisation.walked(path, &format!("{query}&limit={limit}")).await;
            let found: Vec<&str> = found.iter().map(|item| item[field].text()).collect();
            assert_eq!(found, expected, "{path}?{query}");
        }
    }
    let valid = organisation.admin.get("/v1/licences?valid=true").await.ok();
    assert_eq!(valid["licences"].list().len(), 1);
    let none = organisation.admin.get("/v1/licences?valid=false").await.ok();
    assert_eq!(none["features"], valid["features"], "whatever is listed");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_is_listed_once_whatever_comes_meanwhile() {
    let product = Product::shared().await;
    let organisation = Organisation::of(&product).await;
    let admin = &organisation.admin;
    let event = json!([{ "time": "2026-03-28T10:00:00Z", "weight": "much" }]);
    for (list, path, key) in [
        ("B", "/v1/batches", "id"),
        ("L", "/v1/dead-letters", "id"),
        ("K", "/v1/kpis", "code"),
        ("P", "/v1/proposals", "id"),
    ] {
        let before = organisation.walked(path, "limit=100").await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for round in 0..200 {
            let (items, next) = organisation.page(path, &format!("limit=1{cursor}")).await;
            seen.extend(items);
            let Some(next) = next else { break };
            cursor = format!("&cursor={next}");
            // Some are before where the walk is, and some after.
            if round < 4 {
                admin.ingest("Crate", &event).await;
                for code in ["AAA", "ZZZ"] {
                    let code = format!("{code}_{list}{round}");
                    let kpi = json!({ "code": code, "name": "Meanwhile", "formula": "COUNT(Crate)" });
                    admin.post("/v1/kpis", &kpi).await.created();
                }
                let cart = json!({ "name": "Meanwhile", "kpis": ["CRATES"] });
                admin.post("/v1/proposals", &cart).await.created();
            }
        }
        let keys = |items: &[Value]| -> Vec<String> { items.iter().map(|item| item[key].text().to_owned()).collect() };
        let (before, seen) = (keys(&before), keys(&seen));
        let still: Vec<String> = seen.iter().filter(|key| before.contains(key)).cloned().collect();
        assert_eq!(still, before, "{path}: each once, in the same order");
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{path}: nothing twice");
    }
    product.stop().await;
}

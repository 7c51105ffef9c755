//! Who has an e-mail address.

use database::Database;
use identity::{Email, Role};
use records::clients::{self, NewClient};
use records::users::{self, Added, Changed, SetBySecret};
use series::calendar::Rules;
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

/// A client and its administrator.
#[derive(Clone, Copy)]
struct Of {
    client: Uuid,
    admin: Uuid,
}

async fn provision(owner: &Database, name: &str) -> Of {
    let email: Email = format!("admin@{name}.example.com").parse().unwrap();
    let new = NewClient {
        name,
        time_zone: "UTC",
        calendar: Rules::default(),
        email: &email,
        password_hash: "a hash",
        role: Role::Admin.name(),
    };
    let made = clients::provision(owner, &new).await.unwrap();
    Of {
        client: made.client,
        admin: made.user,
    }
}

async fn invite(database: &Database, of: Of, email: &Email) -> Added {
    let added = users::add(database, of.client, of.admin, email, Role::Viewer);
    added.await.unwrap()
}

#[tokio::test]
async fn an_address_is_whose_password_was_set_with_it_first() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let users = Database::new(&database.url, "analytics_users").unwrap();
        let ours = provision(&database.owner, "ours").await;
        let theirs = provision(&database.owner, "theirs").await;
        let grace: Email = "grace@example.com".parse().unwrap();
        let mut invited = Vec::new();
        for of in [ours, theirs] {
            let Added::Now(user) = invite(&users, of, &grace).await else {
                panic!("an invitation keeps another from the address");
            };
            assert_eq!(invite(&users, of, &grace).await, Added::Before(user.clone()));
            invited.push((of, user.id));
        }
        // Nobody's yet: there is nobody to sign in, and nobody who forgot a password.
        assert_eq!(users::owner_of(&users, &grace).await.unwrap(), None);
        assert_eq!(clients::user_for_sign_in(&database.app, &grace).await.unwrap(), None);
        let viewer = Role::Viewer.name();
        let by_provider = clients::add_user(&database.owner, ours.client, &grace, "a hash", viewer).await;
        assert_eq!(by_provider.unwrap(), Some(clients::Added::Otherwise));

        let [first, second] =
            [invited[0], invited[1]].map(|(of, user)| users::set_by_secret(&users, of.client, user, "their hash"));
        let (first, second) = futures::join!(first, second);
        let set = [first.unwrap(), second.unwrap()];
        let winner = usize::from(set[0] != SetBySecret::Set);
        assert_eq!((set[winner], set[1 - winner]), (SetBySecret::Set, SetBySecret::Taken));
        let ((of, user), (other, waiting)) = (invited[winner], invited[1 - winner]);
        let owner = users::owner_of(&users, &grace).await.unwrap().unwrap();
        assert_eq!((owner.client_id, owner.id), (of.client, user));
        let signs_in = clients::user_for_sign_in(&database.app, &grace).await.unwrap().unwrap();
        assert_eq!(
            (signs_in.client_id, signs_in.password_hash.as_str()),
            (of.client, "their hash")
        );
        for of in [ours, theirs, provision(&database.owner, "others").await] {
            assert_eq!(invite(&users, of, &grace).await, Added::Taken);
        }

        let removed = users::remove(&users, of.client, of.admin, user).await.unwrap();
        assert!(matches!(removed, Changed::Made(gone) if gone.has_accepted));
        for (user, expected) in [(waiting, SetBySecret::Set), (Uuid::nil(), SetBySecret::Gone)] {
            let set = users::set_by_secret(&users, other.client, user, "another").await;
            assert_eq!(set.unwrap(), expected);
        }
        database.drop_it().await.unwrap();
    }
}

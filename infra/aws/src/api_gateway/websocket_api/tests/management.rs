//! `@connections`, through the SDK that functions use.

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::error::SdkError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;

use super::*;
use crate::testing::sdk_config;

fn client(api: &Api) -> Client {
    let config = sdk_config(&format!("http://{}/prod", api.host));
    let config = Builder::from(&config).retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

async fn post(client: &Client, id: &str, data: impl Into<Vec<u8>>) -> Result<(), PostToConnectionError> {
    let request = client.post_to_connection().connection_id(id).data(Blob::new(data));
    request.send().await.map(|_| ()).map_err(SdkError::into_service_error)
}

#[tokio::test]
async fn posts_arrive_in_order_up_to_128_kb() {
    let api = start(template(), Limits::default()).await;
    let (mut socket, id) = api.connect().await;
    let client = client(&api);
    for number in 0..10 {
        post(&client, &id, number.to_string()).await.unwrap();
    }
    for number in 0..10 {
        assert_eq!(hear(&mut socket).await, number.to_string());
    }
    post(&client, &id, vec![b'x'; 128 * 1024]).await.unwrap();
    assert_eq!(hear(&mut socket).await.len(), 128 * 1024);
    let error = post(&client, &id, vec![b'x'; 128 * 1024 + 1]).await.unwrap_err();
    assert!(error.is_payload_too_large_exception(), "{error:?}");
}

#[tokio::test]
async fn a_connection_can_be_read_and_deleted() {
    let api = start(template(), quick()).await;
    let (mut socket, id) = api.connect().await;
    let client = client(&api);
    let found = client.get_connection().connection_id(&id).send().await.unwrap();
    assert!(found.connected_at().unwrap() <= found.last_active_at().unwrap());
    assert_eq!(found.identity().unwrap().source_ip(), Some("127.0.0.1"));
    assert_eq!(found.identity().unwrap().user_agent(), Some("test"));
    post(&client, &id, "goodbye").await.unwrap();
    client.delete_connection().connection_id(&id).send().await.unwrap();
    assert_eq!(hear(&mut socket).await, "goodbye");
    assert_eq!(close_code(&mut socket).await, 1000);
    let error = client
        .get_connection()
        .connection_id(&id)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_gone_exception(), "{error:?}");
    let error = client
        .delete_connection()
        .connection_id(&id)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_gone_exception(), "{error:?}");
}

#[tokio::test]
async fn a_gone_connection_answers_410_and_nonsense_400() {
    let api = start(template(), quick()).await;
    let (socket, id) = api.connect().await;
    let client = client(&api);
    drop(socket);
    api.disconnect().await;
    assert!(post(&client, &id, "x").await.unwrap_err().is_gone_exception());
    assert!(
        post(&client, "e-PTIeSAvHcCIhw=", "x")
            .await
            .unwrap_err()
            .is_gone_exception()
    );
    let error = post(&client, "nonsense!", "x").await.unwrap_err();
    assert_eq!(error.meta().code(), Some("BadRequestException"), "{error:?}");
}

#[tokio::test]
async fn a_post_during_connect_answers_410() {
    let patient = Limits {
        integration: Duration::from_secs(5),
        ..Limits::default()
    };
    let api = start(template(), patient).await;
    let client = client(&api);
    let early = async {
        let event = api.connector.wait_for(1).await[0].clone();
        let id = event["requestContext"]["connectionId"].as_str().unwrap().to_owned();
        assert!(post(&client, &id, "early").await.unwrap_err().is_gone_exception());
        id
    };
    let (connected, id) = tokio::join!(api.try_connect("/prod?token=good&connect=late"), early);
    let (mut socket, _) = connected.unwrap();
    post(&client, &id, "in time").await.unwrap();
    assert_eq!(hear(&mut socket).await, "in time");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_reported_and_bounded() {
    let api = start(
        template(),
        Limits {
            outbound_messages: 4,
            ..Limits::default()
        },
    )
    .await;
    let (_socket, id) = api.connect().await;
    let client = client(&api);
    // The kernel's buffers take some megabytes before the queue begins to fill.
    for _ in 0..200 {
        match post(&client, &id, vec![b'x'; 128 * 1024]).await {
            Ok(()) => {}
            Err(error) => {
                assert!(error.is_limit_exceeded_exception(), "{error:?}");
                return;
            }
        }
    }
    panic!("25 MB were taken for a client that does not read");
}

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use super::*;
use crate::template::{Addresses, Template};
use crate::testing::{TempFolder, listener};

const TEMPLATE: &str = r#"
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  Pages: { Type: AWS::S3::Bucket, Properties: { BucketName: pages } }
  Access: { Type: AWS::CloudFront::OriginAccessControl }
  Whole:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        Name: whole
        SecurityHeadersConfig:
          ContentSecurityPolicy: { ContentSecurityPolicy: !Sub "connect-src https://${Api}.execute-api.${AWS::Region}.amazonaws.com", Override: true }
          ContentTypeOptions: { Override: true }
          StrictTransportSecurity: { AccessControlMaxAgeSec: 60, IncludeSubdomains: true, Override: true }
        CustomHeadersConfig: { Items: [{ Header: Cache-Control, Value: no-cache, Override: true }] }
  Hashed:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        Name: hashed
        CustomHeadersConfig: { Items: [{ Header: Cache-Control, Value: immutable, Override: true }] }
  Console:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        DefaultRootObject: index.html
        Origins: [{ Id: pages, DomainName: !GetAtt Pages.RegionalDomainName, OriginAccessControlId: !GetAtt Access.Id, S3OriginConfig: {} }]
        DefaultCacheBehavior: { TargetOriginId: pages, CachePolicyId: x, ViewerProtocolPolicy: redirect-to-https, ResponseHeadersPolicyId: !Ref Whole }
        CacheBehaviors:
          - { PathPattern: /assets/*, TargetOriginId: pages, CachePolicyId: x, ViewerProtocolPolicy: redirect-to-https, ResponseHeadersPolicyId: !Ref Hashed }
        CustomErrorResponses: [{ ErrorCode: 403, ResponseCode: 200, ResponsePagePath: /index.html }]
"#;

fn parse(text: &str) -> Result<Template, crate::template::TemplateError> {
    let addresses = Addresses {
        http: "http://127.0.0.1:3000".into(),
        websocket: String::new(),
        sqs: String::new(),
    };
    Template::parse(text, &addresses, &BTreeMap::new(), &|_, _| None)
}

#[tokio::test]
async fn a_page_is_served_with_its_headers_and_stands_for_what_is_not_there() {
    let folder = TempFolder::create();
    let bucket = folder.path().join("pages");
    std::fs::create_dir_all(bucket.join("assets")).unwrap();
    for (key, content) in [
        ("index.html", "page"),
        ("assets/a-1.js", "script"),
        ("../secret.txt", "secret"),
    ] {
        std::fs::write(bucket.join(key), content).unwrap();
    }
    let mut tasks = Tasks::default();
    let (socket, address) = listener().await;
    let template = parse(TEMPLATE).unwrap();
    start(
        &mut tasks,
        socket,
        template.distribution.as_ref().unwrap(),
        folder.path(),
    )
    .unwrap();

    for (path, status, content, kind, cache) in [
        ("/", 200, "page", "text/html", "no-cache"),
        ("/index.html", 200, "page", "text/html", "no-cache"),
        ("/assets/a-1.js", 200, "script", "text/javascript", "immutable"),
        ("/things/7", 200, "page", "text/html", "no-cache"),
        ("/%2e%2e/secret.txt", 200, "page", "text/html", "no-cache"),
        ("/%2fetc%2fpasswd", 200, "page", "text/html", "no-cache"),
        ("/..%2fsecret.txt", 200, "page", "text/html", "no-cache"),
        ("/%ff", 200, "page", "text/html", "no-cache"),
    ] {
        let response = reqwest::get(format!("{address}{path}")).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()["content-type"], kind, "{path}");
        assert_eq!(response.headers()["cache-control"], cache, "{path}");
        assert_eq!(response.text().await.unwrap(), content, "{path}");
    }
    let page = reqwest::get(&address).await.unwrap();
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-security-policy"), "connect-src http://127.0.0.1:3000");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("strict-transport-security"), "max-age=60; includeSubDomains");
    let client = reqwest::Client::new();
    let head = client.head(&address).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
    assert_eq!(client.post(&address).send().await.unwrap().status().as_u16(), 403);
    std::fs::remove_file(bucket.join("index.html")).unwrap();
    assert_eq!(reqwest::get(&address).await.unwrap().status().as_u16(), 403);
}

#[test]
fn what_is_not_served_as_on_aws_is_refused() {
    for (name, from, to, message) in [
        (
            "a pattern",
            "/assets/*",
            "/a*/b*",
            "only patterns such as /assets/* are known here",
        ),
        (
            "a policy of AWS's own",
            "!Ref Hashed",
            "67f7725c",
            "there is no response headers policy 67f7725c",
        ),
        (
            "an origin",
            "TargetOriginId: pages, CachePolicyId: x, ViewerProtocolPolicy: redirect-to-https, ResponseHeadersPolicyId: !Ref Hashed",
            "TargetOriginId: other, CachePolicyId: x, ViewerProtocolPolicy: redirect-to-https",
            "there is no origin other",
        ),
        (
            "what is no bucket",
            "!GetAtt Pages.RegionalDomainName",
            "example.com",
            "its origin is no bucket's",
        ),
        (
            "a field",
            "Enabled: true",
            "Enabled: true\n        WebACLId: x",
            "WebACLId",
        ),
    ] {
        assert!(TEMPLATE.contains(from), "{name}");
        let error = parse(&TEMPLATE.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

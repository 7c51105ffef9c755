//! Reads a template's CloudFront distribution and the headers that it adds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::functions::localise;
use super::{Behaviour, Distribution, ErrorPage, Properties, Reader, Template, TemplateError};
use crate::account::REGION;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DistributionProperties {
    distribution_config: Config,
}

impl Properties for DistributionProperties {
    const NAMES: &'static [&'static str] = &["DistributionConfig"];
}

/// What is not read here changes nothing on a developer's machine; what is not named is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Config {
    default_root_object: String,
    origins: Vec<Origin>,
    default_cache_behavior: CacheBehaviour,
    #[serde(default)]
    cache_behaviors: Vec<CacheBehaviour>,
    #[serde(default)]
    custom_error_responses: Vec<CustomError>,
    #[serde(rename = "Enabled")]
    _enabled: Value,
    #[serde(rename = "Comment")]
    _comment: Option<Value>,
    #[serde(rename = "HttpVersion")]
    _http_version: Option<Value>,
    #[serde(rename = "IPV6Enabled")]
    _ipv6: Option<Value>,
    #[serde(rename = "PriceClass")]
    _price_class: Option<Value>,
    #[serde(rename = "ViewerCertificate")]
    _certificate: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Origin {
    id: String,
    domain_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CacheBehaviour {
    path_pattern: Option<String>,
    target_origin_id: String,
    response_headers_policy_id: Option<String>,
    #[serde(rename = "CachePolicyId")]
    _cache_policy_id: Value,
    #[serde(rename = "ViewerProtocolPolicy")]
    _viewer_protocol_policy: Value,
    #[serde(rename = "Compress")]
    _compress: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CustomError {
    error_code: u16,
    response_code: u16,
    response_page_path: String,
    #[serde(rename = "ErrorCachingMinTTL")]
    _caching: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HeadersProperties {
    response_headers_policy_config: HeadersConfig,
}

impl Properties for HeadersProperties {
    const NAMES: &'static [&'static str] = &["ResponseHeadersPolicyConfig"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HeadersConfig {
    #[serde(default)]
    security_headers_config: SecurityHeaders,
    #[serde(default)]
    custom_headers_config: CustomHeaders,
    #[serde(rename = "Name")]
    _name: Value,
    #[serde(rename = "Comment")]
    _comment: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SecurityHeaders {
    content_security_policy: Option<SecurityPolicy>,
    content_type_options: Option<Value>,
    frame_options: Option<FrameOptions>,
    referrer_policy: Option<Referrer>,
    strict_transport_security: Option<StrictTransport>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecurityPolicy {
    content_security_policy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FrameOptions {
    frame_option: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Referrer {
    referrer_policy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StrictTransport {
    access_control_max_age_sec: u64,
    #[serde(default)]
    include_subdomains: bool,
    #[serde(default)]
    preload: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct CustomHeaders {
    items: Vec<CustomHeader>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CustomHeader {
    header: String,
    value: String,
}

type Headers = Vec<(String, String)>;

/// Reads the distribution, if there is one. Two would need two addresses.
pub(super) fn read(reader: &Reader<'_>, template: &mut Template) -> Result<(), TemplateError> {
    let mut policies = BTreeMap::new();
    for (id, properties) in reader.resources::<HeadersProperties>("AWS::CloudFront::ResponseHeadersPolicy")? {
        let mut headers = headers(properties.response_headers_policy_config);
        for (_, value) in &mut headers {
            *value = localise(reader, value);
        }
        policies.insert(id, headers);
    }
    let mut found = reader.resources::<DistributionProperties>("AWS::CloudFront::Distribution")?;
    if found.len() > 1 {
        return Err(TemplateError::invalid(
            &found.remove(1).0,
            "a second distribution has no address here",
        ));
    }
    for (id, properties) in found {
        template.distribution = Some(distribution(id, properties.distribution_config, &policies)?);
    }
    Ok(())
}

fn distribution(
    id: String,
    config: Config,
    policies: &BTreeMap<String, Headers>,
) -> Result<Distribution, TemplateError> {
    let [origin] = config.origins.as_slice() else {
        return Err(TemplateError::invalid(&id, "it needs one origin, a bucket"));
    };
    let bucket = origin.domain_name.strip_suffix(&format!(".s3.{REGION}.amazonaws.com"));
    let bucket = bucket.ok_or_else(|| TemplateError::invalid(&id, "its origin is no bucket's RegionalDomainName"))?;
    let behaviour = |behaviour: &CacheBehaviour| {
        if behaviour.target_origin_id != origin.id {
            let message = format!("there is no origin {}", behaviour.target_origin_id);
            return Err(TemplateError::invalid(&id, message));
        }
        let pattern = behaviour.path_pattern.as_deref().unwrap_or("/*");
        let prefix = pattern.strip_suffix('*').filter(|prefix| !prefix.contains(['*', '?']));
        let prefix =
            prefix.ok_or_else(|| TemplateError::invalid(&id, "only patterns such as /assets/* are known here"))?;
        let policy = behaviour.response_headers_policy_id.as_ref();
        let headers = match policy.map(|policy| policies.get(policy).ok_or(policy)) {
            Some(Ok(headers)) => headers.clone(),
            Some(Err(policy)) => {
                let message = format!("there is no response headers policy {policy} in the template");
                return Err(TemplateError::invalid(&id, message));
            }
            None => Vec::new(),
        };
        Ok(Behaviour {
            prefix: prefix.to_owned(),
            headers,
        })
    };
    let all = config.cache_behaviors.iter().chain([&config.default_cache_behavior]);
    let behaviours = all.map(behaviour).collect::<Result<_, _>>()?;
    let error_pages = config.custom_error_responses.into_iter().map(|error| {
        let page = ErrorPage {
            status: error.response_code,
            path: error.response_page_path,
        };
        (error.error_code, page)
    });
    Ok(Distribution {
        bucket: bucket.to_owned(),
        root_object: config.default_root_object,
        behaviours,
        error_pages: error_pages.collect(),
        logical_id: id,
    })
}

/// The headers that a policy adds, as CloudFront writes them.
fn headers(config: HeadersConfig) -> Headers {
    let security = config.security_headers_config;
    let strict = security.strict_transport_security.map(|strict| {
        let mut value = format!("max-age={}", strict.access_control_max_age_sec);
        if strict.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if strict.preload {
            value.push_str("; preload");
        }
        value
    });
    let fixed = [
        (
            "content-security-policy",
            security
                .content_security_policy
                .map(|policy| policy.content_security_policy),
        ),
        (
            "x-content-type-options",
            security.content_type_options.map(|_| "nosniff".to_owned()),
        ),
        (
            "x-frame-options",
            security.frame_options.map(|options| options.frame_option),
        ),
        (
            "referrer-policy",
            security.referrer_policy.map(|policy| policy.referrer_policy),
        ),
        ("strict-transport-security", strict),
    ];
    let fixed = fixed
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let custom = config.custom_headers_config.items.into_iter();
    fixed
        .chain(custom.map(|header| (header.header.to_lowercase(), header.value)))
        .collect()
}

use super::*;
use crate::quote::Totals;

/// The sizes of the specification's proposal document cost what it says.
#[test]
fn the_documents_sizes_cost_what_it_says() {
    let sizes = Sizes {
        gateways: Some(2.into()),
        business: Some(6.into()),
        backend: Some(6.into()),
        hot_gb: Some(500.into()),
        cold_gb: Some(2000.into()),
        transfer_gb: Some(1000.into()),
    };
    let lines = priced(PriceBook::newest().unwrap(), &sizes);
    let amounts: Vec<(&str, Decimal)> = lines.iter().map(|line| (line.key.as_ref(), line.amount.max)).collect();
    let expected = [
        ("compute.gateway", 100),
        ("compute.business", 600),
        ("compute.backend", 900),
        ("storage.hot", 50),
        ("storage.cold", 20),
        ("storage.cache", 100),
        ("network.transfer", 90),
    ];
    assert_eq!(amounts, expected.map(|(key, amount)| (key, Decimal::from(amount))));
    let year = |start: &str| {
        let part: Vec<Line> = lines
            .iter()
            .filter(|line| line.key.starts_with(start))
            .cloned()
            .collect();
        Totals::of(&part, None, crate::quote::CENTS).infrastructure_per_year.max
    };
    assert_eq!(
        [year("compute"), year("storage"), year("network"), year("")],
        [19_200, 2_040, 1_080, 22_320].map(Decimal::from)
    );
}

/// The numbers of instances in the same document are those of the load that the performance targets name.
#[test]
fn the_targets_load_needs_the_documents_instances() {
    let load = Infrastructure {
        daily_volume_gb: Some(5.into()),
        concurrent_users: Some(1_000),
        refresh_period: Some(Refresh::Minute),
        monthly_transfer_gb: None,
    };
    let sizes = compute(PriceBook::newest().unwrap(), &load, 100);
    let instances = (sizes.gateways, sizes.business, sizes.backend);
    assert_eq!(instances, (Some(2.into()), Some(6.into()), Some(6.into())));
}

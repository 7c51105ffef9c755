//! Topics whose formulas look at other periods.

use catalog::{KpiDefinition, Period};
use jiff::SignedDuration;
use records::definitions;
use tests::databases::servers;

use super::{Airline, MAX_STATEMENTS, facts};

/// Topics of formulas over other periods are read with all others.
#[tokio::test]
async fn statements_of_a_tick_do_not_grow_with_windows() {
    let formulas = [
        "COUNT(Flight) - PREVIOUS(COUNT(Flight))",
        "SAME_PERIOD_LAST_YEAR(COUNT(Flight), LIKE_FOR_LIKE)",
        "ROLLING(COUNT(Flight), 3)",
        "TO_DATE(COUNT(Flight), YEAR)",
        "CUMULATIVE(COUNT(Flight))",
    ];
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        for (number, formula) in formulas.iter().enumerate() {
            let mut kpi = KpiDefinition::named(format!("OVER_{number}"), "over");
            kpi.formula = (*formula).to_owned();
            definitions::create_kpi(&airline.database.owner, airline.client, &kpi)
                .await
                .unwrap();
        }
        let origins: Vec<String> = (0..20).map(|number| format!("A{number:02}")).collect();
        let codes: Vec<String> = (0..formulas.len()).map(|number| format!("OVER_{number}")).collect();
        for origin in &origins {
            let of = |period| {
                codes
                    .iter()
                    .map(move |code| (code.as_str(), period, Some(origin.as_str())))
            };
            let topics = of(Period::Hour).chain(of(Period::Day)).collect();
            airline.subscribe(origin, airline.client, topics);
        }
        let now = platform::clock::now();
        let first = airline.tick(&[]).await;
        let touched = airline.land(now, &origins).await;
        let second = airline.tick(&touched).await;
        // A fact of an hour ago changes what looks back: channel 3 is the last three hours.
        let earlier = now - SignedDuration::from_hours(1);
        let touched = airline.land(earlier, &origins).await;
        let third = airline.tick(&touched).await;
        let shown = [&second, &third].map(|ticked| [3, 5].map(|channel| facts(&ticked.frames["A00"], channel)));
        assert_eq!(shown, [[Some(1), Some(1)], [Some(2), Some(2)]]);
        for ticked in [first, second, third] {
            assert!(ticked.statements <= MAX_STATEMENTS, "{} statements", ticked.statements);
        }
        airline.database.drop_it().await.unwrap();
    }
}

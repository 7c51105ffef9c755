use super::*;
use jiff::civil::date;

#[test]
fn an_offer_is_open_to_the_end_of_its_last_day() {
    let until = valid_until(date(2026, 1, 31));
    assert_eq!(until, date(2026, 3, 2));
    assert_eq!(Outcome::Open.state(until, date(2026, 3, 2)), State::Issued);
    assert_eq!(Outcome::Open.state(until, date(2026, 3, 3)), State::Expired);
    for (outcome, state) in [
        (Outcome::Accepted, State::Accepted),
        (Outcome::Declined, State::Declined),
        (Outcome::Superseded, State::Superseded),
    ] {
        assert_eq!(
            outcome.state(until, date(2030, 1, 1)),
            state,
            "what was decided does not expire"
        );
        assert_eq!(Outcome::named(outcome.name()), Some(outcome));
    }
    assert_eq!(Outcome::named("expired"), None);
    assert_eq!(valid_until(Date::MAX), Date::MAX);
}

#[test]
fn every_state_allows_what_it_allows() {
    use Action::{Accept, Decline, Edit, Issue, Revise};
    let actions = [Edit, Issue, Accept, Decline, Revise];
    // y: yes, a: already done, -: no.
    let table = [
        (State::Draft, "yy--a"),
        (State::Issued, "-ayyy"),
        (State::Accepted, "--a--"),
        (State::Declined, "---ay"),
        (State::Expired, "----y"),
        (State::Superseded, "-----"),
    ];
    for (state, expected) in table {
        let allowed: String = actions
            .iter()
            .map(|action| match state.allows(*action) {
                Allowed::Yes => 'y',
                Allowed::Already => 'a',
                Allowed::No { .. } => '-',
            })
            .collect();
        assert_eq!(allowed, expected, "{state:?}");
    }
}

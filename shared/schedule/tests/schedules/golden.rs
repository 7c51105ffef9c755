//! Plans against the earliest ends that an exact solver found: `tests/golden/schedules.py`.

use schedule::Project;
use serde::Deserialize;

use crate::feasible::require_feasible;

/// By how much a plan may be longer than the best there is, in thousandths.
const MOST_LONGER: u32 = 50;

#[derive(Deserialize)]
struct Case {
    name: String,
    project: Project,
    optimum: Optimum,
}

#[derive(Deserialize)]
struct Optimum {
    day: String,
    minute: u32,
    standard_minutes: u32,
}

/// Ends are measured in standard minutes (full days from Monday to Friday) since the start: nights and weekends, which no
/// plan can use, would make every plan look nearer to the best.
#[test]
fn ends_are_at_most_five_percent_behind_the_earliest_of_a_hundred_projects() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/schedules.json")).unwrap();
    assert_eq!(cases.len(), 100);
    let mut distances = Vec::new();
    for Case { name, project, optimum } in cases {
        let plan = schedule::plan(&project).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        require_feasible(&project, &plan);
        let (end, earliest) = (
            (plan.end.day.to_string(), plan.end.minute),
            (optimum.day, optimum.minute),
        );
        assert!(
            end >= earliest,
            "{name}: {end:?} is before {earliest:?}: the models differ"
        );
        let longer = plan.standard_minutes - optimum.standard_minutes;
        let distance = (longer * 1_000).div_ceil(optimum.standard_minutes);
        assert!(
            distance <= MOST_LONGER,
            "{name}: {end:?} and not {earliest:?}, {distance} thousandths"
        );
        let least = 20 * 480;
        distances.push((distance, end == earliest, optimum.standard_minutes >= least));
    }
    let exact = distances.iter().filter(|(_, exact, _)| *exact).count();
    let long = distances.iter().filter(|(_, _, long)| *long).count();
    let most = distances
        .iter()
        .map(|(distance, ..)| *distance)
        .max()
        .unwrap_or_default();
    let sum: u32 = distances.iter().map(|(distance, ..)| *distance).sum();
    println!(
        "{exact} of 100 end as early as can be; thousandths behind: {sum} in sum, {most} at most; {long} last four weeks or more"
    );
}

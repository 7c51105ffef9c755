//! What is true of every plan.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use schedule::{Commitment, DelayKind, Person, Phase, Project, Skill, Span, Task, with_person, with_start};

use crate::feasible::require_feasible;

const SKILLS: [Skill; 3] = [Skill::BatchIntegration, Skill::Kpi, Skill::Testing];
const START: Date = date(2026, 3, 2);

fn spans(most: usize) -> impl Strategy<Value = Vec<Span>> {
    let span = (0..30_i64, 0..6_i64).prop_map(|(from, length)| Span {
        from: START + from.days(),
        to: START + (from + length).days(),
    });
    prop::collection::vec(span, 0..=most)
}

fn person() -> impl Strategy<Value = Person> {
    let week = prop::array::uniform7(prop_oneof![Just(0_u32), Just(480), 1..600_u32]);
    let promised = (spans(2), 0..500_u32).prop_map(|(spans, minutes_per_day)| {
        let commitment = |Span { from, to }| Commitment {
            from,
            to,
            minutes_per_day,
        };
        spans.into_iter().map(commitment).collect()
    });
    let skills = prop::sample::subsequence(SKILLS.to_vec(), 0..=3);
    (week, spans(2), promised, skills).prop_map(|(mut weekday_minutes, absences, commitments, skills)| {
        // Someone who never works would make projects that cannot be planned.
        weekday_minutes[2] = weekday_minutes[2].max(60);
        let name = None;
        Person {
            id: String::new(),
            name,
            roles: Vec::new(),
            skills,
            weekday_minutes,
            absences,
            commitments,
        }
    })
}

fn task() -> impl Strategy<Value = Task> {
    let work = prop_oneof![1 => Just(0_u32), 6 => 1..3_000_u32];
    let before = prop::collection::vec(0..6_usize, 0..3);
    let day = prop::option::weighted(0.2, 0..20_i64);
    (work, before, day, prop::sample::select(SKILLS.to_vec())).prop_map(|(work_minutes, before, day, skill)| Task {
        key: String::new(),
        title: "Task".to_owned(),
        phase: Phase::DataIntegration,
        subject: None,
        skill: Some(skill),
        work_minutes,
        depends_on: before.iter().map(|back| back.to_string()).collect(),
        not_before: day.map(|day| START + day.days()),
    })
}

/// Projects that can be planned: the first person can do all, and dependencies go back.
fn project() -> impl Strategy<Value = Project> {
    let tasks = prop::collection::vec(task(), 1..8);
    let people = prop::collection::vec(person(), 1..4);
    (tasks, people, spans(2)).prop_map(|(mut tasks, mut people, holidays)| {
        people[0].skills = SKILLS.to_vec();
        for (index, person) in people.iter_mut().enumerate() {
            person.id = format!("P{index}");
        }
        for (index, task) in tasks.iter_mut().enumerate() {
            task.key = format!("T{index}");
            let back = |back: &String| index.checked_sub(back.parse::<usize>().unwrap() + 1);
            task.depends_on = task
                .depends_on
                .iter()
                .filter_map(back)
                .map(|before| format!("T{before}"))
                .collect();
        }
        Project {
            start: START,
            tasks,
            people,
            holidays,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Capacity, days off, skills, dependencies, and all work done: `feasible.rs` checks them from the project alone.
    #[test]
    fn a_plan_keeps_every_rule_and_is_the_same_each_time(project in project()) {
        let plan = schedule::plan(&project).unwrap();
        require_feasible(&project, &plan);
        prop_assert_eq!(&plan, &schedule::plan(&project).unwrap());
        for each in &plan.assignments {
            prop_assert!(each.total_slack_minutes >= each.free_slack_minutes);
            prop_assert_eq!(each.critical, each.total_slack_minutes == 0);
        }
        let last = plan.assignments.iter().find(|each| Some(&each.task) == plan.critical_path.last()).unwrap();
        prop_assert_eq!(last.end, plan.end);
        prop_assert!(plan.utilisation.assigned_minutes <= plan.utilisation.available_minutes);
        for delay in &plan.delays {
            prop_assert!(!delay.causes.is_empty(), "{}", delay.text);
            let explained: u32 = delay.causes.iter().map(|cause| cause.minutes).sum();
            let listed_all = delay.causes.len() < 5;
            // A day longer than eight hours wins back what another one lost.
            prop_assert!(!listed_all || explained >= delay.minutes, "{explained} of {}", delay.text);
            prop_assert!(!listed_all || delay.kind == DelayKind::LongDuration || explained == delay.minutes, "{}", delay.text);
        }
    }

    /// One more person never makes the end later, and is no reason for a plan that breaks a rule.
    #[test]
    fn one_more_person_is_never_a_loss(project in project(), mut person in person()) {
        person.id = "new".to_owned();
        let mut larger = project.clone();
        larger.people.push(person.clone());
        let answer = with_person(&project, person).unwrap();
        let before = answer.before.unwrap();
        require_feasible(&project, &before);
        require_feasible(&larger, &answer.after);
        prop_assert!(answer.after.end <= before.end);
    }

    /// To begin earlier never makes the end later.
    #[test]
    fn an_earlier_start_is_never_a_loss(project in project(), days in 0..20_i64) {
        let start = START - days.days();
        let answer = with_start(&project, start).unwrap();
        require_feasible(&Project { start, ..project }, &answer.after);
        prop_assert!(answer.after.end <= answer.before.unwrap().end);
    }
}

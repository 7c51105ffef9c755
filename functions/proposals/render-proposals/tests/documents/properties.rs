//! No text makes rendering fail.

use document::{Pictures, amounts};
use proptest::prelude::*;
use render_proposals::{pdf, word};

use crate::extract::docx_text;
use crate::sample::Sample;

fn any_text() -> impl Strategy<Value = String> {
    // Half of it made of what has a meaning to Typst or XML.
    let marks = "[#*_`$<>@/\\\\\\[\\]{}()\"'&;:=+~^%!?. \\-\n\t\u{0}\u{1b}\u{200b}\u{200d}\u{202e}a-c0-9]{0,60}";
    prop_oneof![any::<String>(), marks]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_rendered(client in any_text(), project in any_text(), kpi in any_text(), system in any_text(), terms in any_text()) {
        let mut sample = Sample::new(2);
        (sample.client, sample.project, sample.conditions) = (client, project, terms);
        sample.required.kpis[0].name = kpi.clone();
        sample.required.value_chains[0].name = kpi;
        sample.bars.truncate(4);
        sample.bars[1].title = system.clone();
        for object in sample.answers.data_integration.as_mut().unwrap().values_mut() {
            object.source_system = Some(system.clone());
        }
        let document = sample.document();
        prop_assert!(pdf::render(&document).unwrap().starts_with(b"%PDF-"));
        let docx = docx_text(&word::render(&document).unwrap()).join("\n");
        let model = document.lines(Pictures::Described).join("\n");
        prop_assert_eq!(amounts(&docx), amounts(&model));
    }
}

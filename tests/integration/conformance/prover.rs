//! What the prover knows; `make prove` runs it.

use std::collections::BTreeSet;

use tests::prover::{constructs, oracle};

/// What is written is counted, and the other way round.
#[tokio::test]
async fn the_generator_and_the_oracle_know_the_same_constructs() {
    let counted: BTreeSet<String> = oracle::constructs().await.unwrap().into_iter().collect();
    assert_eq!(constructs(), counted);
}
